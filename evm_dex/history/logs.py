"""The exchanges' logs as the typed events they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from evm_dex.chain.receipts import Log
from evm_dex.history.updates import Exchange
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


_WORD = 32
_number = int.from_bytes


class _Reader(NamedTuple):
    """An event, and the places of its words: an address is the end of one, a flag its last byte."""

    event: type[Any]
    places: tuple[tuple[str, int, int], ...]


def _reader(event: type[Any], declared: Event) -> _Reader:
    firsts = {"address": _WORD - 20, "bool": _WORD - 1}
    kinds = [parameter.type for parameter in declared.signature.inputs]
    return _Reader(
        event,
        tuple(
            (kind, place * _WORD + firsts.get(kind, 0), (place + 1) * _WORD)
            for place, kind in enumerate(kinds)
        ),
    )


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
    words = b"".join(log.topics[1:]) + log.data
    values = [
        words[first:end] if kind == "address" else _number(words[first:end], "big")
        for kind, first, end in reader.places
    ]
    return exchange, reader.event._make(values)
