"""Orders of a perpetuals exchange: placing, matching, triggers and cancelling.

As slowly and obviously as it can be written: orders stay in one list for ever, matching sorts it,
and what might not be affordable is tried out and taken back. Written from the rules, not the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any

from tests.precompiles.perp.naive_accounts import NaiveAccounts
from tests.precompiles.perp.naive_market import Levels, NaiveMarket
from tests.precompiles.perp.naive_order import (
    LIQUIDATION,
    NO_MARGIN,
    REDUCE_ONLY,
    TRIGGER,
    NaiveOrder,
    check_price,
    check_size,
)
from tests.precompiles.perp.naive_position import ISOLATED, LIQUIDATED, NaivePosition
from tests.precompiles.spot.naive_exchange import (
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
    TOO_SMALL,
    Refused,
)

MOST_MAKERS = 50
"""That a liquidation or a trigger meets."""

Standing = tuple[int, int]


@dataclass
class NaiveOrders(NaiveAccounts):
    """Accounts that trade with each other."""

    orders: list[NaiveOrder] = field(default_factory=list)
    trades: int = 0

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
        check_size(market, amount)
        check_price(market, price)
        self.check_client_id(user, client_id)
        self.check_rules(order)
        return self.execute(order)

    def check_rules(self, order: NaiveOrder) -> None:
        """Only who reduces needs no price of today, and may be small."""
        if order.reduce_only:
            order.market.require_price()
            self.check_band(order)
            if self.reducible(order) < order.amount:
                size = self.netting_size(order.user, order.market)
                raise Refused("WouldNotReduce", size, order.amount)
        else:
            order.market.require_fresh(self.now)
            self.require_fresh(order.user)
            self.check_band(order)
            self.check_notional(order)
        bids = [o.price for o in self.queue(order.market, is_buy=True)]
        highest = order.price if order.is_buy else max([order.price, *bids[:1]])
        if order.market.traded(order.amount, highest) == 0:
            raise Refused("BelowMinimumNotional", 0, 1)

    def check_notional(self, order: NaiveOrder) -> None:
        least = order.market.minimum_notional
        notional = order.market.traded(order.amount, order.price)
        if notional < least:
            raise Refused("BelowMinimumNotional", notional, least)

    def check_band(self, order: NaiveOrder) -> None:
        low, high = order.market.within(order.market.price_band)
        if order.market.price_band and not low <= order.price <= high:
            raise Refused("PriceOutOfBand", order.price, low, high)

    def check_client_id(self, user: bytes, client_id: int) -> None:
        if client_id:
            for order in self.live_orders(user=user, client_id=client_id):
                raise Refused("ClientOrderIdInUse", client_id, order.id)

    def reducible(self, order: NaiveOrder) -> int:
        """How much of its owner's position an order can close."""
        size = self.netting_size(order.user, order.market)
        return abs(size) if size * order.sign < 0 else 0

    def execute(self, order: NaiveOrder) -> NaiveOrder:
        """Into the book, and then what becomes of the rest."""
        wanted, idle, before = (
            order.amount,
            self.idle_cash(),
            self.standing(order.user, order.market),
        )
        ended = self.match(order)
        if order.filled:
            self.check_taker(order, before)
            self.require_backing(idle)
        if order.force == FOK and order.filled < wanted:
            raise Refused("CannotFillCompletely", wanted, order.filled)
        self.finish(order, ended)
        return order

    def match(self, order: NaiveOrder, target: NaivePosition | None = None) -> bool:
        """Fills change `target`, or else the netting position; says whether the order ended."""
        counter = self.counter(order)
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
        met, most = 0, MOST_MAKERS if order.kind in (TRIGGER, LIQUIDATION) else LARGEST
        while order.remaining and met < most and (counter := self.counter(order)):
            if self.too_small(order, counter[0]):
                break
            met += 1
            if self.meet(order, counter[0], target):
                return True
        return False

    def too_small(self, taker: NaiveOrder, maker: NaiveOrder) -> bool:
        """Whether what is left of a taker would cost nothing, and the maker would go on."""
        own = maker.user == taker.user and taker.prevention != NO_PREVENTION
        fills = taker.remaining < maker.remaining
        return fills and not own and not maker.market.traded(taker.remaining, maker.price)

    def counter(self, order: NaiveOrder) -> list[NaiveOrder]:
        """The resting orders that it crosses."""
        queue = self.queue(order.market, is_buy=not order.is_buy)
        return [maker for maker in queue if order.crosses(maker)]

    def finish(self, order: NaiveOrder, ended: bool) -> None:
        """Rest what did not fill, or let it expire."""
        if ended:
            self.end(order, EXPIRED, SELF_TRADE)
        elif not order.remaining:
            order.status = FILLED
        elif order.force != IOC and not self.worth(order, self.counter(order)):
            self.end(order, EXPIRED, TOO_SMALL)
        elif order.force == IOC or self.counter(order):
            self.end(order, EXPIRED, IOC_REMAINDER)
        else:
            self.check_remainder(order)
            order.status = PARTIALLY_FILLED if order.filled else NEW

    def worth(self, order: NaiveOrder, counter: list[NaiveOrder]) -> int:
        """Of what is left of an order, at the price it would trade or rest at."""
        return order.market.traded(order.remaining, (counter[0] if counter else order).price)

    def check_taker(self, order: NaiveOrder, before: Standing) -> None:
        """Whether a taker can afford what its fills have made of it."""
        if order.grew:
            self.check_open_interest(order.market)
        missing = self.missing(order.user, order.market, before, grew=order.grew)
        if missing < 0:
            raise Refused("InsufficientMargin", missing, 0)

    def standing(self, user: bytes, market: NaiveMarket) -> Standing:
        """Equity beyond maintenance, of an account and of its own position in a market."""
        position = self.netting(user, market)
        own = position.equity - position.maintenance if position and position.kind else 0
        return self.equity(user) - self.maintenance(user), own

    def missing(self, user: bytes, market: NaiveMarket, before: Standing, *, grew: bool) -> int:
        """Below zero where margin is missing.

        What has grown needs the account's initial margin, and not to be liquidated. Who only
        reduced must not be in debt, nor nearer to liquidation than before.
        """
        position, after = self.netting(user, market), self.standing(user, market)
        isolated = position is not None and position.kind == ISOLATED
        if grew:
            spare = self.available(user)
            if spare < 0 or position is None or not self.liquidatable(position):
                return spare
            return self.unit_equity(position) - self.unit_maintenance(position)
        equities = [self.equity(user), *([position.equity] if position and isolated else [])]
        for equity, spare, was in zip(equities, after, before, strict=False):
            short = equity if equity < 0 else spare - min(0, was)
            if short < 0:
                return short
        return 0

    def check_open_interest(self, market: NaiveMarket) -> None:
        size = self.open_interest(market)
        if size > market.max_open_interest > 0:
            raise Refused("OpenInterestTooLarge", size, market.max_open_interest)

    def check_remainder(self, order: NaiveOrder) -> None:
        """What rests and would open something needs its margin now, though none is put aside."""
        growth = order.remaining - self.reducible(order)
        if order.reduce_only or growth <= 0:
            return
        position = self.netting(order.user, order.market)
        wanted, _ = self.preference(order.user, order.market)
        leverage = position.leverage if position else wanted
        notional = ceil(Fraction(growth * order.price, order.market.base_unit))
        needed, available = ceil(Fraction(notional, leverage)), self.available(order.user)
        if available < needed:
            raise Refused("InsufficientMargin", available, needed)

    # Matching

    def meet(self, taker: NaiveOrder, maker: NaiveOrder, target: NaivePosition | None) -> bool:
        """One resting order; says whether the taker has to end."""
        if maker.user == taker.user and taker.prevention != NO_PREVENTION:
            return self.prevent(taker, maker)
        amount = min(taker.remaining, maker.remaining)
        if maker.reduce_only:
            amount = min(amount, self.reducible(maker))
        if not amount:
            self.end(maker, CANCELLED, REDUCE_ONLY)
        elif not maker.market.traded(amount, maker.price):
            self.end(maker, EXPIRED, TOO_SMALL)
        elif not self.affords(maker.user, maker.market, maker.sign * amount, maker.price):
            self.end(maker, CANCELLED, NO_MARGIN)
        else:
            self.trade(taker, maker.user, maker, amount, maker.price, target)
            if maker.reduce_only and maker.remaining and not self.reducible(maker):
                self.end(maker, CANCELLED, REDUCE_ONLY)
            elif maker.remaining and not self.worth(maker, []):
                self.end(maker, EXPIRED, TOO_SMALL)
        return False

    def affords(
        self, user: bytes, market: NaiveMarket, signed: int, price: int, limit: int | None = None
    ) -> bool:
        """Tries out the resting side of a fill; `limit` is on the notional of what grows."""
        saved, notional = self.save(), market.traded(abs(signed), price)
        idle, before = self.idle_cash(), self.standing(user, market)
        try:
            grew, _ = self.resting_side(user, market, signed, notional)
            position = self.netting(user, market)
            if grew and position and limit is not None and position.judged_notional > limit:
                return False
            if grew:
                self.require_fresh(user)
            self.require_backing(idle)
            return self.missing(user, market, before, grew=grew) >= 0
        except Refused:
            return False
        finally:
            self.restore(saved)

    def resting_side(
        self, user: bytes, market: NaiveMarket, signed: int, notional: int
    ) -> tuple[bool, int]:
        """The netting position of whoever did not come; whether it grew, and its fee."""
        grew, _ = self.trade_netting(user, market, signed, notional)
        return grew, self.charge(user, market, notional, market.maker_fee, grew)

    def charge(self, user: bytes, market: NaiveMarket, notional: int, rate: int, grew: bool) -> int:
        """A fee; who only reduces pays no more of it than the account is worth."""
        fee = ceil(Fraction(notional * rate, 100_000))
        if not grew:
            fee = max(0, min(fee, self.equity(user)))
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
        market, place = taker.market, len(self.events)
        notional, signed = market.traded(amount, price), taker.sign * amount
        _, maker_fee = self.resting_side(user, market, -signed, notional)
        grew, profit = self.take(taker, signed, notional, target)
        rate = 0 if taker.kind == LIQUIDATION else market.taker_fee
        taker_fee = self.charge(taker.user, market, notional, rate, grew)
        self.trades += 1
        market.last_trade = price if maker else market.last_trade
        for order in filter(None, (maker, taker)):
            order.filled += amount
            order.notional += notional
            order.status = PARTIALLY_FILLED if order.remaining else FILLED
        told = (
            *("Trade", market.address, user, taker.user, self.trades),
            *(maker.id if maker else 0, taker.id, price, amount, notional),
            *(maker_fee, taker_fee, taker.is_buy),
            *(maker.remaining if maker else 0, taker.remaining),
        )
        self.events.insert(place, told)
        taker.status = EXPIRED  # still not in the book
        taker.profit += profit
        taker.grew |= grew
        if not taker.opens:
            self.sweep(market)

    def take(
        self, taker: NaiveOrder, signed: int, notional: int, target: NaivePosition | None
    ) -> tuple[bool, int]:
        """The taker's side of a fill; what opens a standalone position waits for all of them."""
        if taker.opens:
            return True, 0
        if target is None:
            return self.trade_netting(taker.user, taker.market, signed, notional)
        if taker.kind == LIQUIDATION:
            return False, self.reduce(target, abs(signed), notional, LIQUIDATED, forced=True)
        return False, self.reduce(target, abs(signed), notional)

    def prevent(self, taker: NaiveOrder, maker: NaiveOrder) -> bool:
        """Keep an owner from trading with itself; says whether the taker ended."""
        mode = taker.prevention
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
