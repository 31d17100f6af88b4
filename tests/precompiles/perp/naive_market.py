"""A market of perpetuals: its terms, its clock, and between what its mark price must lie.

Samples of the premium are counted one by one, hours one by one. The mark price itself is taken
from the exchange, as its averages need an exponential; here are the bounds it has to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, trunc
from typing import Any

from tests.precompiles.spot.naive_exchange import Refused

Levels = list[tuple[int, int]]
"""(price, size), best first."""


@dataclass(eq=False)
class NaiveMarket:
    """Terms and state of one market."""

    address: bytes
    base_unit: int
    tick: int
    lot: int
    max_leverage: int
    feeder: bytes
    tiers: tuple[tuple[int, int], ...] = ()
    maker_fee: int = 0
    taker_fee: int = 0
    liquidation_fee: int = 0
    recipient: bytes = bytes(20)
    prevention: int = 0
    vault: bytes = bytes(20)
    vault_limit: int = 0
    max_price_age: int = 60
    max_slippage: int = 5_000
    partial_notional: int = 0
    cooldown: int = 30
    max_open_interest: int = 0
    minimum_notional: int = 0
    price_band: int = 0
    impact_notional: int = 0

    oracle: int = 0
    updated: int = 0
    external: int = 0
    mark: int = 0
    time: int = 0
    premium_sum: int = 0
    premium_count: int = 0
    index: int = 0
    rate: int = 0
    last_trade: int = 0
    pool: int = 0
    basis: tuple[int, int] = (0, 0)
    """Lowest and highest of all samples of mid - oracle, and of 0, with which it starts."""
    book: tuple[int, int] = (0, 0)
    """Lowest and highest of all samples of the book's median, and of the first oracle price."""
    untold_hours: int = 0
    """Settled, and not yet seen in an event."""

    def __post_init__(self) -> None:
        self.tiers = self.tiers or ((0, self.max_leverage),)

    # Rules of trade

    def maintenance(self, notional: int) -> int:
        return ceil(self.exact_maintenance(notional))

    def exact_maintenance(self, notional: int) -> Fraction:
        bounds = [bound for bound, _ in self.tiers] + [max(notional, self.tiers[-1][0])]
        parts = (
            Fraction(max(0, min(notional, upper) - lower), 2 * leverage)
            for (lower, leverage), upper in zip(self.tiers, bounds[1:], strict=True)
        )
        return sum(parts, Fraction(0))

    def traded(self, amount: int, price: int) -> int:
        """Notional of a trade, the same for both sides."""
        return floor(Fraction(amount * price, self.base_unit))

    def within(self, percent: int) -> tuple[int, int]:
        """The mark, less and more by hundred-thousandths, rounded toward the mark."""
        low = ceil(Fraction(self.mark * (100_000 - percent), 100_000))
        return low, floor(Fraction(self.mark * (100_000 + percent), 100_000))

    def require_price(self) -> None:
        if not self.oracle:
            raise Refused("NoOraclePrice", self.address)

    def require_fresh(self, now: int) -> None:
        self.require_price()
        if self.stale(now):
            raise Refused("StalePrice", self.address, self.updated, self.max_price_age)

    def stale(self, now: int) -> bool:
        return now - self.updated > self.max_price_age

    # The clock

    def advance(self, now: int, bids: Levels, asks: Levels) -> None:
        """From its time to `now`, in which the book was this and nothing happened."""
        if self.oracle:
            premium = self.premium(bids, asks)
            for second in range(self.time - self.time % 5 + 5, now + 1, 5):
                self.premium_sum += 0 if self.stale(second) else premium
                self.premium_count += 1
                if second % 3_600 == 0:
                    self.settle_hour()
            if now > self.time:
                self.sample(bids, asks)
        self.time = now

    def premium(self, bids: Levels, asks: Levels) -> int:
        if not self.impact_notional:
            return 0
        bid = floor(impact_price(bids, self.impact_notional, self.base_unit) or self.oracle)
        ask = ceil(impact_price(asks, self.impact_notional, self.base_unit) or self.oracle)
        above, below = max(0, bid - self.oracle), max(0, self.oracle - ask)
        return trunc(Fraction((above - below) * 10**12, self.oracle))

    def settle_hour(self) -> None:
        mean = trunc(Fraction(self.premium_sum, self.premium_count))
        of_eight_hours = mean + max(-5 * 10**8, min(5 * 10**8, 10**8 - mean))
        rate = trunc(Fraction(of_eight_hours, 8))
        self.rate = max(-4 * 10**10, min(4 * 10**10, rate))
        self.index += trunc(Fraction(self.oracle * self.rate * 10**18, 10**12))
        self.premium_sum = self.premium_count = 0
        self.untold_hours += 1

    def sample(self, bids: Levels, asks: Levels) -> None:
        """The averages stay between the lowest and the highest of what they have seen."""
        middle = book = self.oracle
        if bids and asks:
            middle = (bids[0][0] + asks[0][0]) // 2
            book = self.book_median(bids[0][0], asks[0][0])
        basis = middle - self.oracle
        self.basis = min(self.basis[0], basis), max(self.basis[1], basis)
        self.book = min(self.book[0], book), max(self.book[1], book)

    def set_oracle(self, price: int, external: int, now: int) -> None:
        if not self.oracle:
            self.book = price, price
        self.oracle, self.external, self.updated = price, external, now

    # The mark

    def book_median(self, bid: int, ask: int) -> int:
        if not self.last_trade:
            return (bid + ask) // 2
        return sorted((bid, ask, self.last_trade))[1]

    def mark_bounds(self, bids: Levels, asks: Levels) -> tuple[int, int]:
        """The lowest and highest mark that a book allows."""
        if not (bids and asks):
            return self.oracle, self.oracle
        book = self.book_median(bids[0][0], asks[0][0])
        low, high = self.book
        if self.external and not self.stale(self.time):
            low = high = self.external
        lowest = sorted((self.oracle + self.basis[0], book, low))[1]
        highest = sorted((self.oracle + self.basis[1], book, high))[1]
        return self.near_oracle(lowest), self.near_oracle(highest)

    def near_oracle(self, price: int) -> int:
        """As far from the oracle as the maintenance rate at most."""
        furthest = self.oracle // (2 * self.max_leverage)
        return max(self.oracle - furthest, min(self.oracle + furthest, price))


def impact_price(levels: Levels, notional: int, base_unit: int) -> Fraction | None:
    """Average price of trading a notional into a side of the book; None where it is too thin."""
    left, size = Fraction(notional), Fraction(0)
    for price, offered in levels:
        taken = min(Fraction(offered), left * base_unit / price)
        size += taken
        left -= taken * price / base_unit
        if left == 0:
            return notional * base_unit / size
    return None


def terms(market: NaiveMarket) -> dict[str, tuple[Any, ...]]:
    """What the views of a market show."""
    m = market
    return {
        "getMarket": (
            *(m.base_unit, m.tick, m.lot, m.max_leverage, m.maker_fee, m.taker_fee),
            *(m.liquidation_fee, m.recipient, m.prevention, m.vault, m.vault_limit),
        ),
        "getRisk": (
            *(m.max_price_age, m.max_slippage, m.partial_notional, m.cooldown),
            *(m.max_open_interest, m.minimum_notional, m.price_band, m.impact_notional),
        ),
        "getTiers": (m.tiers,),
        "getFunding": (
            *(m.rate, m.index, m.premium_sum, m.premium_count),
            m.time - m.time % 3_600 + 3_600,
        ),
    }
