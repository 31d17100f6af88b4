"""ABI methods that both exchanges declare in the same words."""

from __future__ import annotations

from typing import Any, ClassVar

from precompiles.errors import OrderNotFound
from precompiles.execution import Execution
from precompiles.ledger.perp.records import Trigger
from precompiles.ledger.record import OrderRecord
from precompiles.orders.lifecycle import CANCEL_GAS, OrderLifecycle
from precompiles.precompile import MAX_BATCH, MAX_PAGE, Precompile, check_limit, method
from precompiles.types import Address

OrderView = OrderRecord | Trigger


class SharedOrderMethods(Precompile):
    """Cancelling and finding orders."""

    orders: ClassVar[OrderLifecycle[Any]]

    @method("cancelOrder(uint256 orderId) returns (bool)", gas=CANCEL_GAS)
    def cancel_order(self, execution: Execution, order_id: int) -> bool:
        """Cancel one of the caller's orders, or say why not."""
        self.orders.cancel(execution, order_id)
        return True

    @method("cancelOrders(uint256[] orderIds) returns (bytes4[] errors)", gas=2_000)
    def cancel_orders(self, execution: Execution, order_ids: list[int]) -> list[bytes]:
        """Cancel several: zeros for each cancelled order, otherwise the selector of the error."""
        check_limit(len(order_ids), MAX_BATCH)
        return [self.orders.try_cancel(execution, order_id) for order_id in order_ids]

    @method(
        "cancelOrderByClientId(uint128 clientOrderId) returns (uint256 orderId)", gas=CANCEL_GAS
    )
    def cancel_order_by_client_id(self, execution: Execution, client_order_id: int) -> int:
        """Cancel by client id, and return the id of the order."""
        return self.orders.cancel_by_client_id(execution, client_order_id)

    @method(
        "getOrderStatus(uint256 orderId) view returns (uint8 status,uint256 remaining,"
        "uint8 reason)",
        gas=5_000,
    )
    def get_order_status(self, execution: Execution, order_id: int) -> tuple[int, int, int]:
        """Status of an order, what did not fill, and why it closed."""
        order = self.require_order(order_id)
        return order.status, order.remaining, order.reason

    @method(
        "getOrderIdByClientId(address user,uint128 clientOrderId) view returns (uint256 orderId)",
        gas=3_000,
    )
    def get_order_id_by_client_id(
        self, execution: Execution, user: Address, client_order_id: int
    ) -> int:
        """Id of the live order or waiting trigger with that client id, or 0."""
        return self.orders.id_by_client_id(self.ledger, user, client_order_id) or 0

    @method(
        "getOpenOrders(address user,uint256 afterOrderId,uint256 limit) view"
        " returns (uint256[] orderIds)",
        gas=10_000,
    )
    def get_open_orders(
        self, execution: Execution, user: Address, after_order_id: int, limit: int
    ) -> list[int]:
        """Ids above `after_order_id`, ascending; waiting triggers too."""
        check_limit(limit, MAX_PAGE)
        return self.orders.tables(self.ledger).live.by_owner.page(user, after_order_id, limit)

    def find_order(self, order_id: int) -> OrderView | None:
        """Find an order, live or ended."""
        return self.orders.find(self.ledger, order_id)

    def require_order(self, order_id: int) -> OrderView:
        """Return an order, live or ended. Raises OrderNotFound."""
        order = self.find_order(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        return order

    def order_fields(self, order_id: int) -> tuple[object, ...]:
        """Return what `getOrder` does."""
        order = self.require_order(order_id)
        return (
            order.id,
            order.owner,
            order.asset,
            order.amount,
            order.price,
            order.is_buy,
            order.filled,
        )
