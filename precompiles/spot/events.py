"""Events of the spot exchange."""

from __future__ import annotations

from precompiles.abi.event import (
    AddressField,
    BoolField,
    Event,
    Indexed,
    Uint8,
    Uint128,
    Uint256,
)
from precompiles.ledger.spot import Market, Order
from precompiles.orders.events import SHARED_EVENTS
from precompiles.types import OrderKind


class OrderPlaced(Event, frozen=True):
    """An order was accepted."""

    order_id: Indexed[Uint256]
    user: Indexed[AddressField]
    market: Indexed[AddressField]
    amount: Uint256
    price: Uint256
    is_buy: BoolField
    time_in_force: Uint8
    client_order_id: Uint128

    @property
    def kind(self) -> OrderKind:
        """Limit, as every spot order."""
        return OrderKind.LIMIT

    @property
    def reduce_only(self) -> bool:
        """False: there are no positions on spot."""
        return False

    @classmethod
    def of(cls, order: Order) -> OrderPlaced:
        """Return the event of an order as it was asked for."""
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


class OrderReplaced(Event, frozen=True):
    """An order was cancelled in favour of a new one."""

    order_id: Indexed[Uint256]
    new_order_id: Indexed[Uint256]
    user: Indexed[AddressField]


class MarketListed(Event, frozen=True):
    """An asset can be traded."""

    asset: Indexed[AddressField]
    quote: Indexed[AddressField]
    base_unit: Uint256
    tick: Uint256
    lot: Uint256
    maker_fee: Uint256
    taker_fee: Uint256
    self_trade_prevention: Uint8
    fee_recipient: AddressField

    @classmethod
    def of(cls, market: Market) -> MarketListed:
        """Return the event of a new market."""
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


class OwnershipTransferred(Event, frozen=True):
    """The exchanges have another owner."""

    previous_owner: Indexed[AddressField]
    new_owner: Indexed[AddressField]


EVENTS: tuple[type[Event], ...] = (
    *SHARED_EVENTS,
    OrderPlaced,
    OrderReplaced,
    MarketListed,
    OwnershipTransferred,
)
