"""Placing an order: checks, the plan of whom it meets, and carrying that out.

The plan is made first, on an unchanged book, and gas for each order met is taken before that
order is planned; so running out of gas or being refused leaves nothing to take back.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from precompiles.engine.amounts import locked_amount
from precompiles.engine.matching import Fill, SelfMatch, match
from precompiles.errors import (
    CannotFillCompletely,
    ClientOrderIdInUse,
    InvalidTimeInForce,
    WouldTakeLiquidity,
)
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.spot.records import Market, Order
from precompiles.spot.closing import close, reduce
from precompiles.spot.events import OrderClosed, OrderPlaced, OrderReduced, Trade
from precompiles.spot.execution import Execution
from precompiles.spot.markets import check_grid, check_size, require_market
from precompiles.spot.settlement import change_hold, require_available, settle, spent_token
from precompiles.types import Address, CloseReason, OrderStatus, TimeInForce

PLACE_GAS = 50_000
MATCH_GAS = 30_000
"""For each resting order that is filled or expired on the way."""

_TIMES_IN_FORCE = tuple(TimeInForce)

Met = Fill[Order] | SelfMatch[Order]


class OrderRequest(NamedTuple):
    """What a trader asks for; fields as in the interface's struct."""

    asset: Address
    amount: int
    price: int
    is_buy: bool
    time_in_force: int = TimeInForce.GTC
    client_order_id: int = 0
    """0 for none; otherwise unique among the owner's live orders."""


def place(ledger: Ledger, execution: Execution, request: OrderRequest) -> Order:
    """Match an order against the book and, by its time in force, rest or end the remainder.

    Returns the order as it stands. Raises the typed error of whichever rule it breaks; then
    nothing has changed.
    """
    market = require_market(ledger, request.asset)
    _check(ledger, execution.caller, market, request)
    met = _plan(ledger, execution, market, request)
    order = Order(
        id=ledger.next_order_id(),
        owner=execution.caller,
        asset=market.asset,
        is_buy=request.is_buy,
        price=request.price,
        amount=request.amount,
        filled=0,
        filled_quote=0,
        status=OrderStatus.NEW,
        reason=CloseReason.NONE,
        time_in_force=_TIMES_IN_FORCE[request.time_in_force],
        client_order_id=request.client_order_id,
        block_number=execution.block_number,
    )
    execution.events.append(OrderPlaced.of(order))
    for meeting in met:
        if isinstance(meeting, Fill):
            order = _trade(ledger, execution, market, order, meeting)
        else:
            order = _prevent(ledger, execution, market, order, meeting)
    return _settle_remainder(ledger, execution, market, order)


def _check(ledger: Ledger, caller: Address, market: Market, request: OrderRequest) -> None:
    """Everything that can be refused without looking at the book."""
    if request.time_in_force >= len(_TIMES_IN_FORCE):
        raise InvalidTimeInForce(request.time_in_force)
    check_grid(market, request.amount, request.price)
    if request.client_order_id:
        in_use = ledger.live.by_client_id.ids.get((caller, request.client_order_id))
        if in_use is not None:
            raise ClientOrderIdInUse(request.client_order_id, in_use)
    needed = locked_amount(
        is_buy=request.is_buy,
        remaining=request.amount,
        price=request.price,
        base_unit=market.base_unit,
    )
    check_size(needed)
    require_available(ledger, caller, spent_token(market, is_buy=request.is_buy), needed)


def _plan(ledger: Ledger, execution: Execution, market: Market, request: OrderRequest) -> list[Met]:
    """Whom the order meets, with the gas for each taken."""
    side = ledger.book(market.asset).side(is_buy=not request.is_buy)
    if not side.crosses(request.price):
        met: list[Met] = []
    elif request.time_in_force == TimeInForce.ALO:
        assert side.best is not None
        raise WouldTakeLiquidity(request.price, side.best.price)
    else:
        met = []
        for meeting in match(
            side,
            price=request.price,
            amount=request.amount,
            owner=execution.caller,
            prevention=market.self_trade_prevention,
        ):
            execution.charge(MATCH_GAS)
            met.append(meeting)
    if request.time_in_force == TimeInForce.FOK:
        fillable = sum(meeting.amount for meeting in met if isinstance(meeting, Fill))
        if fillable < request.amount:
            raise CannotFillCompletely(request.amount, fillable)
    return met


def _trade(
    ledger: Ledger, execution: Execution, market: Market, taker: Order, fill: Fill[Order]
) -> Order:
    """Carry out one fill and return the taker after it."""
    maker, amount = fill.maker, fill.amount
    settlement = settle(ledger, market, maker, taker.owner, amount)
    ledger.put_order(_filled(maker, amount, settlement.quote_amount))
    taker = _filled(taker, amount, settlement.quote_amount)
    execution.events.append(
        Trade(
            market.asset,
            maker.owner,
            taker.owner,
            ledger.next_trade_id(),
            maker.id,
            taker.id,
            maker.price,
            amount,
            settlement.quote_amount,
            settlement.maker_fee,
            settlement.taker_fee,
            taker.is_buy,
            maker.remaining - amount,
            taker.remaining,
        )
    )
    return taker


def _prevent(
    ledger: Ledger, execution: Execution, market: Market, taker: Order, met: SelfMatch[Order]
) -> Order:
    """Carry out a prevented self-trade and return the taker after it."""
    maker = met.maker
    if met.maker_expires:
        close(ledger, execution, market, maker, OrderStatus.EXPIRED, CloseReason.SELF_TRADE)
    elif met.amount:
        reduce(ledger, execution, market, maker, maker.amount - met.amount)
    if met.taker_expires:
        return replace(taker, status=OrderStatus.EXPIRED, reason=CloseReason.SELF_TRADE)
    if met.amount:
        taker = replace(taker, amount=taker.amount - met.amount)
        execution.events.append(OrderReduced.of(taker))
    return taker


def _settle_remainder(ledger: Ledger, execution: Execution, market: Market, order: Order) -> Order:
    """Rest what did not fill, or let it expire."""
    if order.is_active and order.time_in_force == TimeInForce.IOC:
        order = replace(order, status=OrderStatus.EXPIRED, reason=CloseReason.IOC_REMAINDER)
    if order.is_active:
        change_hold(ledger, market, order, 0, order.remaining)
    ledger.put_order(order)
    if order.status == OrderStatus.EXPIRED:
        execution.events.append(OrderClosed.of(order))
    return order


def _filled(order: Order, amount: int, quote: int) -> Order:
    """An order after `amount` more was filled for `quote`."""
    filled = order.filled + amount
    is_complete = filled == order.amount
    status = OrderStatus.FILLED if is_complete else OrderStatus.PARTIALLY_FILLED
    return replace(order, filled=filled, filled_quote=order.filled_quote + quote, status=status)
