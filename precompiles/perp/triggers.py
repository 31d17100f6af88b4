"""Orders that wait for a price: stops and take-profits."""

from __future__ import annotations

from typing import NamedTuple

from precompiles.errors import ContractError, InvalidTrigger
from precompiles.execution import Execution
from precompiles.ledger.hyper.signed_records import OrderBuilder
from precompiles.ledger.perp.records import PerpMarket, Trigger
from precompiles.orders.builder_fees import note_builder
from precompiles.perp.accrual import accrue
from precompiles.perp.danger import judged_price
from precompiles.perp.events import TriggerFired, TriggerPlaced
from precompiles.perp.fills import MOST_MAKERS
from precompiles.perp.markets import check_amount, check_price, require_market
from precompiles.perp.oracle import require_price
from precompiles.perp.orders import end_trigger, perp_orders
from precompiles.perp.placing import OrderRequest, place
from precompiles.perp.position_orders import slippage_limit
from precompiles.perp.positions import reducible_size
from precompiles.types import Address, CloseReason, OrderKind, OrderStatus, TimeInForce


class TriggerRequest(NamedTuple):
    """A trigger as a trader asks for it."""

    asset: Address
    amount: int
    trigger_price: int
    limit_price: int
    """0 to trade at market once it fires."""
    is_buy: bool
    is_take_profit: bool
    reduce_only: bool
    client_order_id: int


def place_trigger(
    execution: Execution, request: TriggerRequest, *, builder: OrderBuilder | None = None
) -> Trigger:
    """Keep an order back until both mark and oracle price have reached its trigger price.

    A stop buys at a price at or above it and sells at or below; a take-profit the other way
    round. A book moves the mark, so the mark alone fires nothing. Its fills
    pay the builder. Raises UnknownMarket, NoOraclePrice, InvalidTrigger for one that would fire at
    once, ClientOrderIdInUse, or what is wrong with size and prices.
    """
    ledger = execution.ledger
    market = require_market(ledger, request.asset)
    check_amount(market, request.amount)
    check_price(market, request.trigger_price)
    if request.limit_price:
        check_price(market, request.limit_price)
    perp_orders.check_client_order_id(execution, request.client_order_id)
    prices = accrue(execution, market)
    require_price(market, prices)
    trigger = Trigger(
        id=ledger.next_order_id(),
        owner=execution.caller,
        asset=request.asset,
        is_buy=request.is_buy,
        amount=request.amount,
        trigger_price=request.trigger_price,
        limit_price=request.limit_price,
        is_take_profit=request.is_take_profit,
        reduce_only=request.reduce_only,
        client_order_id=request.client_order_id,
        block_number=execution.block_number,
    )
    if trigger.is_due(prices.mark) and trigger.is_due(judged_price(ledger, prices)):
        raise InvalidTrigger(request.trigger_price, prices.mark)
    ledger.perp.triggers.put(trigger.id, trigger)
    note_builder(execution, trigger.id, builder)
    execution.emit(TriggerPlaced.of(trigger))
    return trigger


def fire(execution: Execution, trigger: Trigger) -> None:
    """Turn a due trigger into an order of its owner's.

    One that may only reduce is cut to the position, or cancelled when there is none; one that
    is refused ends rejected.
    """
    ledger = execution.ledger
    market = ledger.perp.markets.rows[trigger.asset]
    mark_price = accrue(execution, market).mark
    execution.emit(TriggerFired(trigger.id, mark_price))
    amount = trigger.amount
    if trigger.reduce_only:
        closing = reducible_size(ledger, trigger.owner, trigger.asset, is_buy=trigger.is_buy)
        amount = min(amount, closing)
        if amount == 0:
            status, reason = OrderStatus.CANCELLED, CloseReason.REDUCE_ONLY
            end_trigger(execution, trigger, status, reason)
            return
    request = OrderRequest(
        trigger.asset,
        amount,
        trigger.limit_price or _market_price(market, mark_price, is_buy=trigger.is_buy),
        trigger.is_buy,
        TimeInForce.GTC if trigger.limit_price else TimeInForce.IOC,
        trigger.reduce_only,
        trigger.client_order_id,
    )
    before = execution.savepoint()
    ledger.perp.triggers.put(trigger.id, None)
    acting = execution.acting_for(trigger.owner)
    try:
        place(
            acting,
            request,
            order_id=trigger.id,
            kind=OrderKind.TRIGGER,
            most_makers=MOST_MAKERS,
        )
    except ContractError:
        execution.rollback(before)
        end_trigger(execution, trigger, OrderStatus.REJECTED, CloseReason.NONE)


def _market_price(market: PerpMarket, mark: int, *, is_buy: bool) -> int:
    """Return the slippage limit on the market's grid, toward mark."""
    price, tick = slippage_limit(market, mark, is_buy=is_buy), market.tick
    return max(tick, price - price % tick) if is_buy else price + -price % tick
