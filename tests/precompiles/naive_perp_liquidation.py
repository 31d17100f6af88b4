"""Liquidation, as slowly and obviously as it can be written.

First the book, then the backstop account with the insurance fund's help, then the other side's
most profitable positions, and what is still missing is the exchange's deficit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.precompiles.naive_exchange import IOC, LARGEST, Refused
from tests.precompiles.naive_perp_accounts import CROSS, LIQUIDATED, STANDALONE, NaivePosition
from tests.precompiles.naive_perp_orders import LIQUIDATION, NaiveOrder, NaiveOrders

BOOK, BACKSTOP, DELEVERAGING = 1, 2, 3


@dataclass
class NaiveLiquidations(NaiveOrders):
    """Orders and accounts, and what happens to those that ran out of margin."""

    # Units: one position with its own cash, or all cross positions of an account

    def unit(self, position: NaivePosition) -> list[NaivePosition]:
        return self.cross(position.user) if position.kind == CROSS else [position]

    def unit_equity(self, position: NaivePosition) -> int:
        return self.equity(position.user) if position.kind == CROSS else position.equity

    def unit_maintenance(self, position: NaivePosition) -> int:
        return sum(p.maintenance for p in self.unit(position))

    def liquidatable(self, position: NaivePosition) -> bool:
        if position.kind == STANDALONE:
            return position.beyond_threshold
        needed = self.unit_maintenance(position)
        return needed > 0 and self.unit_equity(position) < needed

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
        equity, needed = self.unit_equity(position), self.unit_maintenance(position)
        if equity > 0 and 3 * equity >= 2 * needed:
            price = self.to_the_book(caller, position)
            if price:
                return price
        self.cover(position)
        if not self.to_the_backstop(caller, position):
            self.to_the_other_side(caller, position)
        return position.market.mark

    def to_the_book(self, caller: bytes, position: NaivePosition) -> int:
        """Average price, or 0 where nothing filled."""
        market, size = position.market, abs(position.size)
        if position.notional > market.partial_notional > 0:
            if self.now < position.cooldown:
                raise Refused("LiquidationCoolingDown", position.id, position.cooldown)
            if position.cooldown == 0:
                size = max(market.lot, size // 5 // market.lot * market.lot)
        order = NaiveOrder(
            len(self.orders) + 1,
            *(position.user, market, size, self.bankruptcy_price(position)),
            *(position.size < 0, IOC),
            kind=LIQUIDATION,
        )
        before = self.save()
        self.finish(order, self.match(order, position))
        if not order.filled:
            self.restore(before)
            return 0
        if size < abs(position.size) or position.open:
            position.cooldown = self.now + market.cooldown
        self.take_fee(position, order)
        price = order.notional * market.base_unit // order.filled
        self.told(caller, position, order.filled, price, BOOK)
        return price

    def bankruptcy_price(self, position: NaivePosition) -> int:
        """At which its unit would be left with nothing; rounded in the unit's favour."""
        distance = Fraction(
            self.unit_equity(position) * position.market.base_unit, abs(position.size)
        )
        if position.size > 0:
            return max(1, ceil(position.market.mark - distance))
        return min(LARGEST, floor(position.market.mark + distance))

    def take_fee(self, position: NaivePosition, order: NaiveOrder) -> None:
        wanted = ceil(Fraction(order.notional * order.market.liquidation_fee, 100_000))
        fee = max(0, min(wanted, self.unit_equity(position)))
        self.pay(position, -fee)
        self.insure(fee)

    def cover(self, position: NaivePosition) -> None:
        """What insurance can pay of a loss beyond the margin."""
        paid = min(self.insurance, max(0, -self.unit_equity(position)))
        self.pay(position, paid)
        self.insure(-paid)

    def to_the_backstop(self, caller: bytes, position: NaivePosition) -> bool:
        """Whether the backstop account could take the whole unit over."""
        backstop, before = self.backstop, self.save()
        if backstop in (bytes(20), position.user) or self.unit_equity(position) < 0:
            return False
        for part in self.unit(position):
            size, notional = part.size, part.market.traded(abs(part.size), part.market.mark)
            self.hand_over(part, abs(size), notional)
            self.trade_netting(backstop, part.market, size, notional)
            self.sweep(part.market)
            self.told(caller, part, abs(size), part.market.mark, BACKSTOP)
        purse = position.user if position.kind == CROSS else None
        if purse:
            rest = self.cash.get(purse, 0)
            self.add_cash(purse, -rest)
            self.add_cash(backstop, rest)
        if self.equity(backstop) >= self.maintenance(backstop):
            return True
        self.restore(before)
        return False

    def hand_over(self, position: NaivePosition, amount: int, notional: int) -> None:
        """Close some of a position against somebody who takes it over."""
        self.reduce(position, amount, notional, LIQUIDATED)

    def to_the_other_side(self, caller: bytes, position: NaivePosition) -> None:
        """Close the unit against the most profitable positions of the other side."""
        unit = self.unit(position)
        shortfall = max(0, -self.unit_equity(position))
        total = sum(p.market.traded(abs(p.size), p.market.mark) for p in unit)
        for part in unit:
            self.deleverage(caller, part, shortfall, total)
        purse = self.cash.get(position.user, 0)
        if purse < 0:
            self.add_cash(position.user, -purse)
            self.deficit += -purse
            self.events.append(("InsuranceChanged", 0, self.insurance, self.deficit))

    def deleverage(self, caller: bytes, part: NaivePosition, shortfall: int, total: int) -> None:
        market, size = part.market, abs(part.size)
        for other in self.counterparties(part):
            if not part.open:
                break
            amount = min(abs(part.size), abs(other.size))
            notional = market.traded(amount, market.mark)
            extra = ceil(Fraction(shortfall * notional, total)) if total else 0
            extra = max(0, min(extra, self.unit_equity(other)))
            notional += extra if part.size > 0 else -extra
            self.reduce(part, amount, notional, LIQUIDATED)
            self.reduce(other, amount, notional)
            self.events.append(("Deleveraged", other.id, part.id, amount, notional))
            self.sweep(market)
        if part.open:
            raise Refused("NoCounterparty", part.id)
        self.told(caller, part, size, market.mark, DELEVERAGING)

    def counterparties(self, part: NaivePosition) -> Sequence[NaivePosition]:
        """Open positions of others on the other side, the most profitable first."""
        others = [
            p
            for p in self.open_positions(market=part.market)
            if p.user != part.user and p.size * part.size < 0
        ]
        return sorted(others, key=lambda p: (-self.rank(p), p.id))

    def rank(self, position: NaivePosition) -> Any:
        """Profit times leverage; who has no equity comes last."""
        equity, market = self.unit_equity(position), position.market
        if equity <= 0:
            return -1
        notional = Fraction(abs(position.size) * market.mark, market.base_unit)
        gain = notional / max(1, position.entry)
        return (gain if position.size > 0 else 1 / gain) * notional / equity

    def told(
        self, caller: bytes, position: NaivePosition, size: int, price: int, stage: int
    ) -> None:
        left = self.unit_equity(position) if position.open else 0
        self.events.append(
            ("Liquidated", position.id, position.user, caller, size, price, stage, left)
        )
