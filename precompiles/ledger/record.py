"""Records, and their stored form, which follows from their annotations.

A stored value is a version byte, then a msgpack array of the fields; amounts are minimal
big-endian bytes, since they outgrow 64 bits. A version byte from another format is refused, never
guessed at.
"""

from __future__ import annotations

from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from precompiles.ledger.storage import UntrustedStorage
from precompiles.types import Address, CloseReason, OrderStatus, TimeInForce

VERSION = 1
_PREFIX = bytes((VERSION,))
_LAST_ACTIVE = OrderStatus.PARTIALLY_FILLED
_encode = msgspec.msgpack.Encoder().encode

Amount = Annotated[int, "unsigned"]
"""A field of at least zero that may outgrow 64 bits."""
Signed = Annotated[int, "signed"]
"""A field of either sign that may outgrow 64 bits."""


def shrink(number: int) -> bytes:
    """Encode an unsigned number in as few bytes as it needs."""
    return number.to_bytes((number.bit_length() + 7) >> 3, "big")


grow = int.from_bytes


def shrink_signed(number: int) -> bytes:
    """Encode a number in two's complement, in as few bytes as it needs; zero needs none."""
    # ~n has as many significant bits as n where n is negative, and a sign bit comes on top.
    bits = (number if number >= 0 else ~number).bit_length() + 1
    return number.to_bytes((bits + 7) >> 3, "big", signed=True) if number else b""


def grow_signed(stored: bytes) -> int:
    """Decode what `shrink_signed` encoded."""
    return int.from_bytes(stored, "big", signed=True)


_CONVERSIONS = {"unsigned": ("shrink", "grow"), "signed": ("shrink_signed", "grow_signed")}
"""Names of the functions that give a field its stored form, and take it back."""
RecordT = TypeVar("RecordT", bound="Record")


class Record(Struct, frozen=True, gc=False):
    """A row's value. Records are values: a change is a new record put in its table."""

    _to_fields: ClassVar[Callable[[Record], tuple[object, ...]]]
    _from_fields: ClassVar[Callable[..., Any]]
    _decode: ClassVar[Callable[[bytes], tuple[Any, ...]]]

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        kinds = {name: kind for name, kind in hints.items() if get_origin(kind) is not ClassVar}
        form = {
            name: _CONVERSIONS[get_args(kind)[1]]
            for name, kind in kinds.items()
            if get_origin(kind) is Annotated
        }
        stored = tuple(bytes if name in form else kind for name, kind in kinds.items())
        cls._decode = msgspec.msgpack.Decoder(GenericAlias(tuple, stored)).decode
        none = ("", "")
        shrunk = ", ".join(f"{form.get(name, none)[0]}(record.{name})" for name in kinds)
        grown = ", ".join(f"{form.get(name, none)[1]}({name})" for name in kinds)
        cls._to_fields = _compile(f"lambda record: ({shrunk},)", cls)
        cls._from_fields = _compile(f"lambda {', '.join(kinds)}: cls({grown})", cls)

    def encode(self) -> bytes:
        """Return the stored form: the same bytes for the same record, on every machine."""
        return _PREFIX + _encode(type(self)._to_fields(self))

    @classmethod
    def decode(cls: type[RecordT], value: bytes) -> RecordT:
        """Return the record of a stored value. Raises UntrustedStorage."""
        if value[:1] != _PREFIX:
            found = value[0] if value else "none"
            raise UntrustedStorage(f"row of version {found}, this program reads version {VERSION}")
        try:
            fields = cls._decode(value[1:])
        except msgspec.MsgspecError as error:
            raise UntrustedStorage(f"row does not decode: {error}") from error
        record: RecordT = cls._from_fields(*fields)
        return record


def _compile(source: str, cls: type[Record]) -> Callable[..., Any]:
    """Compile a conversion of all fields, as fast as if written by hand."""
    names = {**globals(), "cls": cls}
    compiled: Callable[..., Any] = eval(source, names)  # noqa: S307 - from our own annotations
    return compiled


class Settings(Record, frozen=True):
    """Facts about both exchanges."""

    owner: Address
    """Account that may list markets."""


class Counter(Record, frozen=True):
    """Next unused id of its kind."""

    next_id: int


class OrderRecord(Record, frozen=True):
    """An order of either exchange, from its placing to long after its end."""

    id: int
    owner: Address
    asset: Address
    is_buy: bool
    price: Amount
    """Quote units (on the perpetuals exchange: collateral) per base unit of the market."""
    amount: Amount
    """Base units asked for, filled ones included."""
    filled: Amount
    filled_quote: Amount
    """Quote units exchanged for what is filled, fees not deducted."""
    status: OrderStatus
    reason: CloseReason
    time_in_force: TimeInForce

    @property
    def remaining(self) -> int:
        """Base units not filled; stays what it was when the order ended unfilled."""
        return self.amount - self.filled

    @property
    def is_active(self) -> bool:
        """Return whether the order rests in the book."""
        return self.status <= _LAST_ACTIVE
