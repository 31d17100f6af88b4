"""Placing an order: checks, the plan of the orders it meets, and carrying the plan out.

The plan is made first, on an unchanged book, and gas for each order met is taken before that
order is planned; so running out of gas or being refused leaves nothing to undo.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from precompiles.engine.amounts import has_quote, locked_amount
from precompiles.engine.matching import Fill, Meeting, Worthless, match
from precompiles.errors import (
    AmountBelowFilled,
    AmountZero,
    CannotFillCompletely,
)
from precompiles.execution import Execution
from precompiles.ledger.hyper.signed_records import OrderBuilder
from precompiles.ledger.spot import Market, Order
from precompiles.orders.builder_fees import note_builder
from precompiles.orders.events import OrderClosed, Trade
from precompiles.orders.lifecycle import after_fill
from precompiles.orders.shared_rules import check_adds_liquidity, check_time_in_force
from precompiles.spot.events import OrderPlaced, OrderReplaced
from precompiles.spot.markets import check_grid, check_size, require_market
from precompiles.spot.orders import (
    change_hold,
    require_available,
    settle,
    spent_token,
    spot_orders,
)
from precompiles.types import TIMES_IN_FORCE, Address, CloseReason, OrderStatus, TimeInForce

MATCH_GAS = 30_000
"""For each resting order that is filled or expired on the way."""

Met = Meeting[Order]


class OrderRequest(NamedTuple):
    """An order as a trader asks for it; fields as in the interface's struct."""

    asset: Address
    amount: int
    price: int
    is_buy: bool
    time_in_force: int = TimeInForce.GTC
    client_order_id: int = 0
    """0 for none; otherwise unique among the owner's live orders."""


def place(
    execution: Execution, request: OrderRequest, *, builder: OrderBuilder | None = None
) -> Order:
    """Match an order of the caller against the book and, by its time in force, rest or end it.

    Returns the order as it stands. Its fills pay the builder. Raises the typed error of whichever
    rule it breaks; then nothing has changed.
    """
    market = require_market(execution.ledger, request.asset)
    _check(execution, market, request)
    met = _plan(execution, market, request)
    order = Order(
        id=execution.ledger.next_order_id(),
        owner=execution.caller,
        asset=market.asset,
        is_buy=request.is_buy,
        price=request.price,
        amount=request.amount,
        filled=0,
        filled_quote=0,
        status=OrderStatus.NEW,
        reason=CloseReason.NONE,
        time_in_force=TIMES_IN_FORCE[request.time_in_force],
        client_order_id=request.client_order_id,
        block_number=execution.block_number,
    )
    note_builder(execution, order.id, builder)
    execution.emit(OrderPlaced.of(order))
    for meeting in met:
        if isinstance(meeting, Fill):
            order = _trade(execution, market, order, meeting)
        elif isinstance(meeting, Worthless):
            spot_orders.end(execution, meeting.maker, OrderStatus.EXPIRED, CloseReason.TOO_SMALL)
        else:
            order = spot_orders.prevent_self_trade(execution, order, meeting)
    return _settle_remainder(execution, market, order)


def replace_order(execution: Execution, order_id: int, amount: int, price: int) -> Order:
    """Give a live order a new total `amount` (filled included) and `price`.

    Less at the same price keeps the order's place. Otherwise it is cancelled, and a new one with
    the same side, time in force and client order id is placed for what is not filled yet. Raises
    AmountBelowFilled and whatever cancelling and placing raise.
    """
    order = spot_orders.require_live(execution, order_id)
    check_grid(execution.ledger.spot.markets.rows[order.asset], amount, price)
    if amount <= order.filled:
        raise AmountBelowFilled(amount, order.filled)
    if price == order.price and amount <= order.amount:
        return spot_orders.reduce(execution, order, amount)
    spot_orders.end(execution, order, OrderStatus.CANCELLED, CloseReason.REPLACED)
    rest, force, client_id = amount - order.filled, order.time_in_force, order.client_order_id
    replacement = place(
        execution, OrderRequest(order.asset, rest, price, order.is_buy, force, client_id)
    )
    execution.emit(OrderReplaced(order.id, replacement.id, order.owner))
    return replacement


def _check(execution: Execution, market: Market, request: OrderRequest) -> None:
    """Refuse what can be refused before anything is met."""
    check_time_in_force(request.time_in_force)
    check_grid(market, request.amount, request.price)
    side = execution.ledger.spot.book(market.asset).side(is_buy=not request.is_buy)
    if not has_quote(request.amount, side.highest(request.price), market.base_unit):
        raise AmountZero
    spot_orders.check_client_order_id(execution, request.client_order_id)
    needed = locked_amount(
        is_buy=request.is_buy,
        remaining=request.amount,
        price=request.price,
        base_unit=market.base_unit,
    )
    check_size(needed)
    token = spent_token(execution.ledger, market, is_buy=request.is_buy)
    require_available(execution.ledger, execution.caller, token, needed)


def _plan(execution: Execution, market: Market, request: OrderRequest) -> list[Met]:
    """Return the orders that the order meets, with the gas for each taken."""
    side = execution.ledger.spot.book(market.asset).side(is_buy=not request.is_buy)
    met: list[Met] = []
    check_adds_liquidity(side, request.price, request.time_in_force)
    for meeting in match(
        side,
        price=request.price,
        amount=request.amount,
        owner=execution.caller,
        prevention=market.self_trade_prevention,
        base_unit=market.base_unit,
    ):
        execution.charge(MATCH_GAS)
        met.append(meeting)
    if request.time_in_force == TimeInForce.FOK:
        fillable = sum(meeting.amount for meeting in met if isinstance(meeting, Fill))
        if fillable < request.amount:
            raise CannotFillCompletely(request.amount, fillable)
    return met


def _trade(execution: Execution, market: Market, taker: Order, fill: Fill[Order]) -> Order:
    """Carry out one fill, and return the taker after it."""
    maker, amount = fill.maker, fill.amount
    ledger = execution.ledger
    settlement = settle(execution, market, maker, taker, amount)
    left = after_fill(maker, amount, settlement.quote_amount)
    ledger.spot.orders.put(maker.id, left)
    taker = after_fill(taker, amount, settlement.quote_amount)
    execution.emit(
        Trade(
            market=market.asset,
            maker=maker.owner,
            taker=taker.owner,
            trade_id=ledger.next_trade_id(),
            maker_order_id=maker.id,
            taker_order_id=taker.id,
            price=maker.price,
            amount=amount,
            quote_amount=settlement.quote_amount,
            maker_fee=settlement.maker_fee,
            taker_fee=settlement.taker_fee,
            taker_is_buy=taker.is_buy,
            maker_remaining=left.remaining,
            taker_remaining=taker.remaining,
        )
    )
    if left.is_active and not has_quote(left.remaining, left.price, market.base_unit):
        spot_orders.end(execution, left, OrderStatus.EXPIRED, CloseReason.TOO_SMALL)
    return taker


def _settle_remainder(execution: Execution, market: Market, order: Order) -> Order:
    """Rest what did not fill, or let it expire."""
    side = execution.ledger.spot.book(market.asset).side(is_buy=not order.is_buy)
    if order.is_active and order.time_in_force == TimeInForce.IOC:
        order = replace(order, status=OrderStatus.EXPIRED, reason=CloseReason.IOC_REMAINDER)
    elif order.is_active and (
        side.crosses(order.price) or not has_quote(order.remaining, order.price, market.base_unit)
    ):
        order = replace(order, status=OrderStatus.EXPIRED, reason=CloseReason.TOO_SMALL)
    if order.is_active:
        change_hold(execution.ledger, order, 0, order.remaining)
    execution.ledger.spot.orders.put(order.id, order)
    if order.status == OrderStatus.EXPIRED:
        execution.emit(OrderClosed.of(order))
    return order
