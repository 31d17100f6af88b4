"""Spot orders: each locks what it may spend, until it is filled or ends."""

from __future__ import annotations

from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.spot.records import Order
from precompiles.ledger.spot.tables import SpotTables
from precompiles.orders.lifecycle import OrderLifecycle
from precompiles.spot.settlement import change_hold


class SpotOrders(OrderLifecycle[Order]):
    """The life of spot orders."""

    def tables(self, ledger: Ledger) -> SpotTables:
        return ledger.spot

    def find(self, ledger: Ledger, order_id: int) -> Order | None:
        return ledger.spot_order(order_id)

    def release(self, execution: Execution, order: Order, remaining: int) -> None:
        change_hold(execution.ledger, order, order.remaining, remaining)


spot_orders = SpotOrders()
