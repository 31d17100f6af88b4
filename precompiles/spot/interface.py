"""ISpot: each method declared once."""

from __future__ import annotations

from precompiles.execution import Execution
from precompiles.orders.lifecycle import CANCEL_GAS, PLACE_GAS, BatchResult, try_place
from precompiles.orders.methods import SharedOrderMethods
from precompiles.precompile import MAX_BATCH, MAX_DEPTH_LEVELS, MAX_PAGE, check_limit, method
from precompiles.spot import funds, markets
from precompiles.spot.orders import spot_orders
from precompiles.spot.placing import OrderRequest, place, replace_order
from precompiles.types import SPOT_ADDRESS, ZERO_ADDRESS, Address


class Spot(SharedOrderMethods):
    """The spot exchange."""

    address = SPOT_ADDRESS
    orders = spot_orders

    # Orders

    @method(
        "placeOrder(address asset,uint256 amount,uint256 price,bool isBuy)"
        " returns (uint256 orderId)",
        gas=PLACE_GAS,
    )
    def place_order(
        self, execution: Execution, asset: Address, amount: int, price: int, is_buy: bool
    ) -> int:
        """Place an order, good till cancelled."""
        return place(execution, OrderRequest(asset, amount, price, is_buy)).id

    @method(
        "placeOrderWithOptions(address asset,uint256 amount,uint256 price,bool isBuy,"
        "uint8 timeInForce,uint128 clientOrderId) returns (uint256 orderId,uint256 filled)",
        gas=PLACE_GAS,
    )
    def place_order_with_options(self, execution: Execution, *fields: object) -> tuple[int, int]:
        """Place an order with any time in force, with or without a client order id."""
        order = place(execution, OrderRequest._make(fields))
        return order.id, order.filled

    @method(
        "placeOrders((address asset,uint256 amount,uint256 price,bool isBuy,uint8 timeInForce,"
        "uint128 clientOrderId)[] requests) returns ((uint256 orderId,uint8 status,"
        "uint256 filled,bytes4 errorSelector)[] results)",
        gas=2_000,
    )
    def place_orders(
        self, execution: Execution, requests: list[tuple[object, ...]]
    ) -> list[BatchResult]:
        """Place several; a refused one leaves no trace and stops none of the others."""
        check_limit(len(requests), MAX_BATCH)
        return [try_place(execution, place, OrderRequest._make(fields)) for fields in requests]

    @method(
        "replaceOrder(uint256 orderId,uint256 amount,uint256 price) returns (uint256 newOrderId)",
        gas=PLACE_GAS,
    )
    def replace_order(self, execution: Execution, order_id: int, amount: int, price: int) -> int:
        """Replace an order; less at the same price keeps its time priority."""
        return replace_order(execution, order_id, amount, price).id

    @method("cancelAllOrders(address asset) returns (uint256 cancelled)", gas=CANCEL_GAS)
    def cancel_all_orders(self, execution: Execution, asset: Address) -> int:
        """Cancel all orders of one market, or of all with the zero address."""
        return self.orders.cancel_all(execution, asset)

    @method(
        "getOrder(uint256 orderId) view returns (uint256 id,address user,address asset,"
        "uint256 amount,uint256 price,bool isBuy,uint256 filled)",
        gas=5_000,
    )
    def get_order(self, execution: Execution, order_id: int) -> tuple[object, ...]:
        """Show an order, live or ended."""
        return self.order_fields(order_id)

    @method("getBestPrices(address asset) view returns (uint256 bid,uint256 ask)", gas=3_000)
    def get_best_prices(self, execution: Execution, asset: Address) -> tuple[int, int]:
        """Best bid and ask; 0 where a side is empty."""
        markets.require_market(self.ledger, asset)
        return self.ledger.spot.book(asset).best_prices()

    @method(
        "getDepth(address asset,uint256 levels) view returns (uint256[] bidPrices,"
        "uint256[] bidAmounts,uint256[] askPrices,uint256[] askAmounts)",
        gas=10_000,
    )
    def get_depth(
        self, execution: Execution, asset: Address, levels: int
    ) -> tuple[list[int], list[int], list[int], list[int]]:
        """Price levels of both sides, best first."""
        check_limit(levels, MAX_DEPTH_LEVELS)
        markets.require_market(self.ledger, asset)
        return self.ledger.spot.book(asset).depth_columns(levels)

    # Funds

    @method("deposit(address token,uint256 amount) returns (uint256 credited)", gas=60_000)
    def deposit(self, execution: Execution, token: Address, amount: int) -> int:
        """Deposit ERC-20 tokens that the caller has approved."""
        funds.deposit(execution, self.address, token, amount)
        return amount

    @method("depositNative() payable returns (uint256 credited)", gas=30_000)
    def deposit_native(self, execution: Execution) -> int:
        """Deposit the coins sent with the call."""
        return funds.deposit_native(execution)

    @method("withdraw(address token,uint256 amount) returns (bool)", gas=60_000)
    def withdraw(self, execution: Execution, token: Address, amount: int) -> bool:
        """Withdraw tokens or native coins to the caller."""
        funds.withdraw(execution, self.address, token, amount)
        return True

    @method(
        "getBalance(address user,address token) view returns (uint256 available,uint256 onHold)",
        gas=3_000,
    )
    def get_balance(self, execution: Execution, user: Address, token: Address) -> tuple[int, int]:
        """Available balance, and the part that live orders lock."""
        balance = self.ledger.spot.balance(user, token)
        return balance.available, balance.hold

    # Markets and the exchange itself

    @method(
        "getMarket(address asset) view returns (address quote,uint256 baseUnit,uint256 tick,"
        "uint256 lot,uint256 makerFee,uint256 takerFee,uint8 selfTradePrevention,"
        "address feeRecipient)",
        gas=5_000,
    )
    def get_market(self, execution: Execution, asset: Address) -> tuple[object, ...]:
        """Show the rules of a market."""
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
    def get_markets(self, execution: Execution, offset: int, limit: int) -> list[Address]:
        """Markets in the order of listing."""
        check_limit(limit, MAX_PAGE)
        listed = markets.listed_markets(self.ledger)
        return [market.asset for market in listed[offset : offset + limit]]

    @method(
        "listMarket(address asset,address quote,uint256 baseUnit,uint256 tick,uint256 lot,"
        "uint256 makerFee,uint256 takerFee,uint8 selfTradePrevention,address feeRecipient)"
        " returns (bool)",
        gas=100_000,
    )
    def list_market(
        self,
        execution: Execution,
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
        """List a market; owner only."""
        markets.list_market(
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
        return True

    @method("owner() view returns (address)", gas=2_000)
    def owner(self, execution: Execution) -> Address:
        """Show the account that may list markets."""
        return self.ledger.owner or ZERO_ADDRESS

    @method("transferOwnership(address newOwner) returns (bool)", gas=20_000)
    def transfer_ownership(self, execution: Execution, new_owner: Address) -> bool:
        """Hand the exchanges over; owner only."""
        markets.transfer_ownership(execution, new_owner)
        return True
