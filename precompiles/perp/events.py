"""Events of the perpetuals exchange."""

from __future__ import annotations

from precompiles.abi.event import (
    AddressField,
    BoolField,
    Bytes32,
    Event,
    Indexed,
    Int256,
    Uint8,
    Uint128,
    Uint256,
)
from precompiles.ledger.perp.records import PerpOrder, Trigger
from precompiles.orders.events import SHARED_EVENTS


class OrderPlaced(Event, frozen=True):
    """An order was accepted."""

    order_id: Indexed[Uint256]
    user: Indexed[AddressField]
    market: Indexed[AddressField]
    amount: Uint256
    price: Uint256
    is_buy: BoolField
    time_in_force: Uint8
    kind: Uint8
    reduce_only: BoolField
    client_order_id: Uint128

    @classmethod
    def of(cls, order: PerpOrder) -> OrderPlaced:
        """Return the event of an order as it was asked for."""
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


class TriggerPlaced(Event, frozen=True):
    """An order waits for the mark price."""

    order_id: Indexed[Uint256]
    user: Indexed[AddressField]
    market: Indexed[AddressField]
    amount: Uint256
    trigger_price: Uint256
    limit_price: Uint256
    is_buy: BoolField
    is_take_profit: BoolField
    reduce_only: BoolField
    client_order_id: Uint128

    @classmethod
    def of(cls, trigger: Trigger) -> TriggerPlaced:
        """Return the event of a trigger as it was asked for."""
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


class TriggerFired(Event, frozen=True):
    """The mark price reached a trigger, and it became an order."""

    order_id: Indexed[Uint256]
    mark_price: Uint256


class PositionChanged(Event, frozen=True):
    """A position was opened, changed, or (size 0) ended."""

    position_id: Indexed[Uint256]
    user: Indexed[AddressField]
    market: Indexed[AddressField]
    size: Int256
    entry_notional: Uint256
    realized_pnl: Int256
    funding: Int256
    kind: Uint8
    status: Uint8


class Liquidated(Event, frozen=True):
    """A position, or part of it, was taken from its owner."""

    position_id: Indexed[Uint256]
    user: Indexed[AddressField]
    liquidator: Indexed[AddressField]
    size: Uint256
    price: Uint256
    stage: Uint8
    remaining_equity: Int256


class Deleveraged(Event, frozen=True):
    """A position was closed against one that went bankrupt, or gave to it with a size of 0."""

    position_id: Indexed[Uint256]
    bankrupt_position_id: Indexed[Uint256]
    size: Uint256
    notional: Uint256


class InsuranceChanged(Event, frozen=True):
    """Money came into the insurance fund or was paid from it."""

    change: Int256
    fund: Uint256
    deficit: Uint256


class MarginChanged(Event, frozen=True):
    """Collateral was added to an isolated position, or taken out."""

    position_id: Indexed[Uint256]
    change: Int256


class LeverageSet(Event, frozen=True):
    """An account chose leverage and margin mode for a market."""

    user: Indexed[AddressField]
    market: Indexed[AddressField]
    leverage: Uint256
    is_cross: BoolField


class OraclePriceSet(Event, frozen=True):
    """The feeder set a price."""

    market: Indexed[AddressField]
    oracle_price: Uint256
    mark_price: Uint256


class FundingSettled(Event, frozen=True):
    """One or more hours ended; `rate` is that of the last."""

    market: Indexed[AddressField]
    rate: Int256
    index: Int256
    hours_settled: Uint256


class MarketListed(Event, frozen=True):
    """A market can be traded once it has a price."""

    market: Indexed[AddressField]
    base_unit: Uint256
    tick: Uint256
    lot: Uint256
    max_leverage: Uint256
    feeder: AddressField


class MarketChanged(Event, frozen=True):
    """A rule of a market changed; `what` names the group of settings."""

    market: Indexed[AddressField]
    what: Bytes32


class CollateralSet(Event, frozen=True):
    """The token that margin is in was chosen."""

    token: Indexed[AddressField]


class BackstopSet(Event, frozen=True):
    """The account that takes over positions the book cannot absorb was chosen."""

    account: Indexed[AddressField]


EVENTS: tuple[type[Event], ...] = (
    *SHARED_EVENTS,
    OrderPlaced,
    TriggerPlaced,
    TriggerFired,
    PositionChanged,
    Liquidated,
    Deleveraged,
    InsuranceChanged,
    MarginChanged,
    LeverageSet,
    OraclePriceSet,
    FundingSettled,
    MarketListed,
    MarketChanged,
    CollateralSet,
    BackstopSet,
)
