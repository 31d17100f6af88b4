"""Liquidation, as slowly and obviously as it can be written.

First the book, then the backstop account with the insurance fund's help, then the other side's
positions, and what is still missing is the exchange's deficit. All of it at the oracle's price;
positions without a fresh one count, and stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from tests.precompiles.perp.naive_order import LIQUIDATION, MOST, OWNER_LIQUIDATED, NaiveOrder
from tests.precompiles.perp.naive_orders import NaiveOrders
from tests.precompiles.perp.naive_position import (
    CROSS,
    ISOLATED,
    LIQUIDATED,
    STANDALONE,
    NaivePosition,
)
from tests.precompiles.spot.naive_exchange import CANCELLED, IOC, LARGEST, Refused

BOOK, BACKSTOP, DELEVERAGING = 1, 2, 3
RESERVE = 100
"""Of equity, not spent in the book."""

Closings = list[tuple[NaivePosition, NaivePosition, int, int]]
"""A bankrupt position, who closes it, how much, and the notional."""


@dataclass
class NaiveLiquidations(NaiveOrders):
    """Orders and accounts, and what happens to those that ran out of margin."""

    def check_liquidatable(self, position: NaivePosition) -> None:
        position.market.require_fresh(self.now)
        if self.liquidatable(position):
            return
        if position.kind == STANDALONE:
            told = position.market.oracle, position.threshold
            raise Refused("PositionHealthy", position.id, *told)
        told = self.unit_equity(position), self.unit_maintenance(position)
        raise Refused("NotLiquidatable", position.id, *told)

    # The way down

    def liquidate(self, caller: bytes, position_id: int) -> int:
        position = self.position(position_id)
        if not position.open:
            raise Refused("PositionNotOpen", position_id)
        self.check_liquidatable(position)
        oracle = position.market.oracle
        self.end_orders(position)
        if self.is_for_the_book(position):
            if self.cooling_down(position):
                raise Refused("LiquidationCoolingDown", position.id, position.cooldown)
            price = self.to_the_book(caller, position)
            if price:
                return price
        unit = self.taken(position)
        sizes = [abs(part.size) for part in unit]
        self.cover(position)
        stage = BACKSTOP if self.to_the_backstop(position) else DELEVERAGING
        if stage == DELEVERAGING:
            self.to_the_other_side(position)
        for part, size in zip(unit, sizes, strict=True):
            self.sweep(part.market)
            self.told(caller, part, size, part.market.oracle, stage)
        return oracle

    def end_orders(self, position: NaivePosition) -> None:
        """Those of an account, or into an isolated position; nothing nets into a standalone one."""
        for order in self.live_orders(user=position.user):
            if position.kind == CROSS or (
                position.kind == ISOLATED and order.market is position.market
            ):
                self.end(order, CANCELLED, OWNER_LIQUIDATED)

    def taken(self, position: NaivePosition) -> list[NaivePosition]:
        """What of a unit is taken from its owner: nothing at a stale price."""
        return [part for part in self.unit(position) if not part.stale]

    def settled_equity(self, position: NaivePosition) -> int:
        """Of the unit, once what is taken is closed, and what stays had never been traded."""
        if position.kind != CROSS:
            return position.judged_equity
        cash = self.cash.get(position.user, 0)
        return cash + sum(p.paid_for if p.stale else p.judged_equity for p in self.unit(position))

    def can_be_liquidated(self, position: NaivePosition) -> bool:
        waits = self.is_for_the_book(position) and self.cooling_down(position)
        return not position.stale and self.liquidatable(position) and not waits

    def is_for_the_book(self, position: NaivePosition) -> bool:
        equity, needed = self.unit_equity(position), self.unit_maintenance(position)
        return equity > 0 and 3 * equity >= 2 * needed

    def large(self, position: NaivePosition) -> bool:
        return position.judged_notional > position.market.partial_notional > 0

    def cooling_down(self, position: NaivePosition) -> bool:
        return self.large(position) and self.now < position.cooldown

    def to_the_book(self, caller: bytes, position: NaivePosition) -> int:
        """Average price, or 0 where nothing filled."""
        market, size = position.market, abs(position.size)
        over = position.cooldown + market.cooldown
        in_part = self.large(position) and (position.cooldown == 0 or self.now > over)
        if in_part:
            size = max(market.lot, size // 5 // market.lot * market.lot)
        order = NaiveOrder(
            len(self.orders) + 1,
            *(position.user, market, size, self.bankruptcy_price(position)),
            *(position.size < 0, IOC),
            reduce_only=True,
            kind=LIQUIDATION,
        )
        paid, idle = position.paid, self.idle_cash()
        self.match(order, position)
        self.finish(order, ended=False)
        if not order.filled:
            return 0
        if in_part and position.open:
            position.cooldown = self.now + market.cooldown
        self.take_fee(position, order, position.paid - paid)
        self.hold_back(position.user, idle)
        price = order.notional * market.base_unit // order.filled
        self.told(caller, position, order.filled, price, BOOK)
        return price

    def bankruptcy_price(self, position: NaivePosition) -> int:
        """At which its share of the unit's equity is next to gone; in the unit's favour."""
        share = Fraction(1)
        if position.kind == CROSS:
            share = Fraction(position.judged_maintenance, max(1, self.unit_maintenance(position)))
        equity = max(0, floor(self.unit_equity(position) * share) - RESERVE)
        distance = equity * position.market.base_unit // abs(position.size)
        price = position.market.oracle + (-distance if position.size > 0 else distance)
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
        paid = min(self.insurance, max(0, -self.settled_equity(position)))
        self.pay(position, paid)
        self.insure(-paid)

    def to_the_backstop(self, position: NaivePosition) -> bool:
        """Whether the backstop account could take the whole unit over."""
        if self.backstop in (bytes(20), position.user) or self.settled_equity(position) < 0:
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
        """Whether the backstop account has the margin for what it takes over."""
        backstop, unit, left = self.backstop, self.taken(position), 0
        idle = self.idle_cash()
        equity = max(0, self.unit_equity(position))
        asked = self.unit_maintenance(position)
        for part in unit:
            signed, paid = part.size, part.paid
            notional = part.market.traded(abs(signed), part.market.oracle)
            self.reduce(part, abs(signed), notional, LIQUIDATED, forced=True)
            self.trade_netting(backstop, part.market, signed, notional)
            left += part.paid - paid
        if position.kind == CROSS:
            stays = Fraction(self.judged_maintenance(position.user), asked or 1)
            left = max(0, self.judged_equity(position.user) - ceil(equity * stays))
        self.add_cash(position.user, -left)
        self.add_cash(backstop, left)
        taken = [self.netting(backstop, part.market) for part in unit]
        affords = self.judged_equity(backstop) >= self.judged_maintenance(backstop) and not any(
            new and new.kind != CROSS and self.liquidatable(new) for new in taken
        )
        if affords:
            self.hold_back(backstop, idle)
        return affords

    def to_the_other_side(self, position: NaivePosition) -> None:
        """Close the unit against the other side, which bears what is missing."""
        unit = self.taken(position)
        closed = [
            (part, other, amount, part.market.traded(amount, part.market.oracle))
            for part in unit
            for other, amount in self.counterparties(part)
        ]
        shares = self.shares(position, closed)
        bearers = [other for part in unit for other in self.other_side(part)]
        for other in bearers:
            if other not in [counterparty for _, counterparty, *_ in closed]:
                self.collect(other, unit[0], shares.get(other, 0))
        for part, other, amount, notional in closed:
            share = shares.get(other, 0)
            paid = notional + share if part.size > 0 else max(0, notional - share)
            if part.size < 0 and share > notional:
                self.collect(other, unit[0], share - notional)
            purse, idle = part.paid, self.idle_cash()
            self.reduce(part, amount, paid, LIQUIDATED, forced=True)
            if part.open:  # what a part pays out before the end belongs to the rest
                self.move_margin(part, part.paid - purse)
                part.paid = purse
            self.hold_back(part.user, idle)
            idle = self.idle_cash()
            self.reduce(other, amount, paid, forced=True)
            self.cover_account(other.user)
            self.hold_back(other.user, idle)
            self.events.append(("Deleveraged", other.id, part.id, amount, paid))
        assert not any(part.open for part in unit), "sizes cancel out"
        self.cover_account(position.user)

    def shares(self, position: NaivePosition, closed: Closings) -> dict[NaivePosition, int]:
        """Who bears how much of what the unit will lack.

        First what was gained on what is closed, where the unit lost; then all other gains there;
        then whatever the other side has. Each time all give the same part of what they can.
        """
        unit = self.taken(position)
        flows = sum(n if part.size > 0 else -n for part, _, _, n in closed)
        values = sum(part.judged_value for part in unit)
        missing = max(0, values - flows - self.settled_equity(position))
        losers = [part for part in unit if part.pnl_at_oracle < 0] or unit
        others = [other for part in unit for other in self.other_side(part)]
        where_lost = [other for part in losers for other in self.other_side(part)]
        gains = {other: max(0, other.pnl_at_oracle) for other in where_lost}
        parts = {o: gains[o] * amount // abs(o.size) for _, o, amount, _ in closed if o in gains}
        shares: dict[NaivePosition, int] = {}
        for wanted in (parts, gains, dict.fromkeys(others, LARGEST)):
            asked = {o: wanted[o] - shares.get(o, 0) for o in wanted}
            missing = self.borne(missing, asked, others, shares)
        return shares

    def borne(
        self,
        missing: int,
        wanted: dict[NaivePosition, int],
        others: list[NaivePosition],
        shares: dict[NaivePosition, int],
    ) -> int:
        """Divide what is missing by what each can give, the richest first; what is left of it."""
        can: dict[NaivePosition, int] = {}
        for other, most in wanted.items():
            purse = self.unit_equity(other) - sum(
                2 + shares.get(o, 0) + can.get(o, 0) for o in others if self.same_unit(o, other)
            )
            if min(most, purse) > 0:
                can[other] = min(most, purse)
        left = loss = min(missing, sum(can.values()))
        for other in sorted(can, key=lambda o: -can[o]):
            share = min(left, ceil(Fraction(loss * can[other], sum(can.values()))))
            shares[other] = shares.get(other, 0) + share
            left -= share
        return missing - loss

    def same_unit(self, one: NaivePosition, other: NaivePosition) -> bool:
        return one is other or (one.kind == other.kind == CROSS and one.user == other.user)

    def collect(self, bearer: NaivePosition, bankrupt: NaivePosition, amount: int) -> None:
        if amount:
            self.pay(bearer, -amount)
            self.pay(bankrupt, amount)
            self.events.append(("Deleveraged", bearer.id, bankrupt.id, 0, amount))

    def cover_account(self, user: bytes) -> None:
        """Nobody owes without a position."""
        debt = -self.cash.get(user, 0)
        if debt > 0 and not self.cross(user):
            self.add_cash(user, self.covered(debt))

    def counterparties(self, part: NaivePosition) -> list[tuple[NaivePosition, int]]:
        """Who closes how much of a position, the most profitable first."""
        found, left = [], abs(part.size)
        for other in self.other_side(part):
            amount = min(left, abs(other.size))
            left -= amount
            if amount:
                found.append((other, amount))
        return found

    def other_side(self, part: NaivePosition) -> list[NaivePosition]:
        others = [p for p in self.open_positions(market=part.market) if p.size * part.size < 0]
        return sorted(others, key=lambda p: (-self.rank(p), p.id))

    def rank(self, position: NaivePosition) -> Fraction:
        """Profit times leverage; who has no equity comes last."""
        equity, market = self.unit_equity(position), position.market
        if equity <= 0:
            return Fraction(-1)
        notional = Fraction(abs(position.size) * market.oracle, market.base_unit)
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
