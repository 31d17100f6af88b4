"""Ending a live order, shrinking it, or replacing it."""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.errors import ClientOrderIdNotFound, NotOrderOwner, OrderNotActive, OrderNotFound
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.spot.records import Market, Order
from precompiles.spot.events import OrderClosed, OrderReduced
from precompiles.spot.execution import Execution
from precompiles.spot.settlement import change_hold
from precompiles.types import ZERO_ADDRESS, Address, CloseReason, OrderStatus

CANCEL_GAS = 20_000
SCAN_GAS = 100
"""For each open order looked at where only one market's are wanted."""


def cancel(ledger: Ledger, execution: Execution, order_id: int) -> Order:
    """Cancel the caller's live order; frees exactly what is left of its lock.

    Raises OrderNotFound, NotOrderOwner or OrderNotActive.
    """
    order = require_live(ledger, execution.caller, order_id)
    market = ledger.markets.rows[order.asset]
    return close(
        ledger, execution, market, order, OrderStatus.CANCELLED, CloseReason.USER_CANCELLED
    )


def cancel_by_client_id(ledger: Ledger, execution: Execution, client_order_id: int) -> Order:
    """Cancel the caller's live order of that client id. Raises ClientOrderIdNotFound."""
    order_id = ledger.live.by_client_id.ids.get((execution.caller, client_order_id))
    if order_id is None:
        raise ClientOrderIdNotFound(client_order_id)
    return cancel(ledger, execution, order_id)


def cancel_all(ledger: Ledger, execution: Execution, asset: Address) -> int:
    """Cancel all live orders of the caller, oldest first; the zero address means every market."""
    order_ids = list(ledger.live.by_owner.of(execution.caller))
    if asset != ZERO_ADDRESS:
        execution.charge(SCAN_GAS * len(order_ids))
        order_ids = [i for i in order_ids if ledger.orders.rows[i].asset == asset]
    for order_id in order_ids:
        execution.charge(CANCEL_GAS)
        cancel(ledger, execution, order_id)
    return len(order_ids)


def require_live(ledger: Ledger, caller: Address, order_id: int) -> Order:
    """The caller's own live order of that id."""
    order = ledger.order(order_id)
    if order is None:
        raise OrderNotFound(order_id)
    if order.owner != caller:
        raise NotOrderOwner(order_id, caller, order.owner)
    if not order.is_active:
        raise OrderNotActive(order_id, order.status)
    return order


def close(
    ledger: Ledger,
    execution: Execution,
    market: Market,
    order: Order,
    status: OrderStatus,
    reason: CloseReason,
) -> Order:
    """Take a live order out of the book with a final status; its lock is released."""
    closed = replace(order, status=status, reason=reason)
    change_hold(ledger, market, order, order.remaining, 0)
    ledger.put_order(closed)
    execution.events.append(OrderClosed.of(closed))
    return closed


def reduce(
    ledger: Ledger, execution: Execution, market: Market, order: Order, amount: int
) -> Order:
    """Shrink a live order to a total of `amount` in its place; frees what it no longer locks."""
    reduced = replace(order, amount=amount)
    change_hold(ledger, market, order, order.remaining, reduced.remaining)
    ledger.put_order(reduced)
    execution.events.append(OrderReduced.of(reduced))
    return reduced
