"""The exchanges' logs as the typed events they were made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, NamedTuple

from evm_dex.blocks.receipt import Log
from evm_dex.orderlog.order_update import Exchange
from precompiles.abi.event import Event
from precompiles.perp import events as perp
from precompiles.spot import events as spot
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS, Address

OrderEvent = (
    spot.OrderPlaced
    | spot.Trade
    | spot.OrderClosed
    | spot.OrderReduced
    | perp.OrderPlaced
    | perp.Trade
    | perp.OrderClosed
    | perp.OrderReduced
    | perp.TriggerPlaced
    | perp.TriggerFired
)
"""What changes an order. Every other event of the exchanges leaves all orders as they are."""


_UNUSED_BYTES = 12
"""Before the address in its word."""


class _Reader(NamedTuple):
    """An event, how its words are told apart, and which of them are addresses."""

    event: type[Any]
    words: Callable[[bytes], tuple[bytes, ...]]
    addresses: tuple[int, ...]


def _reader(event: type[Any], declared: Event) -> _Reader:
    kinds = [parameter.type for parameter in declared.signature.inputs]
    addresses = tuple(place for place, kind in enumerate(kinds) if kind == "address")
    return _Reader(event, Struct("32s" * len(kinds)).unpack, addresses)


def _readers(declared: Mapping[Any, Event]) -> dict[bytes, _Reader]:
    wanted = [event for event in declared if event in OrderEvent.__args__]
    return {declared[event].signature.topic: _reader(event, declared[event]) for event in wanted}


_EXCHANGES: dict[Address, tuple[Exchange, dict[bytes, _Reader]]] = {
    SPOT_ADDRESS: (Exchange.SPOT, _readers(spot.ABI_EVENTS)),
    PERP_ADDRESS: (Exchange.PERP, _readers(perp.ABI_EVENTS)),
}


def order_event(log: Log) -> tuple[Exchange, OrderEvent] | None:
    """The exchange and event of a log; None for any other log."""
    home = _EXCHANGES.get(log.address)
    if home is None or not log.topics:
        return None
    exchange, readers = home
    reader = readers.get(log.topics[0])
    if reader is None:
        return None
    # Indexed values come first in every declaration and take one word each, as all the others do.
    # The precompile has just encoded them, so nothing is left to be checked.
    words = reader.words(b"".join((*log.topics[1:], log.data)))
    values: list[Any] = list(map(int.from_bytes, words))
    for place in reader.addresses:
        values[place] = words[place][_UNUSED_BYTES:]
    return exchange, reader.event._make(values)
