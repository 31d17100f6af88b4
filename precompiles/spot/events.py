"""What happens on the spot exchange, field by field as contracts see it in the logs."""

from __future__ import annotations

from typing import NamedTuple

from precompiles.abi.event import Event
from precompiles.ledger.spot.records import Market, Order
from precompiles.types import Address


class OrderPlaced(NamedTuple):
    """An order was accepted."""

    order_id: int
    user: Address
    asset: Address
    amount: int
    price: int
    is_buy: bool
    time_in_force: int
    client_order_id: int

    @classmethod
    def of(cls, order: Order) -> OrderPlaced:
        """The event of an order as it was asked for."""
        return cls(
            order.id,
            order.owner,
            order.asset,
            order.amount,
            order.price,
            order.is_buy,
            order.time_in_force,
            order.client_order_id,
        )


class Trade(NamedTuple):
    """A maker and a taker exchanged tokens; this is the change of both their orders."""

    asset: Address
    maker: Address
    taker: Address
    trade_id: int
    maker_order_id: int
    taker_order_id: int
    price: int
    amount: int
    quote_amount: int
    maker_fee: int
    taker_fee: int
    taker_is_buy: bool
    maker_remaining: int
    taker_remaining: int


class OrderClosed(NamedTuple):
    """An order ended in any way but a fill."""

    order_id: int
    user: Address
    asset: Address
    status: int
    reason: int
    filled: int
    remaining: int

    @classmethod
    def of(cls, order: Order) -> OrderClosed:
        """The event of an order that has ended."""
        return cls(
            order.id,
            order.owner,
            order.asset,
            order.status,
            order.reason,
            order.filled,
            order.remaining,
        )


class OrderReduced(NamedTuple):
    """An order got smaller and kept its place."""

    order_id: int
    user: Address
    asset: Address
    amount: int
    remaining: int

    @classmethod
    def of(cls, order: Order) -> OrderReduced:
        """The event of an order after it got smaller."""
        return cls(order.id, order.owner, order.asset, order.amount, order.remaining)


class OrderReplaced(NamedTuple):
    """An order was cancelled in favour of a new one."""

    order_id: int
    new_order_id: int
    user: Address


class Deposit(NamedTuple):
    """Tokens came in."""

    user: Address
    token: Address
    amount: int


class Withdrawal(NamedTuple):
    """Tokens went out."""

    user: Address
    token: Address
    amount: int


class MarketListed(NamedTuple):
    """An asset can be traded."""

    asset: Address
    quote: Address
    base_unit: int
    tick: int
    lot: int
    maker_fee: int
    taker_fee: int
    self_trade_prevention: int
    fee_recipient: Address

    @classmethod
    def of(cls, market: Market) -> MarketListed:
        """The event of a market as it was opened."""
        return cls(
            market.asset,
            market.quote,
            market.base_unit,
            market.tick,
            market.lot,
            market.maker_fee,
            market.taker_fee,
            market.self_trade_prevention,
            market.fee_recipient,
        )


class OwnershipTransferred(NamedTuple):
    """The exchange has another owner."""

    previous_owner: Address
    new_owner: Address


SpotEvent = (
    OrderPlaced
    | Trade
    | OrderClosed
    | OrderReduced
    | OrderReplaced
    | Deposit
    | Withdrawal
    | MarketListed
    | OwnershipTransferred
)

ABI_EVENTS: dict[type[SpotEvent], Event] = {
    OrderPlaced: Event(
        "OrderPlaced(uint256 indexed orderId,address indexed user,address indexed asset,"
        "uint256 amount,uint256 price,bool isBuy,uint8 timeInForce,uint128 clientOrderId)"
    ),
    Trade: Event(
        "Trade(address indexed asset,address indexed maker,address indexed taker,"
        "uint256 tradeId,uint256 makerOrderId,uint256 takerOrderId,uint256 price,uint256 amount,"
        "uint256 quoteAmount,uint256 makerFee,uint256 takerFee,bool takerIsBuy,"
        "uint256 makerRemaining,uint256 takerRemaining)"
    ),
    OrderClosed: Event(
        "OrderClosed(uint256 indexed orderId,address indexed user,address indexed asset,"
        "uint8 status,uint8 reason,uint256 filled,uint256 remaining)"
    ),
    OrderReduced: Event(
        "OrderReduced(uint256 indexed orderId,address indexed user,address indexed asset,"
        "uint256 amount,uint256 remaining)"
    ),
    OrderReplaced: Event(
        "OrderReplaced(uint256 indexed orderId,uint256 indexed newOrderId,address indexed user)"
    ),
    Deposit: Event("Deposit(address indexed user,address indexed token,uint256 amount)"),
    Withdrawal: Event("Withdrawal(address indexed user,address indexed token,uint256 amount)"),
    MarketListed: Event(
        "MarketListed(address indexed asset,address indexed quote,uint256 baseUnit,uint256 tick,"
        "uint256 lot,uint256 makerFee,uint256 takerFee,uint8 selfTradePrevention,"
        "address feeRecipient)"
    ),
    OwnershipTransferred: Event(
        "OwnershipTransferred(address indexed previousOwner,address indexed newOwner)"
    ),
}
