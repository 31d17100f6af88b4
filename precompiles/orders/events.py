"""Events that both exchanges emit.

Logs name a log's values by their place, so one class serves both interfaces: what is `market`,
`amount` and `quote_amount` here is `asset`, `amount` and `quoteAmount` in ISpot, and `market`,
`size` and `notional` in IPerp.
"""

from __future__ import annotations

from precompiles.abi.event import AddressField, BoolField, Event, Indexed, Uint8, Uint256
from precompiles.ledger.record import OrderRecord


class Trade(Event, frozen=True):
    """A fill between a maker and a taker; it changes both orders.

    On the perpetuals exchange maker order 0 is a fill by the market's liquidity vault.
    """

    market: Indexed[AddressField]
    maker: Indexed[AddressField]
    taker: Indexed[AddressField]
    trade_id: Uint256
    maker_order_id: Uint256
    taker_order_id: Uint256
    price: Uint256
    amount: Uint256
    quote_amount: Uint256
    maker_fee: Uint256
    taker_fee: Uint256
    taker_is_buy: BoolField
    maker_remaining: Uint256
    taker_remaining: Uint256


class OrderClosed(Event, frozen=True):
    """An order ended in any way but a fill."""

    order_id: Indexed[Uint256]
    user: Indexed[AddressField]
    market: Indexed[AddressField]
    status: Uint8
    reason: Uint8
    filled: Uint256
    remaining: Uint256

    @classmethod
    def of(cls, order: OrderRecord) -> OrderClosed:
        """Return the event of an order that has ended."""
        status, reason = order.status, order.reason
        return cls(
            order.id, order.owner, order.asset, status, reason, order.filled, order.remaining
        )


class OrderReduced(Event, frozen=True):
    """An order got smaller and kept its place."""

    order_id: Indexed[Uint256]
    user: Indexed[AddressField]
    market: Indexed[AddressField]
    amount: Uint256
    remaining: Uint256

    @classmethod
    def of(cls, order: OrderRecord) -> OrderReduced:
        """Return the event of an order after it got smaller."""
        return cls(order.id, order.owner, order.asset, order.amount, order.remaining)


class Deposit(Event, frozen=True):
    """Tokens came in."""

    user: Indexed[AddressField]
    token: Indexed[AddressField]
    amount: Uint256


class Withdrawal(Event, frozen=True):
    """Tokens went out."""

    user: Indexed[AddressField]
    token: Indexed[AddressField]
    amount: Uint256


SHARED_EVENTS: tuple[type[Event], ...] = (Trade, OrderClosed, OrderReduced, Deposit, Withdrawal)
