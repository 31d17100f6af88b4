"""Changing a live order."""

from __future__ import annotations

from precompiles.errors import AmountBelowFilled
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.spot.records import Order
from precompiles.spot.closing import close, reduce, require_live
from precompiles.spot.events import OrderReplaced
from precompiles.spot.execution import Execution
from precompiles.spot.markets import check_grid
from precompiles.spot.placing import OrderRequest, place
from precompiles.types import CloseReason, OrderStatus


def replace_order(
    ledger: Ledger, execution: Execution, order_id: int, amount: int, price: int
) -> Order:
    """Give a live order a new total `amount` (what is filled included) and `price`.

    Not more at the same price: the order stays where it is. Anything else: it is cancelled and a
    new one, with the same side, time in force and client order id, is placed for what is not
    filled yet. Raises AmountBelowFilled and whatever cancelling and placing raise.
    """
    order = require_live(ledger, execution.caller, order_id)
    market = ledger.markets.rows[order.asset]
    check_grid(market, amount, price)
    if amount <= order.filled:
        raise AmountBelowFilled(amount, order.filled)
    if price == order.price and amount <= order.amount:
        return reduce(ledger, execution, market, order, amount)
    close(ledger, execution, market, order, OrderStatus.CANCELLED, CloseReason.REPLACED)
    request = OrderRequest(
        order.asset,
        amount - order.filled,
        price,
        order.is_buy,
        order.time_in_force,
        order.client_order_id,
    )
    replacement = place(ledger, execution, request)
    execution.events.append(OrderReplaced(order.id, replacement.id, order.owner))
    return replacement
