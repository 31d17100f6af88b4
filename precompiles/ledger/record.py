"""The stored form of records.

A stored value is a version byte, then a msgpack array; amounts are minimal big-endian bytes,
since they outgrow 64 bits. A version byte from another format is refused, never guessed at.
"""

from __future__ import annotations

from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any, ClassVar, Protocol, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from precompiles.ledger.storage import UntrustedStorage

VERSION = 1
_PREFIX = bytes((VERSION,))
_encode = msgspec.msgpack.Encoder().encode
_T = TypeVar("_T")


class Record(Protocol):
    """A row's value in memory."""

    def encode(self) -> bytes:
        """The stored form: the same bytes for the same record, on every machine."""


def pack(fields: tuple[object, ...]) -> bytes:
    """The stored form of fields that msgpack knows."""
    return _PREFIX + _encode(fields)


def unpack(decoder: msgspec.msgpack.Decoder[_T], value: bytes) -> _T:
    """The fields of a stored value. Raises UntrustedStorage."""
    if value[:1] != _PREFIX:
        raise UntrustedStorage(
            f"row of version {value[0] if value else 'none'}, this program reads version {VERSION}"
        )
    try:
        return decoder.decode(value[1:])
    except msgspec.MsgspecError as error:
        raise UntrustedStorage(f"row does not decode: {error}") from error


def shrink(number: int) -> bytes:
    """An unsigned number in as few bytes as it needs."""
    return number.to_bytes((number.bit_length() + 7) >> 3, "big")


grow = int.from_bytes


def shrink_signed(number: int) -> bytes:
    """A number in two's complement, in as few bytes as it needs; zero needs none."""
    # ~n has as many significant bits as n where n is negative, and a sign bit comes on top.
    bits = (number if number >= 0 else ~number).bit_length() + 1
    return number.to_bytes((bits + 7) >> 3, "big", signed=True) if number else b""


def grow_signed(stored: bytes) -> int:
    """What `shrink_signed` made small."""
    return int.from_bytes(stored, "big", signed=True)


Amount = Annotated[int, "unsigned"]
"""A field of at least zero that may outgrow 64 bits."""
Signed = Annotated[int, "signed"]
"""A field of either sign that may outgrow 64 bits."""

_CONVERSIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "unsigned": (shrink, grow),
    "signed": (shrink_signed, grow_signed),
}


class DeclaredRecord(Struct, frozen=True, gc=False):
    """A record whose stored form follows from its annotations: one array element per field."""

    _stored: ClassVar[tuple[tuple[str, Callable[[Any], Any] | None], ...]]
    _restored: ClassVar[tuple[tuple[int, Callable[[Any], Any]], ...]]
    _decoder: ClassVar[msgspec.msgpack.Decoder[Any]]

    def encode(self) -> bytes:
        """The stored form."""
        return pack(
            tuple(
                getattr(self, name) if convert is None else convert(getattr(self, name))
                for name, convert in self._stored
            )
        )

    @classmethod
    def decode(cls: type[_RecordT], value: bytes) -> _RecordT:
        """The record of a stored value. Raises UntrustedStorage."""
        fields = list(unpack(cls._decoder, value))
        for index, convert in cls._restored:
            fields[index] = convert(fields[index])
        return cls(*fields)


_RecordT = TypeVar("_RecordT", bound=DeclaredRecord)


def declared(cls: type[_RecordT]) -> type[_RecordT]:
    """Work out a record's stored form, once, when its class is made."""
    hints = get_type_hints(cls, include_extras=True)
    kinds: list[Any] = []
    stored: list[tuple[str, Callable[[Any], Any] | None]] = []
    restored: list[tuple[int, Callable[[Any], Any]]] = []
    for index, name in enumerate(cls.__struct_fields__):
        hint = hints[name]
        if get_origin(hint) is Annotated:
            to_stored, from_stored = _CONVERSIONS[get_args(hint)[1]]
            kinds.append(bytes)
            stored.append((name, to_stored))
            restored.append((index, from_stored))
        else:
            kinds.append(hint)
            stored.append((name, None))
    cls._stored, cls._restored = tuple(stored), tuple(restored)
    cls._decoder = msgspec.msgpack.Decoder(GenericAlias(tuple, tuple(kinds)))
    return cls
