"""The rules of the spot exchange, as slowly and obviously as they can be written.

Orders stay in one list for ever, matching sorts it, what is on hold is added up from the live
orders whenever asked, and rounding is done on fractions. Written from the rules, not from the code.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

GTC, IOC, FOK, ALO = range(4)
EXPIRE_MAKER, EXPIRE_TAKER, EXPIRE_BOTH, DECREMENT, NO_PREVENTION = range(5)
NEW, PARTIALLY_FILLED, FILLED, CANCELLED, REJECTED, EXPIRED = range(1, 7)
OPEN, USER_CANCELLED, REPLACED, IOC_REMAINDER, SELF_TRADE = range(5)
TOO_SMALL = 8
EVERY_MARKET = bytes(20)
LARGEST = 2**128 - 1


class Refused(Exception):  # noqa: N818  # a refusal is an answer here, not a fault
    """The rule that an order breaks, and the numbers that show it."""

    def __init__(self, name: str, *fields: Any) -> None:
        super().__init__(name, *fields)
        self.name, self.fields = name, fields


@dataclass
class NaiveMarket:
    """Terms of trade; fields in the order of listMarket."""

    asset: bytes
    quote: bytes
    base_unit: int
    tick: int
    lot: int
    maker_fee: int
    taker_fee: int
    prevention: int
    recipient: bytes


@dataclass
class NaiveOrder:
    """One order and its whole history."""

    id: int
    user: bytes
    asset: bytes
    is_buy: bool
    price: int
    amount: int
    force: int
    client_id: int
    filled: int = 0
    status: int = NEW
    reason: int = OPEN
    filled_quote: int = 0

    @property
    def remaining(self) -> int:
        return self.amount - self.filled

    @property
    def live(self) -> bool:
        return self.status in (NEW, PARTIALLY_FILLED)


def quote_of(market: NaiveMarket, amount: int, price: int) -> int:
    return floor(Fraction(amount * price, market.base_unit))


@dataclass
class NaiveExchange:
    """The whole exchange; `copy` it to be able to go back."""

    markets: list[NaiveMarket] = field(default_factory=list)
    orders: list[NaiveOrder] = field(default_factory=list)
    owned: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    """(token, user) → everything the user has, on hold or not."""
    trades: int = 0
    events: list[tuple[Any, ...]] = field(default_factory=list)
    """Of the call that is running."""
    met: int = 0
    """Resting orders that the running call traded with or prevented from trading."""

    def copy(self) -> NaiveExchange:
        return NaiveExchange(
            list(self.markets),
            [copy.copy(order) for order in self.orders],
            dict(self.owned),
            self.trades,
            list(self.events),
            self.met,
        )

    def become(self, other: NaiveExchange) -> None:
        """Go back to a copy."""
        vars(self).update(vars(other.copy()))

    # Reading

    def market(self, asset: bytes) -> NaiveMarket:
        for market in self.markets:
            if market.asset == asset:
                return market
        raise Refused("UnknownMarket", asset)

    def live_orders(self, **wanted: Any) -> list[NaiveOrder]:
        return [
            order
            for order in self.orders
            if order.live and all(getattr(order, name) == value for name, value in wanted.items())
        ]

    def lock(self, order: NaiveOrder) -> tuple[bytes, int]:
        """What an order pays with, and how much of it it may still need, rounded up."""
        market = self.market(order.asset)
        if not order.is_buy:
            return market.asset, order.remaining
        return market.quote, ceil(Fraction(order.remaining * order.price, market.base_unit))

    def on_hold(self, user: bytes, token: bytes) -> int:
        locks = [self.lock(order) for order in self.live_orders(user=user)]
        return sum(amount for locked, amount in locks if locked == token)

    def available(self, user: bytes, token: bytes) -> int:
        return self.owned.get((token, user), 0) - self.on_hold(user, token)

    def queue(self, asset: bytes, *, is_buy: bool) -> list[NaiveOrder]:
        """One side of the book: best price first, then oldest first."""
        orders = self.live_orders(asset=asset, is_buy=is_buy)
        return sorted(orders, key=lambda o: (-o.price if is_buy else o.price, o.id))

    def depth(self, asset: bytes, *, is_buy: bool) -> list[tuple[int, int]]:
        sizes: dict[int, int] = {}
        for order in self.queue(asset, is_buy=is_buy):
            sizes[order.price] = sizes.get(order.price, 0) + order.remaining
        return list(sizes.items())

    # Trading

    def place(
        self,
        user: bytes,
        asset: bytes,
        amount: int,
        price: int,
        is_buy: bool,
        force: int = GTC,
        client_id: int = 0,
    ) -> NaiveOrder:
        market = self.market(asset)
        if force > ALO:
            raise Refused("InvalidTimeInForce", force)
        self.check_grid(market, amount, price)
        bids = [o.price for o in self.queue(asset, is_buy=True)]
        highest = price if is_buy else max([price, *bids[:1]])
        if quote_of(market, amount, highest) == 0:
            raise Refused("AmountZero")
        if client_id:
            for order in self.live_orders(user=user, client_id=client_id):
                raise Refused("ClientOrderIdInUse", client_id, order.id)
        order = NaiveOrder(
            len(self.orders) + 1, user, asset, is_buy, price, amount, force, client_id
        )
        token, needed = self.lock(order)
        if needed > LARGEST:
            raise Refused("AmountTooLarge", needed, LARGEST)
        available = self.available(user, token)
        if available < needed:
            raise Refused("InsufficientBalance", token, available, needed)
        counter = [o for o in self.queue(asset, is_buy=not is_buy) if crosses(order, o)]
        if force == ALO and counter:
            raise Refused("WouldTakeLiquidity", price, counter[0].price)
        if force == FOK:
            fillable, met = self.tried_out(market, order, counter)
            if fillable < amount:
                self.met = met
                raise Refused("CannotFillCompletely", amount, fillable)
        asked = (order.id, user, asset, amount, price, is_buy, force, client_id)
        self.events.append(("OrderPlaced", *asked))
        self.orders.append(order)
        order.status = EXPIRED  # not in the book while it matches
        self.meet(market, order, counter)
        return order

    def tried_out(
        self, market: NaiveMarket, order: NaiveOrder, counter: list[NaiveOrder]
    ) -> tuple[int, int]:
        """What an order would fill and whom it would have met, on a copy of the world."""
        world, taker = self.copy(), copy.copy(order)
        taker.status, taker.force = EXPIRED, IOC
        world.meet(market, taker, [world.orders[maker.id - 1] for maker in counter])
        return taker.filled, world.met

    def meet(self, market: NaiveMarket, taker: NaiveOrder, counter: list[NaiveOrder]) -> None:
        ended = False
        for maker in counter:
            if not taker.remaining or ended:
                break
            self.met += 1
            if maker.user == taker.user and market.prevention != NO_PREVENTION:
                ended = self.prevent(market, taker, maker)
                continue
            amount = min(taker.remaining, maker.remaining)
            if quote_of(market, amount, maker.price):
                self.trade(market, taker, maker)
            elif amount < maker.remaining:
                self.met -= 1
                break
            if maker.remaining and not quote_of(market, maker.remaining, maker.price):
                self.end(maker, EXPIRED, TOO_SMALL)
        rests = not any(crosses(taker, o) for o in self.queue(taker.asset, is_buy=not taker.is_buy))
        rests = rests and quote_of(market, taker.remaining, taker.price) > 0
        if ended:
            taker.status, taker.reason = EXPIRED, SELF_TRADE
        elif not taker.remaining:
            taker.status = FILLED
        elif taker.force == IOC:
            taker.status, taker.reason = EXPIRED, IOC_REMAINDER
        elif not rests:
            taker.status, taker.reason = EXPIRED, TOO_SMALL
        else:
            taker.status = PARTIALLY_FILLED if taker.filled else NEW
        if taker.status == EXPIRED:
            self.closed(taker)

    def trade(self, market: NaiveMarket, taker: NaiveOrder, maker: NaiveOrder) -> None:
        amount = min(taker.remaining, maker.remaining)
        quote = quote_of(market, amount, maker.price)
        buyer, seller = (taker, maker) if taker.is_buy else (maker, taker)
        rates = {id(taker): market.taker_fee, id(maker): market.maker_fee}
        base_fee = ceil(Fraction(amount * rates[id(buyer)], 100_000))
        quote_fee = ceil(Fraction(quote * rates[id(seller)], 100_000))
        self.move(market.asset, seller.user, -amount)
        self.move(market.asset, buyer.user, amount - base_fee)
        self.move(market.asset, market.recipient, base_fee)
        self.move(market.quote, buyer.user, -quote)
        self.move(market.quote, seller.user, quote - quote_fee)
        self.move(market.quote, market.recipient, quote_fee)
        self.trades += 1
        for order in (maker, taker):
            order.filled += amount
            order.filled_quote += quote
        maker.status = PARTIALLY_FILLED if maker.remaining else FILLED
        maker_fee, taker_fee = (quote_fee, base_fee) if taker.is_buy else (base_fee, quote_fee)
        self.events.append(
            (
                *("Trade", market.asset, maker.user, taker.user, self.trades, maker.id, taker.id),
                *(maker.price, amount, quote, maker_fee, taker_fee, taker.is_buy),
                *(maker.remaining, taker.remaining),
            )
        )

    def prevent(self, market: NaiveMarket, taker: NaiveOrder, maker: NaiveOrder) -> bool:
        """Keep an owner from trading with itself; says whether the taker ended."""
        if market.prevention == EXPIRE_TAKER:
            return True
        if market.prevention in (EXPIRE_MAKER, EXPIRE_BOTH):
            self.end(maker, EXPIRED, SELF_TRADE)
            return market.prevention == EXPIRE_BOTH
        smaller = min(taker.remaining, maker.remaining)
        if maker.remaining == smaller:
            self.end(maker, EXPIRED, SELF_TRADE)
        else:
            self.shrink(maker, maker.amount - smaller)
        if taker.remaining == smaller:
            return True
        self.shrink(taker, taker.amount - smaller)
        return False

    # Ending and changing

    def mine(self, user: bytes, order_id: int) -> NaiveOrder:
        if not 1 <= order_id <= len(self.orders):
            raise Refused("OrderNotFound", order_id)
        order = self.orders[order_id - 1]
        if order.user != user:
            raise Refused("NotOrderOwner", order_id, user, order.user)
        if not order.live:
            raise Refused("OrderNotActive", order_id, order.status)
        return order

    def cancel(self, user: bytes, order_id: int) -> None:
        self.end(self.mine(user, order_id), CANCELLED, USER_CANCELLED)

    def cancel_client_id(self, user: bytes, client_id: int) -> int:
        for order in self.live_orders(user=user, client_id=client_id):
            if client_id:
                self.end(order, CANCELLED, USER_CANCELLED)
                return order.id
        raise Refused("ClientOrderIdNotFound", client_id)

    def cancel_all(self, user: bytes, asset: bytes) -> int:
        orders = [o for o in self.live_orders(user=user) if asset in (EVERY_MARKET, o.asset)]
        for order in orders:
            self.end(order, CANCELLED, USER_CANCELLED)
        return len(orders)

    def replace(self, user: bytes, order_id: int, amount: int, price: int) -> int:
        order = self.mine(user, order_id)
        self.check_grid(self.market(order.asset), amount, price)
        if amount <= order.filled:
            raise Refused("AmountBelowFilled", amount, order.filled)
        if price == order.price and amount <= order.amount:
            self.shrink(order, amount)
            return order.id
        rest = amount - order.filled
        self.end(order, CANCELLED, REPLACED)
        successor = self.place(
            user, order.asset, rest, price, order.is_buy, order.force, order.client_id
        )
        self.events.append(("OrderReplaced", order.id, successor.id, user))
        return successor.id

    def deposit(self, user: bytes, token: bytes, amount: int) -> None:
        if amount == 0:
            raise Refused("AmountZero")
        total = sum(owned for (kind, _), owned in self.owned.items() if kind == token)
        if total + amount > LARGEST:
            raise Refused("AmountTooLarge", amount, LARGEST - total)
        self.move(token, user, amount)
        self.events.append(("Deposit", user, token, amount))

    def withdraw(self, user: bytes, token: bytes, amount: int) -> None:
        if amount == 0:
            raise Refused("AmountZero")
        available = self.available(user, token)
        if amount > available:
            raise Refused("InsufficientBalance", token, available, amount)
        self.move(token, user, -amount)
        self.events.append(("Withdrawal", user, token, amount))

    # Steps of the above

    def check_grid(self, market: NaiveMarket, amount: int, price: int) -> None:
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

    def move(self, token: bytes, user: bytes, change: int) -> None:
        self.owned[token, user] = self.owned.get((token, user), 0) + change

    def end(self, order: NaiveOrder, status: int, reason: int) -> None:
        order.status, order.reason = status, reason
        self.closed(order)

    def closed(self, o: NaiveOrder) -> None:
        told = (o.id, o.user, o.asset, o.status, o.reason, o.filled, o.remaining)
        self.events.append(("OrderClosed", *told))

    def shrink(self, order: NaiveOrder, amount: int) -> None:
        order.amount = amount
        told = (order.id, order.user, order.asset, order.amount, order.remaining)
        self.events.append(("OrderReduced", *told))


def crosses(taker: NaiveOrder, maker: NaiveOrder) -> bool:
    """Whether the two would trade."""
    return taker.price >= maker.price if taker.is_buy else taker.price <= maker.price
