"""Liquidation, as slowly and obviously as it can be written.

First the book, then the backstop account with the insurance fund's help, then the other side's
most profitable positions, and what is still missing is the exchange's deficit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from tests.precompiles.perp.naive_order import LIQUIDATION, MOST, NaiveOrder
from tests.precompiles.perp.naive_orders import NaiveOrders
from tests.precompiles.perp.naive_position import CROSS, LIQUIDATED, STANDALONE, NaivePosition
from tests.precompiles.spot.naive_exchange import IOC, Refused

BOOK, BACKSTOP, DELEVERAGING = 1, 2, 3
RESERVE = 100
"""Of equity, not spent in the book."""


@dataclass
class NaiveLiquidations(NaiveOrders):
    """Orders and accounts, and what happens to those that ran out of margin."""

    def check_liquidatable(self, position: NaivePosition) -> None:
        for part in self.unit(position):
            part.market.require_fresh(self.now)
        if self.liquidatable(position):
            return
        if position.kind == STANDALONE:
            told = position.market.mark, position.threshold
            raise Refused("PositionHealthy", position.id, *told)
        told = self.unit_equity(position), self.unit_maintenance(position)
        raise Refused("NotLiquidatable", position.id, *told)

    # The way down

    def liquidate(self, caller: bytes, position_id: int) -> int:
        position = self.position(position_id)
        if not position.open:
            raise Refused("PositionNotOpen", position_id)
        self.check_liquidatable(position)
        mark = position.market.mark
        if self.is_for_the_book(position):
            if self.cooling_down(position):
                raise Refused("LiquidationCoolingDown", position.id, position.cooldown)
            price = self.to_the_book(caller, position)
            if price:
                return price
        unit = [(part, abs(part.size)) for part in self.unit(position)]
        self.cover(position)
        stage = BACKSTOP if self.to_the_backstop(position) else DELEVERAGING
        if stage == DELEVERAGING:
            self.to_the_other_side(position)
        for part, size in unit:
            self.sweep(part.market)
            self.told(caller, part, size, part.market.mark, stage)
        return mark

    def can_be_liquidated(self, position: NaivePosition) -> bool:
        fresh = not any(part.market.stale(self.now) for part in self.unit(position))
        waits = self.is_for_the_book(position) and self.cooling_down(position)
        return fresh and self.liquidatable(position) and not waits

    def is_for_the_book(self, position: NaivePosition) -> bool:
        equity, needed = self.unit_equity(position), self.unit_maintenance(position)
        return equity > 0 and 3 * equity >= 2 * needed

    def large(self, position: NaivePosition) -> bool:
        return position.notional > position.market.partial_notional > 0

    def cooling_down(self, position: NaivePosition) -> bool:
        return self.large(position) and self.now < position.cooldown

    def to_the_book(self, caller: bytes, position: NaivePosition) -> int:
        """Average price, or 0 where nothing filled."""
        market, size = position.market, abs(position.size)
        in_part = self.large(position) and position.cooldown == 0
        if in_part:
            size = max(market.lot, size // 5 // market.lot * market.lot)
        order = NaiveOrder(
            len(self.orders) + 1,
            *(position.user, market, size, self.bankruptcy_price(position)),
            *(position.size < 0, IOC),
            reduce_only=True,
            kind=LIQUIDATION,
        )
        paid = position.paid
        self.match(order, position)
        self.finish(order, ended=False)
        if not order.filled:
            return 0
        if in_part and position.open:
            position.cooldown = self.now + market.cooldown
        self.take_fee(position, order, position.paid - paid)
        price = order.notional * market.base_unit // order.filled
        self.told(caller, position, order.filled, price, BOOK)
        return price

    def bankruptcy_price(self, position: NaivePosition) -> int:
        """At which its share of the unit's equity is next to gone; in the unit's favour."""
        share = Fraction(1)
        if position.kind == CROSS:
            share = Fraction(position.maintenance, max(1, self.unit_maintenance(position)))
        equity = max(0, floor(self.unit_equity(position) * share) - RESERVE)
        distance = equity * position.market.base_unit // abs(position.size)
        price = position.market.mark + (-distance if position.size > 0 else distance)
        return max(1, min(MOST, price))

    def take_fee(self, position: NaivePosition, order: NaiveOrder, paid_out: int) -> None:
        wanted = ceil(Fraction(order.notional * order.market.liquidation_fee, 100_000))
        ended = position.kind != CROSS and not position.open
        fee = max(0, min(wanted, paid_out if ended else self.unit_equity(position)))
        if ended:
            self.add_cash(position.user, -fee)
        else:
            self.pay(position, -fee)
        self.insure(fee)

    def cover(self, position: NaivePosition) -> None:
        """What insurance can pay of a loss beyond the margin."""
        paid = min(self.insurance, max(0, -self.unit_equity(position)))
        self.pay(position, paid)
        self.insure(-paid)

    def to_the_backstop(self, position: NaivePosition) -> bool:
        """Whether the backstop account could take the whole unit over."""
        if self.backstop in (bytes(20), position.user) or self.unit_equity(position) < 0:
            return False
        before = self.save()
        try:
            if self.taken_over(position):
                return True
        except Refused:  # what the backstop already has stands in its way
            pass
        self.restore(before)
        return False

    def taken_over(self, position: NaivePosition) -> bool:
        """Whether the backstop account has the margin for what it takes over at mark."""
        backstop, unit, left = self.backstop, self.unit(position), 0
        for part in unit:
            signed, paid = part.size, part.paid
            notional = part.market.traded(abs(signed), part.market.mark)
            self.reduce(part, abs(signed), notional, LIQUIDATED, forced=True)
            self.trade_netting(backstop, part.market, signed, notional)
            left += part.paid - paid
        if position.kind == CROSS:
            left = max(0, self.cash.get(position.user, 0))
        self.add_cash(position.user, -left)
        self.add_cash(backstop, left)
        taken = [self.netting(backstop, part.market) for part in unit]
        return self.equity(backstop) >= self.maintenance(backstop) and not any(
            new and new.kind != CROSS and self.liquidatable(new) for new in taken
        )

    def to_the_other_side(self, position: NaivePosition) -> None:
        """Close the unit against the most profitable positions of the other side."""
        unit = self.unit(position)
        total = sum(p.market.traded(abs(p.size), p.market.mark) for p in unit)
        shortfall = left = max(0, -self.unit_equity(position))
        for part in unit:
            left = self.deleverage(part, Fraction(shortfall, total or 1), left)
        self.cover_account(position.user)

    def cover_account(self, user: bytes) -> None:
        """Nobody owes without a position."""
        debt = -self.cash.get(user, 0)
        if debt > 0 and not self.cross(user):
            self.add_cash(user, self.covered(debt))

    def deleverage(self, part: NaivePosition, share: Fraction, shortfall: int) -> int:
        """Others lose a share of what they close, up to the shortfall; what is left of that."""
        for other in self.counterparties(part):
            if not part.open:
                break
            amount = min(abs(part.size), abs(other.size))
            notional = part.market.traded(amount, part.market.mark)
            spare = max(0, self.unit_equity(other) - 2)
            extra = min(shortfall, ceil(share * notional), notional, spare)
            shortfall -= extra
            notional += extra if part.size > 0 else -extra
            self.reduce(part, amount, notional, LIQUIDATED, forced=True)
            self.reduce(other, amount, notional, forced=True)
            self.cover_account(other.user)
            self.events.append(("Deleveraged", other.id, part.id, amount, notional))
        assert not part.open, "sizes cancel out"
        return shortfall

    def counterparties(self, part: NaivePosition) -> Sequence[NaivePosition]:
        """Open positions on the other side, the most profitable first."""
        others = [p for p in self.open_positions(market=part.market) if p.size * part.size < 0]
        return sorted(others, key=lambda p: (-self.rank(p), p.id))

    def rank(self, position: NaivePosition) -> Fraction:
        """Profit times leverage; who has no equity comes last."""
        equity, market = self.unit_equity(position), position.market
        if equity <= 0:
            return Fraction(-1)
        notional = Fraction(abs(position.size) * market.mark, market.base_unit)
        if position.size < 0:
            return Fraction(position.entry, equity)
        return notional / max(1, position.entry) * notional / equity

    def told(
        self, caller: bytes, position: NaivePosition, size: int, price: int, stage: int
    ) -> None:
        left = self.unit_equity(position) if position.kind == CROSS or position.open else 0
        self.events.append(
            ("Liquidated", position.id, position.user, caller, size, price, stage, left)
        )
