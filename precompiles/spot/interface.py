"""ISpot as contracts call it: each method declared once, decoded, done, and logged."""

from __future__ import annotations

from precompiles.abi.method import method
from precompiles.context import CallContext
from precompiles.errors import OrderNotFound
from precompiles.ledger.spot.records import Order
from precompiles.limits import MAX_BATCH, MAX_DEPTH_LEVELS, MAX_PAGE, check_limit
from precompiles.orders.batch import Result, try_cancel, try_place
from precompiles.precompile import Precompile
from precompiles.spot import closing, funds, markets, placing, replacing
from precompiles.spot.closing import CANCEL_GAS
from precompiles.spot.events import ABI_EVENTS
from precompiles.spot.execution import Execution
from precompiles.spot.placing import PLACE_GAS, OrderRequest
from precompiles.types import (
    SPOT_ADDRESS,
    ZERO_ADDRESS,
    Address,
)


class Spot(Precompile):
    """The spot exchange."""

    address = SPOT_ADDRESS

    # Placing

    @method(
        "placeOrder(address asset,uint256 amount,uint256 price,bool isBuy)"
        " returns (uint256 orderId)",
        gas=PLACE_GAS,
    )
    def place_order(
        self, context: CallContext, asset: Address, amount: int, price: int, is_buy: bool
    ) -> int:
        """Good till cancelled."""
        return self._place(context, OrderRequest(asset, amount, price, is_buy)).id

    @method(
        "placeOrderWithOptions(address asset,uint256 amount,uint256 price,bool isBuy,"
        "uint8 timeInForce,uint128 clientOrderId) returns (uint256 orderId,uint256 filled)",
        gas=PLACE_GAS,
    )
    def place_order_with_options(
        self,
        context: CallContext,
        asset: Address,
        amount: int,
        price: int,
        is_buy: bool,
        time_in_force: int,
        client_order_id: int,
    ) -> tuple[int, int]:
        """Any time in force, with or without a client order id."""
        order = self._place(
            context, OrderRequest(asset, amount, price, is_buy, time_in_force, client_order_id)
        )
        return order.id, order.filled

    @method(
        "placeOrders((address asset,uint256 amount,uint256 price,bool isBuy,uint8 timeInForce,"
        "uint128 clientOrderId)[] requests) returns ((uint256 orderId,uint8 status,"
        "uint256 filled,bytes4 errorSelector)[] results)",
        gas=2_000,
    )
    def place_orders(
        self, context: CallContext, requests: list[tuple[object, ...]]
    ) -> list[Result]:
        """One result per order; a refused one leaves no trace and stops none of the others."""
        check_limit(len(requests), MAX_BATCH)
        execution = self._execution(context)
        results = [self._place_one(execution, OrderRequest._make(fields)) for fields in requests]
        self._emit(context, execution)
        return results

    @method(
        "replaceOrder(uint256 orderId,uint256 amount,uint256 price) returns (uint256 newOrderId)",
        gas=PLACE_GAS,
    )
    def replace_order(self, context: CallContext, order_id: int, amount: int, price: int) -> int:
        """Less at the same price keeps time priority; anything else is a new order."""
        execution = self._execution(context)
        order = replacing.replace_order(self.ledger, execution, order_id, amount, price)
        self._emit(context, execution)
        return order.id

    # Cancelling

    @method("cancelOrder(uint256 orderId) returns (bool)", gas=CANCEL_GAS)
    def cancel_order(self, context: CallContext, order_id: int) -> bool:
        """True, or an error that says why not."""
        execution = self._execution(context)
        closing.cancel(self.ledger, execution, order_id)
        self._emit(context, execution)
        return True

    @method("cancelOrders(uint256[] orderIds) returns (bytes4[] errors)", gas=2_000)
    def cancel_orders(self, context: CallContext, order_ids: list[int]) -> list[bytes]:
        """Zeros for each order that was cancelled, otherwise the selector of the error."""
        check_limit(len(order_ids), MAX_BATCH)
        execution = self._execution(context)
        errors = [self._cancel_one(execution, order_id) for order_id in order_ids]
        self._emit(context, execution)
        return errors

    @method(
        "cancelOrderByClientId(uint128 clientOrderId) returns (uint256 orderId)", gas=CANCEL_GAS
    )
    def cancel_order_by_client_id(self, context: CallContext, client_order_id: int) -> int:
        """The id of the order that was cancelled."""
        execution = self._execution(context)
        order = closing.cancel_by_client_id(self.ledger, execution, client_order_id)
        self._emit(context, execution)
        return order.id

    @method("cancelAllOrders(address asset) returns (uint256 cancelled)", gas=CANCEL_GAS)
    def cancel_all_orders(self, context: CallContext, asset: Address) -> int:
        """Of one market, or of all with the zero address."""
        execution = self._execution(context)
        cancelled = closing.cancel_all(self.ledger, execution, asset)
        self._emit(context, execution)
        return cancelled

    # Looking at orders and books

    @method(
        "getOrder(uint256 orderId) view returns (uint256 id,address user,address asset,"
        "uint256 amount,uint256 price,bool isBuy,uint256 filled)",
        gas=5_000,
    )
    def get_order(self, context: CallContext, order_id: int) -> tuple[object, ...]:
        """Live or ended."""
        del context
        order = self._order(order_id)
        return (
            order.id,
            order.owner,
            order.asset,
            order.amount,
            order.price,
            order.is_buy,
            order.filled,
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
        return order.status, order.remaining, order.reason

    @method(
        "getOrderIdByClientId(address user,uint128 clientOrderId) view returns (uint256 orderId)",
        gas=3_000,
    )
    def get_order_id_by_client_id(
        self, context: CallContext, user: Address, client_order_id: int
    ) -> int:
        """The live order of that client id, or 0."""
        del context
        return self.ledger.live.by_client_id.ids.get((user, client_order_id), 0)

    @method(
        "getOpenOrders(address user,uint256 afterOrderId,uint256 limit) view"
        " returns (uint256[] orderIds)",
        gas=10_000,
    )
    def get_open_orders(
        self, context: CallContext, user: Address, after_order_id: int, limit: int
    ) -> list[int]:
        """Ids above `after_order_id`, ascending."""
        del context
        check_limit(limit, MAX_PAGE)
        return self.ledger.live.by_owner.page(user, after_order_id, limit)

    @method("getBestPrices(address asset) view returns (uint256 bid,uint256 ask)", gas=3_000)
    def get_best_prices(self, context: CallContext, asset: Address) -> tuple[int, int]:
        """0 where a side is empty."""
        del context
        markets.require_market(self.ledger, asset)
        return self.ledger.book(asset).best_prices()

    @method(
        "getDepth(address asset,uint256 levels) view returns (uint256[] bidPrices,"
        "uint256[] bidAmounts,uint256[] askPrices,uint256[] askAmounts)",
        gas=10_000,
    )
    def get_depth(
        self, context: CallContext, asset: Address, levels: int
    ) -> tuple[list[int], list[int], list[int], list[int]]:
        """Best prices first."""
        del context
        check_limit(levels, MAX_DEPTH_LEVELS)
        markets.require_market(self.ledger, asset)
        return self.ledger.book(asset).depth_columns(levels)

    # Funds

    @method("deposit(address token,uint256 amount) returns (uint256 credited)", gas=60_000)
    def deposit(self, context: CallContext, token: Address, amount: int) -> int:
        """ERC-20 tokens that the caller has approved."""
        execution = self._execution(context)
        funds.deposit(self.ledger, execution, context, self.address, token, amount)
        self._emit(context, execution)
        return amount

    @method("depositNative() payable returns (uint256 credited)", gas=30_000)
    def deposit_native(self, context: CallContext) -> int:
        """The coins sent with the call."""
        execution = self._execution(context)
        funds.deposit_native(self.ledger, execution, context.value)
        self._emit(context, execution)
        return context.value

    @method("withdraw(address token,uint256 amount) returns (bool)", gas=60_000)
    def withdraw(self, context: CallContext, token: Address, amount: int) -> bool:
        """Tokens or native coins, to the caller."""
        execution = self._execution(context)
        funds.withdraw(self.ledger, execution, context, self.address, token, amount)
        self._emit(context, execution)
        return True

    @method(
        "getBalance(address user,address token) view returns (uint256 available,uint256 onHold)",
        gas=3_000,
    )
    def get_balance(self, context: CallContext, user: Address, token: Address) -> tuple[int, int]:
        """What may be spent, and what live orders lock."""
        del context
        balance = self.ledger.balance(user, token)
        return balance.available, balance.hold

    # Markets and the exchange itself

    @method(
        "getMarket(address asset) view returns (address quote,uint256 baseUnit,uint256 tick,"
        "uint256 lot,uint256 makerFee,uint256 takerFee,uint8 selfTradePrevention,"
        "address feeRecipient)",
        gas=5_000,
    )
    def get_market(self, context: CallContext, asset: Address) -> tuple[object, ...]:
        """The rules of a market."""
        del context
        market = markets.require_market(self.ledger, asset)
        return (
            market.quote,
            market.base_unit,
            market.tick,
            market.lot,
            market.maker_fee,
            market.taker_fee,
            market.self_trade_prevention,
            market.fee_recipient,
        )

    @method("getMarkets(uint256 offset,uint256 limit) view returns (address[] assets)", gas=10_000)
    def get_markets(self, context: CallContext, offset: int, limit: int) -> list[Address]:
        """In the order of listing."""
        del context
        check_limit(limit, MAX_PAGE)
        listed = sorted(self.ledger.markets.rows.values(), key=lambda market: market.number)
        return [market.asset for market in listed[offset : offset + limit]]

    @method(
        "listMarket(address asset,address quote,uint256 baseUnit,uint256 tick,uint256 lot,"
        "uint256 makerFee,uint256 takerFee,uint8 selfTradePrevention,address feeRecipient)"
        " returns (bool)",
        gas=100_000,
    )
    def list_market(
        self,
        context: CallContext,
        asset: Address,
        quote: Address,
        base_unit: int,
        tick: int,
        lot: int,
        maker_fee: int,
        taker_fee: int,
        prevention: int,
        fee_recipient: Address,
    ) -> bool:
        """Only by the exchange's owner."""
        execution = self._execution(context)
        markets.list_market(
            self.ledger,
            execution,
            asset=asset,
            quote=quote,
            base_unit=base_unit,
            tick=tick,
            lot=lot,
            maker_fee=maker_fee,
            taker_fee=taker_fee,
            self_trade_prevention=prevention,
            fee_recipient=fee_recipient,
        )
        self._emit(context, execution)
        return True

    @method("owner() view returns (address)", gas=2_000)
    def owner(self, context: CallContext) -> Address:
        """Who may list markets."""
        del context
        return self.ledger.owner or ZERO_ADDRESS

    @method("transferOwnership(address newOwner) returns (bool)", gas=20_000)
    def transfer_ownership(self, context: CallContext, new_owner: Address) -> bool:
        """Only by the exchange's owner."""
        execution = self._execution(context)
        markets.transfer_ownership(self.ledger, execution, new_owner)
        self._emit(context, execution)
        return True

    # Shared steps

    def _execution(self, context: CallContext) -> Execution:
        return Execution(context.caller, context.block_number, context.charge)

    def _emit(self, context: CallContext, execution: Execution) -> None:
        for event in execution.events:
            context.emit(*ABI_EVENTS[type(event)].encode(event))

    def _order(self, order_id: int) -> Order:
        order = self.ledger.order(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        return order

    def _place(self, context: CallContext, request: OrderRequest) -> Order:
        execution = self._execution(context)
        order = placing.place(self.ledger, execution, request)
        self._emit(context, execution)
        return order

    def _place_one(self, execution: Execution, request: OrderRequest) -> Result:
        execution.charge(PLACE_GAS)
        ledger = self.ledger
        return try_place(ledger, execution, lambda: placing.place(ledger, execution, request))

    def _cancel_one(self, execution: Execution, order_id: int) -> bytes:
        execution.charge(CANCEL_GAS)
        return try_cancel(lambda: closing.cancel(self.ledger, execution, order_id))
