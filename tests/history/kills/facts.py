"""What happened to orders: once from the events in the outbox, once from the logs of the blocks.

Nothing of the order history is used here: an event is read as docs/history.md says it is stored,
and logs are read by the exchanges' published ABI.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec
from eth_hash.auto import keccak

from checkpoint.store import StoreReader
from evm_dex.abi.artifact import load_artifact
from evm_dex.chain.block_store import BlockStore
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS

_VERSIONS = (1, 2)
_WORD = 32
SPOT, PERP = 1, 2


class Kind(IntEnum):
    """The numbers that events are stored with."""

    PLACED = 1
    TRADE = 2
    REDUCED = 3
    CLOSED = 4
    TRIGGER_PLACED = 5
    TRIGGER_FIRED = 6
    ROLLED_BACK = 7
    GAP = 8


class Event(NamedTuple):
    """An event as it is stored, as an array after its version byte."""

    kind: int
    exchange: int
    order_id: int
    client_order_id: int
    user: bytes
    market: bytes
    is_buy: bool
    order_type: int
    time_in_force: int
    reduce_only: bool
    status: int
    price: int
    trigger_price: int
    quantity: int
    filled: int
    filled_quote: int
    average_price: int
    last_price: int
    last_quantity: int
    last_quote: int
    trade_id: int
    is_maker: bool
    fee: int
    reason: int
    block: int
    transaction: bytes
    log_index: int
    timestamp: int
    undone: tuple[int, ...] | None
    previous: bytes = b""
    """In version 2: the hash of the event before."""


class Fact(NamedTuple):
    """One change of one order, by what its log says; a trade is two."""

    log_index: int
    kind: int
    exchange: int
    order_id: int
    transaction: bytes
    user: bytes = b""
    """Of PLACED, TRIGGER_PLACED, CLOSED, REDUCED and TRADE; empty for TRIGGER_FIRED."""
    trade_id: int = 0
    is_maker: bool = False
    quantity: int = 0
    quote: int = 0
    fee: int = 0


_decode = msgspec.msgpack.Decoder(list[Any]).decode
_AMOUNTS = (3, *range(11, 20), 22)
"""Places of those that are big-endian bytes where they are above 64 bits."""


def read_event(payload: bytes) -> Event:
    """An event of the outbox or of a store."""
    assert payload[0] in _VERSIONS
    fields = _decode(payload[1:])
    for place in _AMOUNTS:
        if isinstance(fields[place], bytes):
            fields[place] = _number(fields[place])
    return Event(*fields)


def fact_of(event: Event) -> Fact:
    """What an event says that its log must say too."""
    user = b"" if event.kind == Kind.TRIGGER_FIRED else event.user
    fill = (event.trade_id, event.is_maker, event.last_quantity, event.last_quote, event.fee)
    where = (event.log_index, event.kind, event.exchange, event.order_id, event.transaction)
    return Fact(*where, user, *fill)


def facts_of_block(chain: StoreReader, height: int) -> list[Fact]:
    """What the logs of a block on the chain say about orders, in order."""
    history = BlockStore(chain)
    block_hash = history.hash_at(height)
    receipts = history.receipts(block_hash)
    if not any(receipt.logs for receipt in receipts):
        return []
    hashes = (transaction.hash for transaction in history.body(block_hash).transactions)
    facts: list[Fact] = []
    index = 0
    for transaction, receipt in zip(hashes, receipts, strict=True):
        for log in receipt.logs:
            known = _EVENTS.get((log.address, log.topics[0]))
            if known is not None:
                name, places = known
                words = b"".join(log.topics[1:]) + log.data
                fields = {field: words[start : start + _WORD] for field, start in places}
                facts += _facts(log.address, name, fields, index, transaction)
            index += 1
    return facts


_KINDS = {
    "OrderPlaced": Kind.PLACED,
    "OrderReduced": Kind.REDUCED,
    "OrderClosed": Kind.CLOSED,
    "TriggerPlaced": Kind.TRIGGER_PLACED,
    "TriggerFired": Kind.TRIGGER_FIRED,
}


def _facts(
    address: bytes, name: str, fields: dict[str, bytes], index: int, transaction: bytes
) -> Iterator[Fact]:
    exchange = SPOT if address == SPOT_ADDRESS else PERP
    if name != "Trade":
        user = fields["user"][-20:] if "user" in fields else b""
        order_id = _number(fields["orderId"])
        yield Fact(index, _KINDS[name], exchange, order_id, transaction, user)
        return
    names = ("amount", "quoteAmount") if exchange == SPOT else ("size", "notional")
    amounts = (_number(fields[names[0]]), _number(fields[names[1]]))
    trade_id = _number(fields["tradeId"])
    for side in ("maker", "taker"):
        order_id, user = _number(fields[f"{side}OrderId"]), fields[side][-20:]
        if order_id:  # the liquidity vault makes without one
            fee = _number(fields[f"{side}Fee"])
            where = (index, Kind.TRADE, exchange, order_id, transaction)
            yield Fact(*where, user, trade_id, side == "maker", *amounts, fee)


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def _events() -> dict[tuple[bytes, bytes], tuple[str, list[tuple[str, int]]]]:
    """(exchange, topic) -> the event's name and where the words of its fields begin."""
    found: dict[tuple[bytes, bytes], tuple[str, list[tuple[str, int]]]] = {}
    for address, artifact in ((SPOT_ADDRESS, "ISpot"), (PERP_ADDRESS, "IPerp")):
        for entry in load_artifact(artifact)["abi"]:
            if entry["type"] == "event" and entry["name"] in {*_KINDS, "Trade"}:
                inputs: list[dict[str, Any]] = entry["inputs"]
                signature = f"{entry['name']}({','.join(field['type'] for field in inputs)})"
                ordered = sorted(inputs, key=lambda field: not field["indexed"])
                places = [(field["name"], n * _WORD) for n, field in enumerate(ordered)]
                found[address, keccak(signature.encode())] = (entry["name"], places)
    return found


_EVENTS = _events()
