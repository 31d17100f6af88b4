"""Perpetuals orders: nothing is locked for them, but they are part of what a market's mark follows.

A waiting trigger is an order too: it is found, cancelled and listed like one.
"""

from __future__ import annotations

from precompiles.errors import NotOrderOwner
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpOrder, Trigger
from precompiles.ledger.perp.tables import PerpTables
from precompiles.orders.events import OrderClosed
from precompiles.orders.lifecycle import OrderLifecycle
from precompiles.perp.accrual import accrue
from precompiles.types import CloseReason, OrderKind, OrderStatus, TimeInForce


class PerpOrders(OrderLifecycle[PerpOrder]):
    """The life of perpetuals orders."""

    def tables(self, ledger: Ledger) -> PerpTables:
        return ledger.perp

    def find(self, ledger: Ledger, order_id: int) -> PerpOrder | None:
        return ledger.perp_order(order_id)

    def open_row(self, ledger: Ledger, order_id: int) -> PerpOrder | Trigger:
        return ledger.perp.triggers.get(order_id) or ledger.perp.orders.rows[order_id]

    def before_cancel(self, execution: Execution, order: PerpOrder) -> None:
        accrue(execution, execution.ledger.perp.markets.rows[order.asset])

    def cancel(self, execution: Execution, order_id: int) -> None:
        trigger = execution.ledger.perp.triggers.get(order_id)
        if trigger is None:
            super().cancel(execution, order_id)
            return
        if trigger.owner != execution.caller:
            raise NotOrderOwner(order_id, execution.caller, trigger.owner)
        end_trigger(execution, trigger, OrderStatus.CANCELLED, CloseReason.USER_CANCELLED)


perp_orders = PerpOrders()


def end_trigger(
    execution: Execution, trigger: Trigger, status: OrderStatus, reason: CloseReason
) -> None:
    """Turn a waiting trigger into an order that has ended without a fill."""
    execution.ledger.perp.triggers.put(trigger.id, None)
    ended = PerpOrder(
        id=trigger.id,
        owner=trigger.owner,
        asset=trigger.asset,
        is_buy=trigger.is_buy,
        price=trigger.limit_price,
        amount=trigger.amount,
        filled=0,
        filled_quote=0,
        status=status,
        reason=reason,
        time_in_force=TimeInForce.GTC if trigger.limit_price else TimeInForce.IOC,
        kind=OrderKind.TRIGGER,
        reduce_only=trigger.reduce_only,
        client_order_id=trigger.client_order_id,
        block_number=execution.block_number,
    )
    execution.ledger.perp.orders.put(ended.id, ended)
    execution.emit(OrderClosed.of(ended))
