"""Placing, cancelling and looking at orders and books."""

from __future__ import annotations

from precompiles.abi.method import method
from precompiles.context import CallContext
from precompiles.errors import OrderNotFound
from precompiles.ledger.perp.records import PerpOrder, Trigger
from precompiles.limits import MAX_BATCH, MAX_DEPTH_LEVELS, MAX_PAGE, check_limit
from precompiles.orders.batch import Result, try_cancel, try_place
from precompiles.perp import closing, placing, triggers
from precompiles.perp.closing import CANCEL_GAS
from precompiles.perp.execution import Execution
from precompiles.perp.markets import require_market
from precompiles.perp.methods.base import Shell
from precompiles.perp.placing import PLACE_GAS, OrderRequest
from precompiles.perp.triggers import TriggerRequest
from precompiles.types import Address, CloseReason, OrderStatus


class OrderMethods(Shell):
    """The order book."""

    @method(
        "placeOrder(address market,uint256 size,uint256 price,bool isBuy)"
        " returns (uint256 orderId)",
        gas=PLACE_GAS,
    )
    def place_order(
        self, context: CallContext, market: Address, size: int, price: int, is_buy: bool
    ) -> int:
        """Good till cancelled."""
        with self.doing(context) as execution:
            request = OrderRequest(market, size, price, is_buy)
            return placing.place(self.ledger, execution, request).id

    @method(
        "placeOrderWithOptions(address market,uint256 size,uint256 price,bool isBuy,"
        "uint8 timeInForce,bool reduceOnly,uint128 clientOrderId)"
        " returns (uint256 orderId,uint256 filled)",
        gas=PLACE_GAS,
    )
    def place_order_with_options(
        self,
        context: CallContext,
        market: Address,
        size: int,
        price: int,
        is_buy: bool,
        time_in_force: int,
        reduce_only: bool,
        client_order_id: int,
    ) -> tuple[int, int]:
        """Any time in force, to reduce only or not, with or without a client order id."""
        request = OrderRequest(
            market, size, price, is_buy, time_in_force, reduce_only, client_order_id
        )
        with self.doing(context) as execution:
            order = placing.place(self.ledger, execution, request)
        return order.id, order.filled

    @method(
        "placeOrders((address market,uint256 size,uint256 price,bool isBuy,uint8 timeInForce,"
        "bool reduceOnly,uint128 clientOrderId)[] requests) returns ((uint256 orderId,"
        "uint8 status,uint256 filled,bytes4 errorSelector)[] results)",
        gas=2_000,
    )
    def place_orders(
        self, context: CallContext, requests: list[tuple[object, ...]]
    ) -> list[Result]:
        """One result per order; a refused one leaves no trace and stops none of the others."""
        check_limit(len(requests), MAX_BATCH)
        with self.doing(context) as execution:
            return [self._place_one(execution, OrderRequest._make(fields)) for fields in requests]

    @method(
        "placeTrigger(address market,uint256 size,uint256 triggerPrice,uint256 limitPrice,"
        "bool isBuy,bool isTakeProfit,bool reduceOnly,uint128 clientOrderId)"
        " returns (uint256 orderId)",
        gas=PLACE_GAS,
    )
    def place_trigger(self, context: CallContext, *fields: object) -> int:
        """A stop or a take-profit."""
        with self.doing(context) as execution:
            request = TriggerRequest._make(fields)
            return triggers.place_trigger(self.ledger, execution, request).id

    @method("cancelOrder(uint256 orderId) returns (bool)", gas=CANCEL_GAS)
    def cancel_order(self, context: CallContext, order_id: int) -> bool:
        """True, or an error that says why not."""
        with self.doing(context) as execution:
            closing.cancel(self.ledger, execution, order_id)
        return True

    @method("cancelOrders(uint256[] orderIds) returns (bytes4[] errors)", gas=2_000)
    def cancel_orders(self, context: CallContext, order_ids: list[int]) -> list[bytes]:
        """Zeros for each order that was cancelled, otherwise the selector of the error."""
        check_limit(len(order_ids), MAX_BATCH)
        with self.doing(context) as execution:
            return [self._cancel_one(execution, order_id) for order_id in order_ids]

    @method(
        "cancelOrderByClientId(uint128 clientOrderId) returns (uint256 orderId)", gas=CANCEL_GAS
    )
    def cancel_order_by_client_id(self, context: CallContext, client_order_id: int) -> int:
        """The id of the order that was cancelled."""
        with self.doing(context) as execution:
            return closing.cancel_by_client_id(self.ledger, execution, client_order_id)

    @method("cancelAllOrders(address market) returns (uint256 cancelled)", gas=CANCEL_GAS)
    def cancel_all_orders(self, context: CallContext, market: Address) -> int:
        """Of one market, or of all with the zero address; triggers too."""
        with self.doing(context) as execution:
            return closing.cancel_all(self.ledger, execution, market)

    @method(
        "getOrder(uint256 orderId) view returns (uint256 id,address user,address market,"
        "uint256 size,uint256 price,bool isBuy,uint256 filled)",
        gas=5_000,
    )
    def get_order(self, context: CallContext, order_id: int) -> tuple[object, ...]:
        """Live, waiting or ended; a trigger's price is its limit price."""
        del context
        order = self._order(order_id)
        if isinstance(order, Trigger):
            price, filled = order.limit_price, 0
        else:
            price, filled = order.price, order.filled
        return (
            order.id,
            order.owner,
            order.asset,
            order.amount,
            price,
            order.is_buy,
            filled,
        )

    @method(
        "getOrderStatus(uint256 orderId) view returns (uint8 status,uint256 remaining,"
        "uint8 reason)",
        gas=5_000,
    )
    def get_order_status(self, context: CallContext, order_id: int) -> tuple[int, int, int]:
        """What became of an order; `remaining` is what did not fill."""
        del context
        order = self._order(order_id)
        if isinstance(order, Trigger):
            return OrderStatus.UNTRIGGERED, order.amount, CloseReason.NONE
        return order.status, order.remaining, order.reason

    @method(
        "getTrigger(uint256 orderId) view returns (address market,uint256 size,"
        "uint256 triggerPrice,uint256 limitPrice,bool isBuy,bool isTakeProfit,bool reduceOnly)",
        gas=5_000,
    )
    def get_trigger(self, context: CallContext, order_id: int) -> tuple[object, ...]:
        """A trigger that waits."""
        del context
        trigger = self.ledger.perp.triggers.get(order_id)
        if trigger is None:
            raise OrderNotFound(order_id)
        return (
            trigger.asset,
            trigger.amount,
            trigger.trigger_price,
            trigger.limit_price,
            trigger.is_buy,
            trigger.is_take_profit,
            trigger.reduce_only,
        )

    @method(
        "getOrderIdByClientId(address user,uint128 clientOrderId) view returns (uint256 orderId)",
        gas=3_000,
    )
    def get_order_id_by_client_id(
        self, context: CallContext, user: Address, client_order_id: int
    ) -> int:
        """The live order or waiting trigger of that client id, or 0."""
        del context
        return self.ledger.perp.live.by_client_id.ids.get((user, client_order_id), 0)

    @method(
        "getOpenOrders(address user,uint256 afterOrderId,uint256 limit) view"
        " returns (uint256[] orderIds)",
        gas=10_000,
    )
    def get_open_orders(
        self, context: CallContext, user: Address, after_order_id: int, limit: int
    ) -> list[int]:
        """Ids above `after_order_id`, ascending; triggers too."""
        del context
        check_limit(limit, MAX_PAGE)
        return self.ledger.perp.live.by_owner.page(user, after_order_id, limit)

    @method("getBestPrices(address market) view returns (uint256 bid,uint256 ask)", gas=3_000)
    def get_best_prices(self, context: CallContext, market: Address) -> tuple[int, int]:
        """0 where a side is empty."""
        del context
        require_market(self.ledger, market)
        return self.ledger.perp.book(market).best_prices()

    @method(
        "getDepth(address market,uint256 levels) view returns (uint256[] bidPrices,"
        "uint256[] bidSizes,uint256[] askPrices,uint256[] askSizes)",
        gas=10_000,
    )
    def get_depth(
        self, context: CallContext, market: Address, levels: int
    ) -> tuple[list[int], list[int], list[int], list[int]]:
        """Best prices first."""
        del context
        check_limit(levels, MAX_DEPTH_LEVELS)
        require_market(self.ledger, market)
        return self.ledger.perp.book(market).depth_columns(levels)

    def _order(self, order_id: int) -> PerpOrder | Trigger:
        order = closing.find(self.ledger, order_id)
        if order is None:
            raise OrderNotFound(order_id)
        return order

    def _place_one(self, execution: Execution, request: OrderRequest) -> Result:
        execution.charge(PLACE_GAS)
        ledger = self.ledger
        return try_place(ledger, execution, lambda: placing.place(ledger, execution, request))

    def _cancel_one(self, execution: Execution, order_id: int) -> bytes:
        execution.charge(CANCEL_GAS)
        return try_cancel(lambda: closing.cancel(self.ledger, execution, order_id))
