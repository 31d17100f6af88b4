"""What happens on the perpetuals exchange, field by field as contracts see it in the logs."""

from __future__ import annotations

from typing import NamedTuple

from precompiles.abi.event import Event
from precompiles.ledger.perp.records import PerpOrder, Trigger
from precompiles.types import Address


class OrderPlaced(NamedTuple):
    """An order was accepted."""

    order_id: int
    user: Address
    market: Address
    size: int
    price: int
    is_buy: bool
    time_in_force: int
    kind: int
    reduce_only: bool
    client_order_id: int

    @classmethod
    def of(cls, order: PerpOrder) -> OrderPlaced:
        """The event of an order as it was asked for."""
        return cls(
            order.id,
            order.owner,
            order.asset,
            order.amount,
            order.price,
            order.is_buy,
            order.time_in_force,
            order.kind,
            order.reduce_only,
            order.client_order_id,
        )


class Trade(NamedTuple):
    """A maker and a taker changed positions; this is the change of both their orders.

    Maker order 0: the market's liquidity vault filled it.
    """

    market: Address
    maker: Address
    taker: Address
    trade_id: int
    maker_order_id: int
    taker_order_id: int
    price: int
    size: int
    notional: int
    maker_fee: int
    taker_fee: int
    taker_is_buy: bool
    maker_remaining: int
    taker_remaining: int


class OrderClosed(NamedTuple):
    """An order ended in any way but a fill."""

    order_id: int
    user: Address
    market: Address
    status: int
    reason: int
    filled: int
    remaining: int

    @classmethod
    def of(cls, order: PerpOrder) -> OrderClosed:
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
    market: Address
    size: int
    remaining: int

    @classmethod
    def of(cls, order: PerpOrder) -> OrderReduced:
        """The event of an order after it got smaller."""
        return cls(order.id, order.owner, order.asset, order.amount, order.remaining)


class TriggerPlaced(NamedTuple):
    """An order waits for the mark price."""

    order_id: int
    user: Address
    market: Address
    size: int
    trigger_price: int
    limit_price: int
    is_buy: bool
    is_take_profit: bool
    reduce_only: bool
    client_order_id: int

    @classmethod
    def of(cls, trigger: Trigger) -> TriggerPlaced:
        """The event of a trigger as it was asked for."""
        return cls(
            trigger.id,
            trigger.owner,
            trigger.asset,
            trigger.amount,
            trigger.trigger_price,
            trigger.limit_price,
            trigger.is_buy,
            trigger.is_take_profit,
            trigger.reduce_only,
            trigger.client_order_id,
        )


class TriggerFired(NamedTuple):
    """The mark price reached a trigger, and it became an order."""

    order_id: int
    mark_price: int


class PositionChanged(NamedTuple):
    """A position was opened, changed, or (size 0) ended."""

    position_id: int
    user: Address
    market: Address
    size: int
    entry_notional: int
    realized_pnl: int
    funding: int
    kind: int
    status: int


class Liquidated(NamedTuple):
    """A position, or part of it, was taken from its owner."""

    position_id: int
    user: Address
    liquidator: Address
    size: int
    price: int
    stage: int
    remaining_equity: int


class Deleveraged(NamedTuple):
    """A position was closed against one that went bankrupt."""

    position_id: int
    bankrupt_position_id: int
    size: int
    notional: int


class InsuranceChanged(NamedTuple):
    """Money came into the insurance fund or was paid from it."""

    change: int
    fund: int
    deficit: int


class MarginChanged(NamedTuple):
    """Collateral was added to a position of its own, or taken out."""

    position_id: int
    change: int


class LeverageSet(NamedTuple):
    """How an account wants to trade a market."""

    user: Address
    market: Address
    leverage: int
    is_cross: bool


class OraclePriceSet(NamedTuple):
    """The feeder gave a price."""

    market: Address
    oracle_price: int
    mark_price: int


class FundingSettled(NamedTuple):
    """One or more hours ended; `rate` is that of the last."""

    market: Address
    rate: int
    funding_index: int
    hours_settled: int


class Deposit(NamedTuple):
    """Collateral came in."""

    user: Address
    token: Address
    amount: int


class Withdrawal(NamedTuple):
    """Collateral went out."""

    user: Address
    token: Address
    amount: int


class MarketListed(NamedTuple):
    """A market can be traded once it has a price."""

    market: Address
    base_unit: int
    tick: int
    lot: int
    max_leverage: int
    feeder: Address


class MarketChanged(NamedTuple):
    """A rule of a market changed; `what` names the group of settings."""

    market: Address
    what: bytes


class CollateralSet(NamedTuple):
    """The token that margin is in was chosen."""

    token: Address


class BackstopSet(NamedTuple):
    """Who takes over what the book does not."""

    account: Address


PerpEvent = (
    OrderPlaced
    | Trade
    | OrderClosed
    | OrderReduced
    | TriggerPlaced
    | TriggerFired
    | PositionChanged
    | Liquidated
    | Deleveraged
    | InsuranceChanged
    | MarginChanged
    | LeverageSet
    | OraclePriceSet
    | FundingSettled
    | Deposit
    | Withdrawal
    | MarketListed
    | MarketChanged
    | CollateralSet
    | BackstopSet
)

_ORDER = "uint256 indexed orderId,address indexed user,address indexed market"

ABI_EVENTS: dict[type[PerpEvent], Event] = {
    OrderPlaced: Event(
        f"OrderPlaced({_ORDER},uint256 size,uint256 price,bool isBuy,uint8 timeInForce,"
        "uint8 kind,bool reduceOnly,uint128 clientOrderId)"
    ),
    Trade: Event(
        "Trade(address indexed market,address indexed maker,address indexed taker,"
        "uint256 tradeId,uint256 makerOrderId,uint256 takerOrderId,uint256 price,uint256 size,"
        "uint256 notional,uint256 makerFee,uint256 takerFee,bool takerIsBuy,"
        "uint256 makerRemaining,uint256 takerRemaining)"
    ),
    OrderClosed: Event(
        f"OrderClosed({_ORDER},uint8 status,uint8 reason,uint256 filled,uint256 remaining)"
    ),
    OrderReduced: Event(f"OrderReduced({_ORDER},uint256 size,uint256 remaining)"),
    TriggerPlaced: Event(
        f"TriggerPlaced({_ORDER},uint256 size,uint256 triggerPrice,uint256 limitPrice,"
        "bool isBuy,bool isTakeProfit,bool reduceOnly,uint128 clientOrderId)"
    ),
    TriggerFired: Event("TriggerFired(uint256 indexed orderId,uint256 markPrice)"),
    PositionChanged: Event(
        "PositionChanged(uint256 indexed positionId,address indexed user,address indexed market,"
        "int256 size,uint256 entryNotional,int256 realizedPnl,int256 funding,uint8 kind,"
        "uint8 status)"
    ),
    Liquidated: Event(
        "Liquidated(uint256 indexed positionId,address indexed user,address indexed liquidator,"
        "uint256 size,uint256 price,uint8 stage,int256 remainingEquity)"
    ),
    Deleveraged: Event(
        "Deleveraged(uint256 indexed positionId,uint256 indexed bankruptPositionId,"
        "uint256 size,uint256 notional)"
    ),
    InsuranceChanged: Event("InsuranceChanged(int256 change,uint256 fund,uint256 deficit)"),
    MarginChanged: Event("MarginChanged(uint256 indexed positionId,int256 change)"),
    LeverageSet: Event(
        "LeverageSet(address indexed user,address indexed market,uint256 leverage,bool isCross)"
    ),
    OraclePriceSet: Event(
        "OraclePriceSet(address indexed market,uint256 oraclePrice,uint256 markPrice)"
    ),
    FundingSettled: Event(
        "FundingSettled(address indexed market,int256 rate,int256 index,uint256 hoursSettled)"
    ),
    Deposit: Event("Deposit(address indexed user,address indexed token,uint256 amount)"),
    Withdrawal: Event("Withdrawal(address indexed user,address indexed token,uint256 amount)"),
    MarketListed: Event(
        "MarketListed(address indexed market,uint256 baseUnit,uint256 tick,uint256 lot,"
        "uint256 maxLeverage,address feeder)"
    ),
    MarketChanged: Event("MarketChanged(address indexed market,bytes32 what)"),
    CollateralSet: Event("CollateralSet(address indexed token)"),
    BackstopSet: Event("BackstopSet(address indexed account)"),
}
