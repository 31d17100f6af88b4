"""Decode the exchanges' logs into the order events they were made from."""

from __future__ import annotations

from evm_dex.blocks.receipt import Log
from evm_dex.orderlog.order_update import Exchange
from precompiles.orders.events import OrderClosed, OrderReduced, Trade
from precompiles.perp import events as perp
from precompiles.spot import events as spot
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS, Address

OrderEvent = (
    spot.OrderPlaced
    | perp.OrderPlaced
    | perp.TriggerPlaced
    | perp.TriggerFired
    | Trade
    | OrderClosed
    | OrderReduced
)
"""Events that change an order. Every other event of the exchanges leaves all orders as they are."""

_SHARED = (Trade, OrderClosed, OrderReduced)
_PERP = (perp.OrderPlaced, perp.TriggerPlaced, perp.TriggerFired)
_EXCHANGES: dict[Address, tuple[Exchange, dict[bytes, type[OrderEvent]]]] = {
    SPOT_ADDRESS: (Exchange.SPOT, {event.topic: event for event in (*_SHARED, spot.OrderPlaced)}),
    PERP_ADDRESS: (Exchange.PERP, {event.topic: event for event in (*_SHARED, *_PERP)}),
}


def order_event(log: Log) -> tuple[Exchange, OrderEvent] | None:
    """Return the exchange and event of a log; None for any other log."""
    home = _EXCHANGES.get(log.address)
    if home is None or not log.topics:
        return None
    exchange, events = home
    event = events.get(log.topics[0])
    return None if event is None else (exchange, event.decode(log.topics, log.data))
