"""One perpetual position, with all that can be worked out from it, on fractions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from tests.precompiles.perp.naive_market import NaiveMarket

CROSS, ISOLATED, STANDALONE = range(3)
OPEN, CLOSED, LIQUIDATED = 1, 2, 3


@dataclass(eq=False)
class NaivePosition:
    """One position and its whole history; a closed one keeps the last size it had."""

    id: int
    user: bytes
    market: NaiveMarket
    kind: int
    leverage: int
    size: int = 0
    entry: int = 0
    """Entry notional."""
    cash: int = 0
    """Of its own; a cross position has none."""
    index: int = 0
    """Funding index it is settled to."""
    status: int = OPEN
    cooldown: int = 0
    """Time until which it cannot be liquidated further; 0 where that never began."""
    realized: int = 0
    paid: int = 0
    """From its own cash to the account, by being closed."""

    @property
    def open(self) -> bool:
        return self.status == OPEN

    @property
    def stale(self) -> bool:
        """Whether the price it is judged at is too old to trade at."""
        return self.market.stale(self.market.time)

    @property
    def paid_for(self) -> int:
        """For a short, what came in for it, below zero."""
        return self.entry if self.size > 0 else -self.entry

    @property
    def gain(self) -> Fraction:
        """By the oracle's price, exact."""
        return Fraction(self.size * self.market.oracle, self.market.base_unit) - self.paid_for

    @property
    def value(self) -> int:
        return floor(Fraction(self.size * self.market.mark, self.market.base_unit))

    @property
    def notional(self) -> int:
        return ceil(Fraction(abs(self.size) * self.market.mark, self.market.base_unit))

    @property
    def maintenance(self) -> int:
        if self.kind == STANDALONE:
            return self.entry_margin // 10
        return self.market.maintenance(self.notional)

    @property
    def initial(self) -> int:
        return self.initial_of(self.notional)

    def initial_of(self, notional: int) -> int:
        doubled = 2 * self.market.exact_maintenance(notional)
        return ceil(max(Fraction(notional, self.leverage), doubled))

    # As liquidation judges it

    @property
    def judged_value(self) -> int:
        """At the oracle's price; a gain at a stale one counts for nothing."""
        if self.stale and self.gain > 0:
            return self.paid_for
        return floor(Fraction(self.size * self.market.oracle, self.market.base_unit))

    @property
    def judged_notional(self) -> int:
        return ceil(Fraction(abs(self.size) * self.market.oracle, self.market.base_unit))

    @property
    def judged_maintenance(self) -> int:
        if self.kind == STANDALONE:
            return self.entry_margin // 10
        return self.market.maintenance(self.judged_notional)

    @property
    def judged_equity(self) -> int:
        return self.cash + self.judged_value + self.funding

    @property
    def margin(self) -> int:
        return self.cash + self.paid_for

    @property
    def pnl(self) -> int:
        """As it is shown: by the price, without a sign, rounded down."""
        value = self.market.traded(abs(self.size), self.market.mark)
        return value - self.entry if self.size > 0 else self.entry - value

    @property
    def pnl_at_oracle(self) -> int:
        """As `pnl`, at the price that liquidations are done at."""
        value = self.market.traded(abs(self.size), self.market.oracle)
        return value - self.entry if self.size > 0 else self.entry - value

    @property
    def funding(self) -> int:
        """Not settled yet."""
        change = self.market.index - self.index
        return floor(Fraction(-self.size * change, 10**18 * self.market.base_unit))

    @property
    def equity(self) -> int:
        """Of a position with its own cash; of a cross one, what it adds to the account's."""
        return self.cash + self.value + self.funding

    @property
    def entry_price(self) -> int:
        return self.entry * self.market.base_unit // abs(self.size)

    @property
    def threshold(self) -> int:
        """Price at which a standalone position is liquidated: 90 % of its margin is gone."""
        bps = 9_000 // self.leverage
        return self.entry_price * (10_000 + (-bps if self.size > 0 else bps)) // 10_000

    @property
    def entry_margin(self) -> int:
        return ceil(Fraction(self.entry, self.leverage))

    @property
    def beyond_threshold(self) -> bool:
        price = self.market.oracle
        return price <= self.threshold if self.size > 0 else price >= self.threshold

    @property
    def eaten_by_funding(self) -> bool:
        """Whether nine tenths of the margin are gone, and not by the price alone."""
        funded = self.margin + self.funding < self.entry_margin
        return funded and self.judged_equity * 10 < self.entry_margin
