"""The rules of the perpetuals exchange, as slowly and obviously as they can be written.

Written from the rules, not from the code: plain lists, fractions, nothing kept that can be added
up. What is tried out is taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from tests.precompiles.perp.naive_liquidation import NaiveLiquidations
from tests.precompiles.perp.naive_market import NaiveMarket
from tests.precompiles.perp.naive_order import (
    MOST,
    POSITION,
    REDUCE_ONLY,
    TRIGGER,
    UNTRIGGERED,
    NaiveOrder,
    check_price,
    check_size,
)
from tests.precompiles.perp.naive_position import STANDALONE, NaivePosition
from tests.precompiles.spot.naive_exchange import (
    CANCELLED,
    EVERY_MARKET,
    GTC,
    IOC,
    REJECTED,
    USER_CANCELLED,
    Refused,
)


@dataclass
class NaivePerp(NaiveLiquidations):
    """The whole exchange; `save` it to be able to go back."""

    # Time and prices

    def pass_time(self, now: int) -> None:
        """Nothing happens, and the clocks of all markets go on."""
        self.now = now
        for market in self.markets:
            market.advance(now, *self.book(market))

    def set_oracle(self, user: bytes, address: bytes, price: int, external: int) -> NaiveMarket:
        """The caller then says what mark price comes of it."""
        market = self.market(address)
        if market.feeder != user:
            raise Refused("NotFeeder", address, user, market.feeder)
        if price == 0:
            raise Refused("PriceZero")
        for value in (price, external):
            if value > MOST:
                raise Refused("AmountTooLarge", value, MOST)
        market.set_oracle(price, external, self.now)
        return market

    # Standalone positions

    def open_position(
        self, user: bytes, address: bytes, size: int, leverage: int, is_long: bool
    ) -> int:
        market = self.market(address)
        check_size(market, size)
        if not 1 <= leverage <= market.max_leverage:
            raise Refused("InvalidLeverage", leverage, market.max_leverage)
        market.require_fresh(self.now)
        self.require_fresh(user)
        notional, least = market.traded(size, market.mark), max(1, market.minimum_notional)
        if notional < least:
            raise Refused("BelowMinimumNotional", notional, least)
        idle = self.idle_cash()
        order = self.market_order(user, market, size, is_long)
        order.opens = True
        self.fill_completely(order)
        margin = ceil(Fraction(order.notional, leverage))
        most = floor(order.notional / (2 * market.exact_maintenance(order.notional)))
        if leverage > most:
            raise Refused("InvalidLeverage", leverage, most)
        position = self.opened(user, market, STANDALONE, leverage)
        self.move_margin(position, margin)
        self.grow(position, order.sign * size, order.notional)
        self.check_open_interest(market)
        if self.available(user) < 0:
            raise Refused("InsufficientMargin", self.available(user), 0)
        if self.liquidatable(position):
            spare = position.judged_equity - position.judged_maintenance
            raise Refused("InsufficientMargin", spare, 0)
        self.require_backing(idle)
        return position.id

    def close_position(self, user: bytes, position_id: int) -> int:
        position = self.my_position(user, position_id)
        size, before, idle = (
            position.size,
            self.standing(user, position.market),
            self.idle_cash(),
        )
        order = self.market_order(user, position.market, abs(size), size < 0)
        self.fill_completely(order, position)
        if position.kind != STANDALONE:
            self.check_taker(order, before)
        elif self.equity(user) < 0:
            raise Refused("InsufficientMargin", self.equity(user), 0)
        self.require_backing(idle)
        return order.profit

    def market_order(self, user: bytes, market: NaiveMarket, size: int, is_buy: bool) -> NaiveOrder:
        """An order that takes what is within the market's slippage of the mark price."""
        low, high = market.within(market.max_slippage)
        price = high if is_buy else low
        order_id = len(self.orders) + 1
        return NaiveOrder(order_id, user, market, size, price, is_buy, IOC, kind=POSITION)

    def fill_completely(self, order: NaiveOrder, position: NaivePosition | None = None) -> None:
        """From the book, and then from the liquidity vault at the mark price or the oracle's."""
        ended = self.match(order, position)
        if order.remaining and (ended or not self.vault_takes(order, position)):
            raise Refused("CannotFillCompletely", order.amount, order.filled)
        self.finish(order, ended)

    def vault_takes(self, order: NaiveOrder, position: NaivePosition | None = None) -> bool:
        market, amount = order.market, order.remaining
        if market.vault in (EVERY_MARKET, order.user):
            return False
        market.require_fresh(self.now)
        price = (max if order.is_buy else min)(market.mark, market.oracle)
        signed = -order.sign * amount
        if not self.affords(market.vault, market, signed, price, market.vault_limit):
            return False
        self.trade(order, market.vault, None, amount, price, position)
        return True

    # Triggers

    def place_trigger(
        self,
        user: bytes,
        address: bytes,
        amount: int,
        trigger: int,
        limit: int,
        is_buy: bool,
        take_profit: bool,
        reduce_only: bool,
        client_id: int,
    ) -> int:
        market = self.market(address)
        check_size(market, amount)
        check_price(market, trigger)
        if limit:
            check_price(market, limit)
        self.check_client_id(user, client_id)
        market.require_price()
        order = NaiveOrder(
            len(self.orders) + 1,
            *(user, market, amount, limit, is_buy, GTC if limit else IOC),
            *(reduce_only, client_id, TRIGGER, trigger, take_profit),
        )
        order.status = UNTRIGGERED
        if order.due:
            raise Refused("InvalidTrigger", trigger, market.mark)
        self.orders.append(order)
        self.events.append(
            (
                *("TriggerPlaced", order.id, user, address, amount, trigger, limit),
                *(is_buy, take_profit, reduce_only, client_id),
            )
        )
        return order.id

    def fire(self, order: NaiveOrder) -> None:
        self.events.append(("TriggerFired", order.id, order.market.mark))
        before = self.save()
        try:
            order.status = REJECTED
            if order.reduce_only:
                order.amount = min(order.amount, self.reducible(order))
            if order.price == 0:
                order.price = self.market_price(order)
            if order.amount:
                check_price(order.market, order.price)
                self.check_rules(order)
                self.execute(order)
                return
            self.restore(before)
            self.end(order, CANCELLED, REDUCE_ONLY)
        except Refused:
            self.restore(before)
            self.end(order, REJECTED, 0)

    def market_price(self, order: NaiveOrder) -> int:
        """Of a trigger that fired without a limit; on the grid, toward the mark."""
        low, high = order.market.within(order.market.max_slippage)
        tick = order.market.tick
        if order.is_buy:
            return max(1, high // tick) * tick
        return ceil(Fraction(low, tick)) * tick

    def keep(self, caller: bytes, limit: int) -> int:
        """Fire what is due, then liquidate what has to be."""
        due = [o for o in self.live_orders(status=UNTRIGGERED) if self.is_due(o)]
        in_danger = sum(self.can_be_liquidated(p) for p in self.open_positions())
        due = due[: limit - min(in_danger, (limit + 1) // 2)]
        for order in due:
            self.fire(order)
        done = len(due)
        found = [p for p in self.open_positions() if self.can_be_liquidated(p)]
        for position in found[: limit - done]:
            if position.open and self.can_be_liquidated(position):
                self.liquidate(caller, position.id)
                done += 1
        return done

    def is_due(self, order: NaiveOrder) -> bool:
        return order.due and order.market.oracle > 0 and not order.market.stale(self.now)

    # Cancelling

    def cancel(self, user: bytes, order_id: int) -> None:
        if not 1 <= order_id <= len(self.orders):
            raise Refused("OrderNotFound", order_id)
        order = self.orders[order_id - 1]
        if order.user != user:
            raise Refused("NotOrderOwner", order_id, user, order.user)
        if not order.live:
            raise Refused("OrderNotActive", order_id, order.status)
        self.end(order, CANCELLED, USER_CANCELLED)

    def cancel_client_id(self, user: bytes, client_id: int) -> int:
        for order in self.live_orders(user=user, client_id=client_id):
            if client_id:
                self.end(order, CANCELLED, USER_CANCELLED)
                return order.id
        raise Refused("ClientOrderIdNotFound", client_id)

    def cancel_all(self, user: bytes, address: bytes) -> int:
        orders = [
            order
            for order in self.live_orders(user=user)
            if address in (EVERY_MARKET, order.market.address)
        ]
        for order in orders:
            self.end(order, CANCELLED, USER_CANCELLED)
        return len(orders)
