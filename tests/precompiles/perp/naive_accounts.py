"""Accounts, positions and margins of a perpetuals exchange, as obviously as they can be written.

Nothing is kept that can be added up: equity, margins and open interest are worked out from plain
lists whenever asked, on fractions. Written from the rules, not from the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.precompiles.perp.naive_market import NaiveMarket
from tests.precompiles.perp.naive_position import (
    CLOSED,
    CROSS,
    ISOLATED,
    STANDALONE,
    NaivePosition,
)
from tests.precompiles.spot.naive_exchange import Refused

Saved = list[tuple[Any, dict[str, Any]]]
"""Things and what their fields were."""


def must_stay(held: list[tuple[int, int]]) -> int:
    """Behind positions of (notional, initial margin): what cannot be taken out."""
    tenth = ceil(Fraction(sum(notional for notional, _ in held), 10))
    return max(tenth, sum(initial for _, initial in held))


@dataclass
class NaiveAccounts:
    """Who has what; `save` it to be able to go back."""

    markets: list[NaiveMarket] = field(default_factory=list)
    cash: dict[bytes, int] = field(default_factory=dict)
    positions: list[NaivePosition] = field(default_factory=list)
    preferences: dict[tuple[bytes, bytes], tuple[int, bool]] = field(default_factory=dict)
    """(user, market) → leverage, whether cross."""
    collateral: int = 0
    """Deposits less withdrawals."""
    insurance: int = 0
    deficit: int = 0
    backstop: bytes = bytes(20)
    now: int = 0
    events: list[tuple[Any, ...]] = field(default_factory=list)
    """Of the call that is running."""

    def things(self) -> list[Any]:
        """Everything in it that changes."""
        return [*self.markets, *self.positions]

    def save(self) -> Saved:
        """All that is true now, to be able to go back to it."""
        return [(thing, copied(vars(thing))) for thing in (self, *self.things())]

    def restore(self, saved: Saved) -> None:
        """Go back; what came into being since is forgotten."""
        for thing, fields in saved:
            thing.__dict__.update(copied(fields))

    # Reading

    def market(self, address: bytes) -> NaiveMarket:
        for market in self.markets:
            if market.address == address:
                return market
        raise Refused("UnknownMarket", address)

    def open_positions(self, **wanted: Any) -> list[NaivePosition]:
        return [
            position
            for position in self.positions
            if position.open and all(getattr(position, k) == v for k, v in wanted.items())
        ]

    def netting(self, user: bytes, market: NaiveMarket) -> NaivePosition | None:
        for position in self.open_positions(user=user, market=market):
            if position.kind != STANDALONE:
                return position
        return None

    def netting_size(self, user: bytes, market: NaiveMarket) -> int:
        position = self.netting(user, market)
        return position.size if position else 0

    def cross(self, user: bytes) -> list[NaivePosition]:
        return self.open_positions(user=user, kind=CROSS)

    def equity(self, user: bytes) -> int:
        return self.cash.get(user, 0) + sum(p.equity for p in self.cross(user))

    def initial(self, user: bytes) -> int:
        return sum(p.initial for p in self.cross(user))

    def maintenance(self, user: bytes) -> int:
        return sum(p.maintenance for p in self.cross(user))

    def available(self, user: bytes) -> int:
        return self.equity(user) - self.initial(user)

    def free(self, user: bytes) -> int:
        """What may be taken out of an account: less of it than may be traded with."""
        held = self.cross(user)
        by_mark = [(p.notional, p.initial) for p in held]
        by_oracle = [(p.judged_notional, p.initial_of(p.judged_notional)) for p in held]
        return min(
            self.equity(user) - must_stay(by_mark), self.judged_equity(user) - must_stay(by_oracle)
        )

    def judged_equity(self, user: bytes) -> int:
        return self.cash.get(user, 0) + sum(p.judged_equity for p in self.cross(user))

    def judged_maintenance(self, user: bytes) -> int:
        return sum(p.judged_maintenance for p in self.cross(user))

    def withdrawable(self, user: bytes) -> int:
        return max(0, min(self.free(user), self.payable(user)))

    def idle_cash(self) -> int:
        """Of everybody without a cross position, who can owe nothing."""
        return sum(max(0, cash) for user, cash in self.cash.items() if not self.cross(user))

    def payable(self, user: bytes) -> int:
        """What is held for somebody: who has positions comes after those who have none."""
        if not self.cross(user):
            return self.collateral
        return max(0, self.collateral - self.idle_cash())

    def require_backing(self, idle_before: int) -> None:
        """What was made idle must be held."""
        idle = self.idle_cash()
        if idle > max(self.collateral, idle_before):
            raise Refused("InsufficientCollateral", self.collateral, idle)

    def hold_back(self, user: bytes, idle_before: int) -> None:
        """What nobody has for who was closed by force is the insurance's."""
        excess = self.idle_cash() - max(self.collateral, idle_before)
        if excess > 0 and not self.cross(user):
            kept = min(excess, self.cash[user])
            self.add_cash(user, -kept)
            self.insure(kept)

    def open_interest(self, market: NaiveMarket) -> int:
        return sum(p.size for p in self.open_positions(market=market) if p.size > 0)

    def unit(self, position: NaivePosition) -> list[NaivePosition]:
        """What is liquidated as one: a position with its own cash, or all cross ones."""
        return self.cross(position.user) if position.kind == CROSS else [position]

    def unit_equity(self, position: NaivePosition) -> int:
        if position.kind == CROSS:
            return self.judged_equity(position.user)
        return position.judged_equity

    def unit_maintenance(self, position: NaivePosition) -> int:
        return sum(p.judged_maintenance for p in self.unit(position))

    def liquidatable(self, position: NaivePosition) -> bool:
        if position.kind == STANDALONE:
            return position.beyond_threshold or position.eaten_by_funding
        needed = self.unit_maintenance(position)
        return needed > 0 and self.unit_equity(position) < needed

    def preference(self, user: bytes, market: NaiveMarket) -> tuple[int, bool]:
        return self.preferences.get((user, market.address), (min(10, market.max_leverage), True))

    def position(self, position_id: int) -> NaivePosition:
        if not 1 <= position_id <= len(self.positions):
            raise Refused("PositionNotFound", position_id)
        return self.positions[position_id - 1]

    def my_position(self, user: bytes, position_id: int) -> NaivePosition:
        position = self.position(position_id)
        if position.user != user:
            raise Refused("NotPositionOwner", position_id, user, position.user)
        if not position.open:
            raise Refused("PositionNotOpen", position_id)
        return position

    # Cash

    def add_cash(self, user: bytes, change: int) -> None:
        self.cash[user] = self.cash.get(user, 0) + change

    def pay(self, position: NaivePosition, change: int) -> None:
        """Into the purse that a position lives on: its own, or the account's."""
        if position.kind == CROSS:
            self.add_cash(position.user, change)
        else:
            position.cash += change

    def require_free(self, user: bytes, amount: int) -> None:
        if amount == 0:
            raise Refused("AmountZero")
        self.require_fresh(user)
        if amount > self.free(user):
            raise Refused("InsufficientMargin", self.free(user), amount)

    def require_fresh(self, user: bytes) -> None:
        """Today's prices of everything that an account's margin depends on."""
        for position in self.cross(user):
            position.market.require_fresh(self.now)

    def insure(self, change: int) -> None:
        """Into the insurance fund, which pays its deficit first, or out of it."""
        if change == 0:
            return
        repaid = min(self.deficit, max(0, change))
        self.deficit -= repaid
        self.insurance += change - repaid
        self.events.append(("InsuranceChanged", change, self.insurance, self.deficit))

    def sweep(self, market: NaiveMarket) -> None:
        """With no position left, what rounding left in the funding pool is nobody's."""
        if not self.open_positions(market=market):
            dust, market.pool = market.pool, 0
            assert dust >= 0, "payers round up"
            self.insure(dust)

    # Positions

    def settle(self, position: NaivePosition) -> int:
        change = position.funding
        self.pay(position, change)
        position.market.pool -= change
        position.index = position.market.index
        return change

    def opened(self, user: bytes, market: NaiveMarket, kind: int, leverage: int) -> NaivePosition:
        new = NaivePosition(len(self.positions) + 1, user, market, kind, leverage)
        new.index = market.index
        self.positions.append(new)
        return new

    def grow(self, position: NaivePosition, signed: int, notional: int) -> None:
        """Buy (signed > 0) or sell more of what it holds."""
        funding = self.settle(position)
        if position.kind == ISOLATED:
            self.move_margin(position, ceil(Fraction(notional, position.leverage)))
        self.pay(position, -notional if signed > 0 else notional)
        position.size += signed
        position.entry += notional
        self.changed(position, 0, funding)

    def move_margin(self, position: NaivePosition, amount: int) -> None:
        self.add_cash(position.user, -amount)
        position.cash += amount

    def reduce(
        self,
        position: NaivePosition,
        amount: int,
        notional: int,
        status: int = CLOSED,
        *,
        forced: bool = False,
    ) -> int:
        """Close part or all of it; gives the realised profit."""
        funding = self.settle(position)
        held, is_long = abs(position.size), position.size > 0
        entry = floor(Fraction(position.entry * amount, held))
        profit = notional - entry if is_long else entry - notional
        margin = floor(Fraction(position.margin * amount, held))
        self.pay(position, notional if is_long else -notional)
        position.realized += profit
        payout = max(0, margin + profit) if position.kind != CROSS else 0
        if amount == held:
            self.check_debt(position, forced=forced)
            payout = position.cash
            position.status = status
        else:
            position.size -= amount if is_long else -amount
            position.entry -= entry
        self.move_margin(position, -payout)
        position.paid += payout
        self.changed(position, profit, funding)
        return profit

    def check_debt(self, position: NaivePosition, *, forced: bool) -> None:
        """A position that ends with less than nothing: the owner must not, insurance has to."""
        debt = -position.cash
        if position.kind == CROSS or debt <= 0:
            return
        if not forced:
            raise Refused("PositionBankrupt", position.id, position.cash)
        position.cash += self.covered(debt)

    def covered(self, debt: int) -> int:
        """A debt, paid by insurance, and by nobody as far as that does not go."""
        paid = min(self.insurance, debt)
        self.insure(-paid)
        if paid < debt:
            self.deficit += debt - paid
            self.events.append(("InsuranceChanged", 0, self.insurance, self.deficit))
        return debt

    def trade_netting(
        self, user: bytes, market: NaiveMarket, signed: int, notional: int
    ) -> tuple[bool, int]:
        """A fill of a user's netting position: whether it grew, and the profit realised."""
        position, profit = self.netting(user, market), 0
        if position and position.size * signed < 0:
            closing = min(abs(signed), abs(position.size))
            part = floor(Fraction(notional * closing, abs(signed)))
            profit = self.reduce(position, closing, part)
            notional -= part
            signed -= closing if signed > 0 else -closing
            if signed == 0:
                return False, profit
            position = None
        if position is None:
            leverage, is_cross = self.preference(user, market)
            position = self.opened(user, market, CROSS if is_cross else ISOLATED, leverage)
        self.grow(position, signed, notional)
        return True, profit

    def changed(self, position: NaivePosition, profit: int, funding: int) -> None:
        self.events.append(
            (
                *("PositionChanged", position.id, position.user, position.market.address),
                *((position.size, position.entry) if position.open else (0, 0)),
                *(profit, funding, position.kind, position.status),
            )
        )

    # What the owner says

    def list_market(self, address: bytes, *terms: Any) -> NaiveMarket:
        market = NaiveMarket(address, *terms)
        market.time = self.now
        self.markets.append(market)
        self.events.append(("MarketListed", address, *terms))
        return market

    def change_market(self, address: bytes, method: str, **terms: Any) -> None:
        vars(self.market(address)).update(terms)
        self.events.append(("MarketChanged", address, method.encode().ljust(32, b"\0")))

    def set_backstop(self, account: bytes) -> None:
        self.backstop = account
        self.events.append(("BackstopSet", account))

    # What users do with their money

    def deposit(self, user: bytes, token: bytes, amount: int) -> None:
        if amount == 0:
            raise Refused("AmountZero")
        self.add_cash(user, amount)
        self.collateral += amount
        self.events.append(("Deposit", user, token, amount))

    def withdraw(self, user: bytes, token: bytes, amount: int) -> None:
        self.require_free(user, amount)
        if amount > self.payable(user):
            raise Refused("InsufficientCollateral", self.payable(user), amount)
        self.add_cash(user, -amount)
        self.collateral -= amount
        self.events.append(("Withdrawal", user, token, amount))

    def fund_insurance(self, user: bytes, amount: int) -> None:
        self.require_free(user, amount)
        self.add_cash(user, -amount)
        self.insure(amount)

    def add_margin(self, user: bytes, position_id: int, amount: int) -> None:
        position = self.my_isolated(user, position_id, amount)
        self.require_free(user, amount)
        self.change_margin(position, amount)

    def remove_margin(self, user: bytes, position_id: int, amount: int) -> None:
        position = self.my_isolated(user, position_id, amount)
        position.market.require_fresh(self.now)
        judged = position.judged_notional
        free = min(
            position.equity - must_stay([(position.notional, position.initial)]),
            position.judged_equity - must_stay([(judged, position.initial_of(judged))]),
        )
        if amount > free:
            raise Refused("InsufficientMargin", free, amount)
        backing = max(0, self.collateral - self.idle_cash())
        if not self.cross(user) and amount > backing:
            raise Refused("InsufficientCollateral", backing, amount)
        self.change_margin(position, -amount)

    def change_margin(self, position: NaivePosition, change: int) -> None:
        self.move_margin(position, change)
        self.events.append(("MarginChanged", position.id, change))

    def my_isolated(self, user: bytes, position_id: int, amount: int) -> NaivePosition:
        if amount == 0:
            raise Refused("AmountZero")
        position = self.my_position(user, position_id)
        if position.kind != ISOLATED:
            raise Refused("NotIsolated", position_id)
        return position

    def set_leverage(self, user: bytes, address: bytes, leverage: int, is_cross: bool) -> None:
        market = self.market(address)
        if not 1 <= leverage <= market.max_leverage:
            raise Refused("InvalidLeverage", leverage, market.max_leverage)
        position = self.netting(user, market)
        if position:
            if (position.kind == CROSS) != is_cross:
                raise Refused("PositionIsOpen", position.id)
            position.leverage = leverage
            left = self.available(user) if is_cross else position.equity - position.initial
            if left < 0:
                raise Refused("InsufficientMargin", left, 0)
        self.preferences[user, address] = leverage, is_cross
        self.events.append(("LeverageSet", user, address, leverage, is_cross))


def copied(fields: dict[str, Any]) -> dict[str, Any]:
    """The same fields, with lists and dictionaries of their own."""
    return {
        name: value.copy() if isinstance(value, (list, dict)) else value
        for name, value in fields.items()
    }
