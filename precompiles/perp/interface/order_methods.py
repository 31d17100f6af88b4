"""Methods of IPerp about orders, triggers and books."""

from __future__ import annotations

from precompiles.errors import OrderNotFound
from precompiles.execution import Execution
from precompiles.ledger.perp.records import PerpOrder, Trigger
from precompiles.orders.lifecycle import CANCEL_GAS, PLACE_GAS, BatchResult, try_place
from precompiles.orders.methods import SharedOrderMethods
from precompiles.perp.markets import require_market
from precompiles.perp.orders import perp_orders
from precompiles.perp.placing import OrderRequest, place
from precompiles.perp.triggers import TriggerRequest, place_trigger
from precompiles.precompile import MAX_BATCH, MAX_DEPTH_LEVELS, check_limit, method
from precompiles.types import Address


class OrderMethods(SharedOrderMethods):
    """The order book."""

    orders = perp_orders

    @method(
        "placeOrder(address market,uint256 size,uint256 price,bool isBuy)"
        " returns (uint256 orderId)",
        gas=PLACE_GAS,
    )
    def place_order(
        self, execution: Execution, market: Address, size: int, price: int, is_buy: bool
    ) -> int:
        """Place an order, good till cancelled."""
        return place(execution, OrderRequest(market, size, price, is_buy)).id

    @method(
        "placeOrderWithOptions(address market,uint256 size,uint256 price,bool isBuy,"
        "uint8 timeInForce,bool reduceOnly,uint128 clientOrderId)"
        " returns (uint256 orderId,uint256 filled)",
        gas=PLACE_GAS,
    )
    def place_order_with_options(self, execution: Execution, *fields: object) -> tuple[int, int]:
        """Place an order with any time in force, to reduce only or not, with a client id or not."""
        order = place(execution, OrderRequest._make(fields))
        return order.id, order.filled

    @method(
        "placeOrders((address market,uint256 size,uint256 price,bool isBuy,uint8 timeInForce,"
        "bool reduceOnly,uint128 clientOrderId)[] requests) returns ((uint256 orderId,"
        "uint8 status,uint256 filled,bytes4 errorSelector)[] results)",
        gas=2_000,
    )
    def place_orders(
        self, execution: Execution, requests: list[tuple[object, ...]]
    ) -> list[BatchResult]:
        """Place several; a refused one leaves no trace and stops none of the others."""
        check_limit(len(requests), MAX_BATCH)
        return [try_place(execution, place, OrderRequest._make(fields)) for fields in requests]

    @method(
        "placeTrigger(address market,uint256 size,uint256 triggerPrice,uint256 limitPrice,"
        "bool isBuy,bool isTakeProfit,bool reduceOnly,uint128 clientOrderId)"
        " returns (uint256 orderId)",
        gas=PLACE_GAS,
    )
    def place_trigger(self, execution: Execution, *fields: object) -> int:
        """Place a stop or a take-profit."""
        return place_trigger(execution, TriggerRequest._make(fields)).id

    @method("cancelAllOrders(address market) returns (uint256 cancelled)", gas=CANCEL_GAS)
    def cancel_all_orders(self, execution: Execution, market: Address) -> int:
        """Cancel all orders and triggers of one market, or of all with the zero address."""
        return self.orders.cancel_all(execution, market)

    @method(
        "getOrder(uint256 orderId) view returns (uint256 id,address user,address market,"
        "uint256 size,uint256 price,bool isBuy,uint256 filled)",
        gas=5_000,
    )
    def get_order(self, execution: Execution, order_id: int) -> tuple[object, ...]:
        """Show an order, live, waiting or ended; a trigger's price is its limit price."""
        return self.order_fields(order_id)

    @method(
        "getTrigger(uint256 orderId) view returns (address market,uint256 size,"
        "uint256 triggerPrice,uint256 limitPrice,bool isBuy,bool isTakeProfit,bool reduceOnly)",
        gas=5_000,
    )
    def get_trigger(self, execution: Execution, order_id: int) -> tuple[object, ...]:
        """Show a waiting trigger."""
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

    @method("getBestPrices(address market) view returns (uint256 bid,uint256 ask)", gas=3_000)
    def get_best_prices(self, execution: Execution, market: Address) -> tuple[int, int]:
        """Best bid and ask; 0 where a side is empty."""
        require_market(self.ledger, market)
        return self.ledger.perp.book(market).best_prices()

    @method(
        "getDepth(address market,uint256 levels) view returns (uint256[] bidPrices,"
        "uint256[] bidSizes,uint256[] askPrices,uint256[] askSizes)",
        gas=10_000,
    )
    def get_depth(
        self, execution: Execution, market: Address, levels: int
    ) -> tuple[list[int], list[int], list[int], list[int]]:
        """Price levels of both sides, best first."""
        check_limit(levels, MAX_DEPTH_LEVELS)
        require_market(self.ledger, market)
        return self.ledger.perp.book(market).depth_columns(levels)

    def find_order(self, order_id: int) -> PerpOrder | Trigger | None:
        return self.ledger.perp.triggers.get(order_id) or self.ledger.perp_order(order_id)
