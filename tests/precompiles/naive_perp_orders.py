"""Orders of a perpetuals exchange: placing, matching, triggers and cancelling.

As slowly and obviously as it can be written: orders stay in one list for ever, matching sorts it,
and what might not be affordable is tried out and taken back. Written from the rules, not the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any

from tests.precompiles.naive_exchange import (
    ALO,
    CANCELLED,
    EXPIRE_BOTH,
    EXPIRE_MAKER,
    EXPIRE_TAKER,
    EXPIRED,
    FILLED,
    FOK,
    GTC,
    IOC,
    IOC_REMAINDER,
    LARGEST,
    NEW,
    NO_PREVENTION,
    PARTIALLY_FILLED,
    SELF_TRADE,
    Refused,
)
from tests.precompiles.naive_perp_accounts import NaiveAccounts, NaivePosition
from tests.precompiles.naive_perp_market import Levels, NaiveMarket

UNTRIGGERED = 7
NO_MARGIN, REDUCE_ONLY = 5, 6
LIMIT, TRIGGER, POSITION, LIQUIDATION = range(4)


@dataclass(eq=False)
class NaiveOrder:
    """One order, or the trigger it waits for, and its whole history."""

    id: int
    user: bytes
    market: NaiveMarket
    amount: int
    price: int
    is_buy: bool
    force: int = GTC
    reduce_only: bool = False
    client_id: int = 0
    kind: int = LIMIT
    trigger: int = 0
    take_profit: bool = False
    filled: int = 0
    status: int = NEW
    reason: int = 0
    notional: int = 0
    """Of all its fills."""
    profit: int = 0
    grew: bool = False
    """Whether a fill opened something or made it larger."""

    @property
    def remaining(self) -> int:
        return self.amount - self.filled

    @property
    def sign(self) -> int:
        return 1 if self.is_buy else -1

    @property
    def resting(self) -> bool:
        return self.status in (NEW, PARTIALLY_FILLED)

    @property
    def live(self) -> bool:
        return self.resting or self.status == UNTRIGGERED

    @property
    def due(self) -> bool:
        """Whether a trigger's price is reached."""
        if self.is_buy != self.take_profit:
            return self.market.mark >= self.trigger
        return self.market.mark <= self.trigger

    def crosses(self, maker: NaiveOrder) -> bool:
        return self.price >= maker.price if self.is_buy else self.price <= maker.price


@dataclass
class NaiveOrders(NaiveAccounts):
    """Accounts that trade with each other."""

    orders: list[NaiveOrder] = field(default_factory=list)
    trades: int = 0
    met: int = 0
    """Resting orders that the running call traded with or ended."""

    def things(self) -> list[Any]:
        return [*super().things(), *self.orders]

    # Reading

    def live_orders(self, **wanted: Any) -> list[NaiveOrder]:
        return [
            order
            for order in self.orders
            if order.live and all(getattr(order, name) == value for name, value in wanted.items())
        ]

    def queue(self, market: NaiveMarket, *, is_buy: bool) -> list[NaiveOrder]:
        """One side of the book: best price first, then oldest first."""
        orders = [o for o in self.live_orders(market=market, is_buy=is_buy) if o.resting]
        return sorted(orders, key=lambda o: (-o.price if is_buy else o.price, o.id))

    def depth(self, market: NaiveMarket, *, is_buy: bool) -> Levels:
        sizes: dict[int, int] = {}
        for order in self.queue(market, is_buy=is_buy):
            sizes[order.price] = sizes.get(order.price, 0) + order.remaining
        return list(sizes.items())

    def book(self, market: NaiveMarket) -> tuple[Levels, Levels]:
        return self.depth(market, is_buy=True), self.depth(market, is_buy=False)

    # Placing

    def place(
        self,
        user: bytes,
        address: bytes,
        amount: int,
        price: int,
        is_buy: bool,
        force: int = GTC,
        reduce_only: bool = False,
        client_id: int = 0,
    ) -> NaiveOrder:
        market = self.market(address)
        order = NaiveOrder(
            len(self.orders) + 1,
            *(user, market, amount, price, is_buy, force, reduce_only, client_id),
        )
        if force > ALO:
            raise Refused("InvalidTimeInForce", force)
        check_grid(market, amount, price)
        self.check_notional(order)
        market.require_price()
        self.check_band(order)
        self.check_client_id(user, client_id)
        self.check_direction(order)
        return self.execute(order)

    def check_notional(self, order: NaiveOrder) -> None:
        least = order.market.minimum_notional
        notional = order.market.traded(order.amount, order.price)
        if notional < least and not order.reduce_only:
            raise Refused("BelowMinimumNotional", notional, least)

    def check_band(self, order: NaiveOrder) -> None:
        low, high = order.market.within(order.market.price_band)
        if order.market.price_band and not low <= order.price <= high:
            raise Refused("PriceOutOfBand", order.price, low, high)

    def check_client_id(self, user: bytes, client_id: int) -> None:
        if client_id:
            for order in self.live_orders(user=user, client_id=client_id):
                raise Refused("ClientOrderIdInUse", client_id, order.id)

    def check_direction(self, order: NaiveOrder) -> None:
        """A reduce-only order reduces; any other needs to know the price."""
        if not order.reduce_only:
            order.market.require_fresh(self.now)
        elif self.reducible(order) < order.amount:
            size = self.netting_size(order.user, order.market)
            raise Refused("WouldNotReduce", size, order.amount)

    def reducible(self, order: NaiveOrder) -> int:
        """How much of its owner's position an order can close."""
        size = self.netting_size(order.user, order.market)
        return abs(size) if size * order.sign < 0 else 0

    def execute(self, order: NaiveOrder) -> NaiveOrder:
        """Into the book, and then what becomes of the rest."""
        ended = self.match(order)
        if order.grew:
            self.check_taker(order)
        if order.force == FOK and order.remaining:
            raise Refused("CannotFillCompletely", order.amount, order.filled)
        self.finish(order, ended)
        return order

    def match(self, order: NaiveOrder, target: NaivePosition | None = None) -> bool:
        """Fills change `target`, or else the netting position; says whether the order ended."""
        counter = [o for o in self.queue(order.market, is_buy=not order.is_buy) if order.crosses(o)]
        if order.force == ALO and counter:
            raise Refused("WouldTakeLiquidity", order.price, counter[0].price)
        if order.id > len(self.orders):
            self.orders.append(order)
        self.events.append(
            (
                *("OrderPlaced", order.id, order.user, order.market.address, order.amount),
                *(order.price, order.is_buy, order.force, order.kind, order.reduce_only),
                order.client_id,
            )
        )
        order.status = EXPIRED  # not in the book while it matches
        return self.meet(order, counter, target)

    def finish(self, order: NaiveOrder, ended: bool) -> None:
        """Rest what did not fill, or let it expire."""
        if ended:
            self.end(order, EXPIRED, SELF_TRADE)
        elif not order.remaining:
            order.status = FILLED
        elif order.force == IOC:
            self.end(order, EXPIRED, IOC_REMAINDER)
        else:
            self.check_remainder(order)
            order.status = PARTIALLY_FILLED if order.filled else NEW

    def check_taker(self, order: NaiveOrder) -> None:
        """Whether a taker can afford what its fills have made of it."""
        if self.available(order.user) < 0:
            raise Refused("InsufficientMargin", self.available(order.user), 0)
        self.check_open_interest(order.market)

    def check_open_interest(self, market: NaiveMarket) -> None:
        size = self.open_interest(market)
        if size > market.max_open_interest > 0:
            raise Refused("OpenInterestTooLarge", size, market.max_open_interest)

    def check_remainder(self, order: NaiveOrder) -> None:
        """What rests and would open something needs its margin now, though none is put aside."""
        growth = order.remaining - self.reducible(order)
        if order.reduce_only or growth <= 0:
            return
        leverage, _ = self.preference(order.user, order.market)
        notional = ceil(Fraction(growth * order.price, order.market.base_unit))
        needed, available = ceil(Fraction(notional, leverage)), self.available(order.user)
        if available < needed:
            raise Refused("InsufficientMargin", available, needed)

    # Matching

    def meet(
        self, taker: NaiveOrder, counter: list[NaiveOrder], target: NaivePosition | None
    ) -> bool:
        """Meet resting orders one by one; says whether the taker has to end."""
        for maker in counter:
            if not taker.remaining:
                break
            self.met += 1
            if maker.user == taker.user and taker.market.prevention != NO_PREVENTION:
                if self.prevent(taker, maker):
                    return True
                continue
            amount = min(taker.remaining, maker.remaining)
            if maker.reduce_only:
                amount = min(amount, self.reducible(maker))
            if not amount:
                self.end(maker, CANCELLED, REDUCE_ONLY)
            elif not self.affords(maker.user, maker.market, maker.sign * amount, maker.price):
                self.end(maker, CANCELLED, NO_MARGIN)
            else:
                self.trade(taker, maker.user, maker, amount, maker.price, target)
                if maker.reduce_only and maker.remaining and not self.reducible(maker):
                    self.end(maker, CANCELLED, REDUCE_ONLY)
        return False

    def affords(
        self, user: bytes, market: NaiveMarket, signed: int, price: int, limit: int = 0
    ) -> bool:
        """Tries out the resting side of a fill; `limit` is on its notional, where there is one."""
        before = self.save()
        notional = market.traded(abs(signed), price)
        grew, _ = self.trade_netting(user, market, signed, notional)
        self.charge(user, market, notional, market.maker_fee)
        position = self.netting(user, market)
        too_large = position is not None and position.notional > limit > 0
        fine = not grew or (self.available(user) >= 0 and not too_large)
        self.restore(before)
        return fine

    def charge(self, user: bytes, market: NaiveMarket, notional: int, rate: int) -> int:
        fee = ceil(Fraction(notional * rate, 100_000))
        self.add_cash(user, -fee)
        self.add_cash(market.recipient, fee)
        return fee

    def trade(
        self,
        taker: NaiveOrder,
        user: bytes,
        maker: NaiveOrder | None,
        amount: int,
        price: int,
        target: NaivePosition | None,
    ) -> None:
        """A fill against a resting order of a user, or against a user without one."""
        market = taker.market
        notional, signed = market.traded(amount, price), taker.sign * amount
        for order in filter(None, (maker, taker)):
            order.filled += amount
        if maker:
            maker.status = PARTIALLY_FILLED if maker.remaining else FILLED
        self.trades += 1
        market.last_trade = price
        maker_fee = self.charge(user, market, notional, market.maker_fee)
        rate = 0 if taker.kind == LIQUIDATION else market.taker_fee
        taker_fee = self.charge(taker.user, market, notional, rate)
        self.events.append(
            (
                *("Trade", market.address, user, taker.user, self.trades),
                *(maker.id if maker else 0, taker.id, price, amount, notional),
                *(maker_fee, taker_fee, taker.is_buy),
                *(maker.remaining if maker else 0, taker.remaining),
            )
        )
        self.trade_netting(user, market, -signed, notional)
        grew, profit = self.take(taker, signed, notional, target)
        taker.notional += notional
        taker.profit += profit
        taker.grew |= grew
        self.sweep(market)

    def take(
        self, taker: NaiveOrder, signed: int, notional: int, target: NaivePosition | None
    ) -> tuple[bool, int]:
        """The taker's side of a fill."""
        if target is None:
            return self.trade_netting(taker.user, taker.market, signed, notional)
        if target.size * signed < 0:
            return False, self.reduce(target, abs(signed), notional)
        self.grow(target, signed, notional)
        return True, 0

    def prevent(self, taker: NaiveOrder, maker: NaiveOrder) -> bool:
        """Keep an owner from trading with itself; says whether the taker ended."""
        mode = taker.market.prevention
        if mode == EXPIRE_TAKER:
            return True
        if mode in (EXPIRE_MAKER, EXPIRE_BOTH):
            self.end(maker, EXPIRED, SELF_TRADE)
            return mode == EXPIRE_BOTH
        smaller = min(taker.remaining, maker.remaining)
        if maker.remaining == smaller:
            self.end(maker, EXPIRED, SELF_TRADE)
        else:
            self.shrink(maker, maker.amount - smaller)
        if taker.remaining == smaller:
            return True
        self.shrink(taker, taker.amount - smaller)
        return False

    # Ending

    def end(self, order: NaiveOrder, status: int, reason: int) -> None:
        order.status, order.reason = status, reason
        self.events.append(
            (
                *("OrderClosed", order.id, order.user, order.market.address, status, reason),
                *(order.filled, order.remaining),
            )
        )

    def shrink(self, order: NaiveOrder, amount: int) -> None:
        order.amount = amount
        told = (order.id, order.user, order.market.address, order.amount, order.remaining)
        self.events.append(("OrderReduced", *told))


def check_grid(market: NaiveMarket, amount: int, price: int) -> None:
    """Of an order, or of a trigger."""
    if amount == 0:
        raise Refused("AmountZero")
    if price == 0:
        raise Refused("PriceZero")
    for value in (amount, price):
        if value > LARGEST:
            raise Refused("AmountTooLarge", value, LARGEST)
    if amount % market.lot:
        raise Refused("AmountNotMultipleOfLot", amount, market.lot)
    if price % market.tick:
        raise Refused("PriceNotMultipleOfTick", price, market.tick)
