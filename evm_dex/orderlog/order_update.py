"""One change of one order, as the outbox, the wire and every history store hold it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import GenericAlias
from typing import Any

import msgspec
from blake3 import blake3
from msgspec import Struct

from precompiles.types import Address, CloseReason, OrderKind, OrderStatus, TimeInForce

VERSION = 1
"""Version of the JSON form of an update."""
FINGERPRINT_BYTES = 8
_UNCHAINED, _CHAINED = b"\x01", b"\x02"
"""Versions of the stored form; the second has the fingerprint of the update before."""
_LARGEST_PLAIN = 2**64 - 1


class Exchange(IntEnum):
    """The exchange of an order. Order ids are unique across both."""

    SPOT = 1
    PERP = 2


class Kind(IntEnum):
    """The kind of an update. New members go at the end."""

    PLACED = 1
    TRADE = 2
    REDUCED = 3
    """It got smaller and kept its place."""
    CLOSED = 4
    """It ended in any way but a fill."""
    TRIGGER_PLACED = 5
    TRIGGER_FIRED = 6
    """The mark price was reached; what became of the order follows."""
    ROLLED_BACK = 7
    """Blocks were taken back: the order is what the fields say again, or GONE."""
    GAP = 8
    """No order: from the block named up to this update, changes were not recorded."""
    FOUND = 9
    """It is open as recording begins after a GAP; how it came to be so was not recorded."""


class Totals(Struct, frozen=True, gc=False):
    """Counts and sums over a user's orders in one market, none below zero.

    Volume and fees are in smallest units; the fee of a spot buyer is in the market's asset, any
    other in its quote token.
    """

    orders: int = 0
    filled: int = 0
    cancelled: int = 0
    rejected: int = 0
    expired: int = 0
    partial_fills: int = 0
    """Fills that left something open."""
    volume: int = 0
    fees_in_base: int = 0
    fees_in_quote: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(a + b for a, b in zip(_values(self), _values(other), strict=True)))

    def __sub__(self, other: Totals) -> Totals:
        return Totals(*(a - b for a, b in zip(_values(self), _values(other), strict=True)))

    def as_json(self) -> dict[str, object]:
        """Return counts as numbers, and amounts as decimal strings, which no JSON reader rounds."""
        amounts = ("volume", "fees_in_base", "fees_in_quote")
        return {
            name: str(value) if name in amounts else value
            for name, value in zip(self.__struct_fields__, _values(self), strict=True)
        }


def _values(totals: Totals) -> tuple[int, ...]:
    return (
        totals.orders,
        totals.filled,
        totals.cancelled,
        totals.rejected,
        totals.expired,
        totals.partial_fills,
        totals.volume,
        totals.fees_in_base,
        totals.fees_in_quote,
    )


ZERO = Totals()


class OrderUpdate(Struct, frozen=True, kw_only=True, gc=False):
    """One change of one order, with the order as it is afterwards.

    Quantities are in smallest units of the market's asset, quote amounts in those of its quote
    token (spot) or of the collateral (perpetuals); a price is quote units per base unit.
    """

    event_id: int
    """Strictly +1 from update to update, from 1; 0 as long as it has none."""
    kind: Kind
    exchange: Exchange
    order_id: int
    client_order_id: int = 0
    """0 where the owner gave none."""
    user: Address
    market: Address
    is_buy: bool
    order_type: OrderKind = OrderKind.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    status: OrderStatus
    price: int
    """The worst price accepted; 0 for a trigger that trades at market."""
    trigger_price: int = 0
    quantity: int
    """Size asked for, the filled part included; less after REDUCED."""
    filled_quantity: int = 0
    """Cumulative; kept when the rest is cancelled or expires."""
    filled_quote: int = 0
    """Cumulative, exact."""
    average_price: int = 0
    """filled_quote * base unit / filled_quantity, rounded down; 0 before the first fill."""
    last_price: int = 0
    """Price of this fill; this and the next are 0 unless `kind` is TRADE."""
    last_quantity: int = 0
    last_quote: int = 0
    trade_id: int = 0
    """Trade of this fill; after ROLLED_BACK the first of the order's trades undone, or 0."""
    is_maker: bool = False
    fee: int = 0
    """Fee of this fill, in the token received; see `fee_in_base`."""
    reason: CloseReason = CloseReason.NONE
    block_number: int
    transaction_hash: bytes
    """32 bytes; zeros for ROLLED_BACK and GAP, where the block is the one gone back to."""
    log_index: int
    """Position among all logs of the block."""
    timestamp: int
    """Time of the block, in seconds."""
    undone: Totals | None = None
    """Totals that ROLLED_BACK takes from the user's; None for every other kind."""
    previous: bytes = b""
    """Fingerprint of the update before, so that this one's stands for all before it too; empty for
    the first, and for those of outboxes that did not have it yet.
    """

    @property
    def leaves(self) -> int:
        """Quantity that may still be filled: quantity - filled while open, 0 when ended."""
        return self.quantity - self.filled_quantity if self.status.is_open else 0

    @property
    def fee_in_base(self) -> bool:
        """Whether `fee` is in the market's asset: that of a spot buyer is."""
        return self.exchange == Exchange.SPOT and self.is_buy


_NAMES = OrderUpdate.__struct_fields__
AMOUNTS = (
    *("client_order_id", "price", "trigger_price", "quantity", "filled_quantity"),
    *("filled_quote", "average_price", "last_price", "last_quantity", "last_quote", "fee"),
)
_AMOUNT_PLACES = tuple(_NAMES.index(name) - 1 for name in AMOUNTS)
_UNDONE = _NAMES.index("undone") - 1
_Amount = int | bytes
_encoder = msgspec.msgpack.Encoder()
_STORED = (
    *(Kind, Exchange, int, _Amount, Address, Address, bool, OrderKind, TimeInForce, bool),
    *(OrderStatus, _Amount, _Amount, _Amount, _Amount, _Amount, _Amount, _Amount, _Amount),
    *(_Amount, int, bool, _Amount, CloseReason, int, bytes, int, int),
    tuple[_Amount, ...] | None,
)
_Decoder = msgspec.msgpack.Decoder[tuple[object, ...]]
_DECODERS: dict[bytes, _Decoder] = {
    _UNCHAINED: msgspec.msgpack.Decoder(GenericAlias(tuple, _STORED)),
    _CHAINED: msgspec.msgpack.Decoder(GenericAlias(tuple, (*_STORED, bytes))),
}


class UnknownUpdate(ValueError):  # noqa: N818 - says what was found
    """The bytes are no update of a version that this program reads."""


def encode(update: OrderUpdate) -> bytes:
    """Encode an update compactly, without the event id, which is its key.

    A version byte, then a msgpack array; an amount above 64 bits as minimal big-endian bytes.
    """
    version, end = (_CHAINED, None) if update.previous else (_UNCHAINED, -1)
    if update.undone is None:
        try:
            return version + _encoder.encode(msgspec.structs.astuple(update)[1:end])
        except OverflowError:  # an amount is too large for msgpack
            pass
    fields: list[Any] = list(msgspec.structs.astuple(update)[1:end])
    for place in _AMOUNT_PLACES:
        if fields[place] > _LARGEST_PLAIN:
            fields[place] = _shrunk(fields[place])
    if update.undone is not None:
        fields[_UNDONE] = tuple(
            amount if amount <= _LARGEST_PLAIN else _shrunk(amount)
            for amount in msgspec.structs.astuple(update.undone)
        )
    return version + _encoder.encode(fields)


def decode(event_id: int, payload: bytes) -> OrderUpdate:
    """Decode what `encode` returned. Raises UnknownUpdate."""
    decoder = _DECODERS.get(payload[:1])
    if decoder is None:
        raise UnknownUpdate(
            f"update {event_id} must be of version 1 or 2, got "
            f"{payload[0] if payload else 'none'}: use a newer program"
        )
    try:
        fields: list[Any] = list(decoder.decode(memoryview(payload)[1:]))
    except msgspec.MsgspecError as error:
        raise UnknownUpdate(f"update {event_id} does not decode: {error}") from error
    for place in _AMOUNT_PLACES:
        if isinstance(fields[place], bytes):
            fields[place] = int.from_bytes(fields[place], "big")
    if fields[_UNDONE] is not None:
        fields[_UNDONE] = Totals(*(_grown(amount) for amount in fields[_UNDONE]))
    return OrderUpdate(event_id=event_id, **dict(zip(_NAMES[1:], fields, strict=False)))


def as_json(update: OrderUpdate) -> dict[str, object]:
    """Return the JSON form: names for enums, 0x for bytes, amounts as decimal strings.

    Strings, since amounts outgrow what JSON readers hold exactly.
    """
    shown: dict[str, object] = {"version": VERSION}
    for name in _NAMES:
        value = getattr(update, name)
        match value:
            case bool() | None:
                shown[name] = value
            case IntEnum():
                shown[name] = value.name.lower()
            case bytes():
                shown[name] = "0x" + value.hex()
            case Totals():
                shown[name] = value.as_json()
            case _:
                shown[name] = str(value) if name in AMOUNTS else value
    shown["leaves"] = str(update.leaves)
    shown["fee_in_base"] = update.fee_in_base
    return shown


_ENUMS: dict[str, type[IntEnum]] = {
    "kind": Kind,
    "exchange": Exchange,
    "order_type": OrderKind,
    "time_in_force": TimeInForce,
    "status": OrderStatus,
    "reason": CloseReason,
}
_LENGTHS = {"user": (20,), "market": (20,), "transaction_hash": (32,), "previous": (8, 0)}
_FLAGS = ("is_buy", "reduce_only", "is_maker")


def from_json(document: Mapping[str, Any]) -> OrderUpdate:
    """Read what `as_json` returned. Raises UnknownUpdate."""
    try:
        if document["version"] != VERSION:
            raise UnknownUpdate(f"version must be {VERSION}, got {document['version']!r}")
        # Documents from before updates were chained have no `previous`.
        fields = {n: _from_json(n, document[n]) for n in _NAMES if n in document or n != "previous"}
        return OrderUpdate(**fields)
    except UnknownUpdate:
        raise
    except KeyError as error:
        raise UnknownUpdate(f"the document has no field {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UnknownUpdate(f"the document is no order update: {error}") from error


def _from_json(name: str, value: Any) -> Any:
    if name in _ENUMS:
        return _member(_ENUMS[name], value)
    if name in _LENGTHS:
        found = bytes.fromhex(value.removeprefix("0x"))
        if len(found) not in _LENGTHS[name]:
            raise ValueError(f"{name} must be {_LENGTHS[name][0]} bytes, got {value!r}")
        return found
    if name == "undone":
        return value and Totals(**{field: _number(field, it) for field, it in value.items()})
    if name in _FLAGS:
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be true or false, got {value!r}")
        return value
    return _number(name, value)


def _member(kind: type[IntEnum], value: str) -> IntEnum:
    found = {member.name.lower(): member for member in kind}.get(value)
    if found is None:
        raise ValueError(f"{kind.__name__} has no member {value!r}")
    return found


def _number(name: str, value: Any) -> int:
    """Read a whole number, or a text of one."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return value


def _shrunk(amount: int) -> bytes:
    return amount.to_bytes((amount.bit_length() + 7) >> 3, "big")


def _grown(amount: int | bytes) -> int:
    return amount if isinstance(amount, int) else int.from_bytes(amount, "big")


def fingerprint(update: OrderUpdate) -> bytes:
    """Return a hash that tells an update, and all before it, from others of the same id."""
    return fingerprint_of(encode(update))


def fingerprint_of(payload: bytes) -> bytes:
    """Return the fingerprint of an encoded update."""
    return blake3(payload).digest(FINGERPRINT_BYTES)
