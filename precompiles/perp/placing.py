"""Placing an order: checks, matching, and resting or ending the remainder.

An order is carried out as it meets the book, since each fill changes what both sides can afford.
An error on the way reverts the call, and the journal undoes it.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from precompiles.engine.amounts import ceil_divide, floor_divide, has_quote, quote_amount
from precompiles.engine.margin import initial_margin, notional_up
from precompiles.errors import (
    BelowMinimumNotional,
    CannotFillCompletely,
    InsufficientMargin,
    OpenInterestTooLarge,
    PriceOutOfBand,
    WouldNotReduce,
)
from precompiles.execution import Execution
from precompiles.ledger.hyper.signed_records import OrderBuilder
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket, PerpOrder, PerpPrices
from precompiles.orders.builder_fees import note_builder
from precompiles.orders.events import OrderClosed
from precompiles.orders.shared_rules import check_adds_liquidity, check_time_in_force
from precompiles.perp.accrual import accrue
from precompiles.perp.events import OrderPlaced
from precompiles.perp.fills import match_order
from precompiles.perp.health import charged_health, require_fresh_account
from precompiles.perp.margin_check import (
    MarginSnapshot,
    margin_before,
    margin_excess,
    require_backing,
)
from precompiles.perp.markets import check_amount, check_price, require_market
from precompiles.perp.oracle import require_fresh, require_price
from precompiles.perp.orders import perp_orders
from precompiles.perp.positions import apply_to_netting_position, leverage_setting, reducible_size
from precompiles.types import (
    FEE_DENOMINATOR,
    TIMES_IN_FORCE,
    Address,
    CloseReason,
    OrderKind,
    OrderStatus,
    TimeInForce,
)


class OrderRequest(NamedTuple):
    """An order as a trader asks for it; fields as in the interface's struct."""

    asset: Address
    amount: int
    price: int
    is_buy: bool
    time_in_force: int = TimeInForce.GTC
    reduce_only: bool = False
    client_order_id: int = 0
    """0 for none; otherwise unique among the owner's live orders."""


def place(
    execution: Execution,
    request: OrderRequest,
    *,
    order_id: int | None = None,
    kind: OrderKind = OrderKind.LIMIT,
    most_makers: int | None = None,
    builder: OrderBuilder | None = None,
) -> PerpOrder:
    """Match an order of the caller's against the book and rest or end the remainder.

    Returns the order as it stands. A fired trigger brings its `order_id`, and meets only so many
    makers; what would go on after them expires. Fills of the order pay the builder. Raises the
    typed error of whichever rule it breaks.
    """
    market = require_market(execution.ledger, request.asset)
    _check_form(execution, market, request)
    prices = accrue(execution, market)
    _check_rules(execution, market, prices, request)
    order = new_order(execution, request, order_id=order_id, kind=kind)
    note_builder(execution, order.id, builder)
    execution.emit(OrderPlaced.of(order))
    before = margin_before(execution, market, order.owner)
    taken = match_order(
        execution,
        market,
        order,
        lambda delta, notional: apply_to_netting_position(
            execution, market, order.owner, delta, notional
        ),
        most_makers=most_makers,
    )
    order = taken.order
    if order.filled:
        _check_taker(execution, market, before, has_grown=taken.has_grown)
    if order.time_in_force == TimeInForce.FOK and order.filled < request.amount:
        raise CannotFillCompletely(request.amount, order.filled)
    return _settle_remainder(execution, market, order)


def new_order(
    execution: Execution,
    request: OrderRequest,
    *,
    order_id: int | None = None,
    kind: OrderKind,
) -> PerpOrder:
    """Return the caller's order as it was asked for, not yet in its table."""
    return PerpOrder(
        id=execution.ledger.next_order_id() if order_id is None else order_id,
        owner=execution.caller,
        asset=request.asset,
        is_buy=request.is_buy,
        price=request.price,
        amount=request.amount,
        filled=0,
        filled_quote=0,
        status=OrderStatus.NEW,
        reason=CloseReason.NONE,
        time_in_force=TIMES_IN_FORCE[request.time_in_force],
        kind=kind,
        reduce_only=request.reduce_only,
        client_order_id=request.client_order_id,
        block_number=execution.block_number,
    )


def check_open_interest(ledger: Ledger, market: PerpMarket) -> None:
    """Check the market's open interest. Raises OpenInterestTooLarge."""
    open_interest = ledger.perp.prices.rows[market.asset].open_interest
    if 0 < market.max_open_interest < open_interest:
        raise OpenInterestTooLarge(open_interest, market.max_open_interest)


def _check_form(execution: Execution, market: PerpMarket, request: OrderRequest) -> None:
    """Check what follows from the order alone."""
    check_time_in_force(request.time_in_force)
    check_amount(market, request.amount)
    check_price(market, request.price)
    perp_orders.check_client_order_id(execution, request.client_order_id)


def _check_rules(
    execution: Execution,
    market: PerpMarket,
    prices: PerpPrices,
    request: OrderRequest,
) -> None:
    """Check market and position; reducing needs no fresh price."""
    ledger = execution.ledger
    if request.reduce_only:
        require_price(market, prices)
    else:
        require_fresh(market, prices, execution.now)
        require_fresh_account(ledger, execution.caller, execution.now)
    if market.price_band:
        scaled = prices.mark * (FEE_DENOMINATOR - market.price_band)
        low = ceil_divide(scaled, FEE_DENOMINATOR)
        scaled = prices.mark * (FEE_DENOMINATOR + market.price_band)
        high = floor_divide(scaled, FEE_DENOMINATOR)
        if not low <= request.price <= high:
            raise PriceOutOfBand(request.price, low, high)
    if request.reduce_only:
        closing = reducible_size(ledger, execution.caller, market.asset, is_buy=request.is_buy)
        if request.amount > closing:
            position = ledger.perp.netting_position(execution.caller, market.asset)
            raise WouldNotReduce(position.size if position else 0, request.amount)
    else:
        notional = quote_amount(
            amount=request.amount, price=request.price, base_unit=market.base_unit
        )
        if notional < market.minimum_notional:
            raise BelowMinimumNotional(notional, market.minimum_notional)
    side = ledger.perp.book(market.asset).side(is_buy=not request.is_buy)
    if not has_quote(request.amount, side.highest(request.price), market.base_unit):
        raise BelowMinimumNotional(0, 1)
    check_adds_liquidity(side, request.price, request.time_in_force)


def _check_taker(
    execution: Execution,
    market: PerpMarket,
    before: MarginSnapshot,
    *,
    has_grown: bool,
) -> None:
    """Check limits and margin of the taker after its fills."""
    if has_grown:
        check_open_interest(execution.ledger, market)
    user = execution.caller
    missing = margin_excess(execution, market, user, before, has_grown=has_grown)
    if missing < 0:
        raise InsufficientMargin(missing, 0)
    require_backing(execution.ledger, before)


def _settle_remainder(execution: Execution, market: PerpMarket, order: PerpOrder) -> PerpOrder:
    """Rest what did not fill, if it could be afforded now, or let it expire."""
    ledger = execution.ledger
    side = ledger.perp.book(market.asset).side(is_buy=not order.is_buy)
    crosses = side.crosses(order.price)
    if order.is_active and order.time_in_force != TimeInForce.IOC:
        price = side.best.price if side.best is not None and crosses else order.price
        if not has_quote(order.remaining, price, market.base_unit):
            order = replace(order, status=OrderStatus.EXPIRED, reason=CloseReason.TOO_SMALL)
    if order.is_active and (order.time_in_force == TimeInForce.IOC or crosses):
        order = replace(order, status=OrderStatus.EXPIRED, reason=CloseReason.IOC_REMAINDER)
    if order.is_active and not order.reduce_only:
        _check_resting(execution, market, order)
    ledger.perp.orders.put(order.id, order)
    if order.status == OrderStatus.EXPIRED:
        execution.emit(OrderClosed.of(order))
    return order


def _check_resting(execution: Execution, market: PerpMarket, order: PerpOrder) -> None:
    """Check that what would open a position is affordable now; nothing is set aside for it."""
    ledger = execution.ledger
    closing = reducible_size(ledger, order.owner, market.asset, is_buy=order.is_buy)
    opening = max(0, order.remaining - closing)
    if opening == 0:
        return
    position = ledger.perp.netting_position(order.owner, market.asset)
    chosen = position or leverage_setting(ledger, order.owner, market)
    notional = notional_up(opening, order.price, market.base_unit)
    needed = initial_margin(notional, chosen.leverage)
    available = charged_health(execution, order.owner).available
    if available < needed:
        raise InsufficientMargin(available, needed)
