"""Ending a live order or a waiting trigger."""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.errors import ClientOrderIdNotFound, NotOrderOwner, OrderNotActive, OrderNotFound
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpOrder, Trigger
from precompiles.perp.clock import touch
from precompiles.perp.events import OrderClosed, OrderReduced
from precompiles.perp.execution import Execution
from precompiles.types import (
    ZERO_ADDRESS,
    Address,
    CloseReason,
    OrderKind,
    OrderStatus,
    TimeInForce,
)

CANCEL_GAS = 20_000
SCAN_GAS = 100
"""For each open order looked at where only one market's are wanted."""


def cancel(ledger: Ledger, execution: Execution, order_id: int) -> None:
    """Cancel the caller's live order or waiting trigger.

    Raises OrderNotFound, NotOrderOwner or OrderNotActive.
    """
    found = find(ledger, order_id)
    if found is None:
        raise OrderNotFound(order_id)
    if found.owner != execution.caller:
        raise NotOrderOwner(order_id, execution.caller, found.owner)
    if isinstance(found, Trigger):
        end_trigger(ledger, execution, found, OrderStatus.CANCELLED, CloseReason.USER_CANCELLED)
        return
    if not found.is_active:
        raise OrderNotActive(order_id, found.status)
    touch(ledger, execution, ledger.perp.markets.rows[found.asset])
    close(ledger, execution, found, OrderStatus.CANCELLED, CloseReason.USER_CANCELLED)


def cancel_by_client_id(ledger: Ledger, execution: Execution, client_order_id: int) -> int:
    """Cancel the caller's order of that client id. Raises ClientOrderIdNotFound."""
    order_id = ledger.perp.live.by_client_id.ids.get((execution.caller, client_order_id))
    if order_id is None:
        raise ClientOrderIdNotFound(client_order_id)
    cancel(ledger, execution, order_id)
    return order_id


def cancel_all(ledger: Ledger, execution: Execution, asset: Address) -> int:
    """Cancel all orders and triggers of the caller, oldest first; zero address: every market."""
    order_ids = list(ledger.perp.live.by_owner.of(execution.caller))
    if asset != ZERO_ADDRESS:
        execution.charge(SCAN_GAS * len(order_ids))
        order_ids = [order_id for order_id in order_ids if _asset(ledger, order_id) == asset]
    for order_id in order_ids:
        execution.charge(CANCEL_GAS)
        cancel(ledger, execution, order_id)
    return len(order_ids)


def find(ledger: Ledger, order_id: int) -> PerpOrder | Trigger | None:
    """An order, live or ended, or a waiting trigger."""
    return ledger.perp.triggers.get(order_id) or ledger.perp_order(order_id)


def close(
    ledger: Ledger,
    execution: Execution,
    order: PerpOrder,
    status: OrderStatus,
    reason: CloseReason,
) -> PerpOrder:
    """Take a live order out of the book with a final status."""
    closed = replace(order, status=status, reason=reason)
    ledger.perp.orders.put(order.id, closed)
    execution.events.append(OrderClosed.of(closed))
    return closed


def reduce_order(ledger: Ledger, execution: Execution, order: PerpOrder, amount: int) -> PerpOrder:
    """Shrink a live order to a total of `amount` in its place."""
    reduced = replace(order, amount=amount)
    ledger.perp.orders.put(order.id, reduced)
    execution.events.append(OrderReduced.of(reduced))
    return reduced


def end_trigger(
    ledger: Ledger,
    execution: Execution,
    trigger: Trigger,
    status: OrderStatus,
    reason: CloseReason,
) -> None:
    """Turn a waiting trigger into an order that has ended without a fill."""
    ledger.perp.triggers.put(trigger.id, None)
    ended = PerpOrder(
        id=trigger.id,
        owner=trigger.owner,
        asset=trigger.asset,
        is_buy=trigger.is_buy,
        price=trigger.limit_price,
        amount=trigger.amount,
        filled=0,
        filled_notional=0,
        status=status,
        reason=reason,
        time_in_force=TimeInForce.GTC if trigger.limit_price else TimeInForce.IOC,
        kind=OrderKind.TRIGGER,
        reduce_only=trigger.reduce_only,
        client_order_id=trigger.client_order_id,
        block_number=execution.block_number,
    )
    ledger.perp.orders.put(ended.id, ended)
    execution.events.append(OrderClosed.of(ended))


def _asset(ledger: Ledger, order_id: int) -> Address:
    waiting = ledger.perp.triggers.get(order_id) or ledger.perp.orders.rows[order_id]
    return waiting.asset
