"""The part of the contract ABI that the precompiles use: flat values, and flat lists of them.

Types: static values (`address`, `bool`, `uintN`, `int256`, `bytesN`), dynamic arrays of those, and
dynamic arrays of static structs. No nesting beyond that, so calldata cannot expand to more than
its own size. Decoding is as strict as Solidity's: dirty padding, short data and offsets out
of range are refused; surplus bytes at the end are ignored.

Format: the Solidity Contract ABI Specification. Decoding hostile input in `eth_abi` may raise
OverflowError or use memory out of proportion; the tests hold this module against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

WORD = 32
_MAX_ARRAY_WORDS = 2**20
_to_number = int.from_bytes


class Malformed(Exception):  # noqa: N818 - says what the data is
    """Calldata that does not encode the declared types; `offset` is the first wrong byte."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"malformed at byte {offset}")
        self.offset = offset


Decoder = Callable[[bytes, int], Any]
"""Decodes the complete word at an offset. Raises Malformed where the word is dirty."""
Encoder = Callable[[Any], bytes]
"""Encodes one word; the caller has made sure that the value fits."""


class StaticType:
    """A type that takes one word; its conversions are chosen once, since calls are many."""

    __slots__ = ("decode", "encode", "name")

    def __init__(self, name: str) -> None:
        found = re.fullmatch(r"(uint|int|bytes|address|bool)(\d*)", name)
        assert found, f"{name} must be uintN, int256, bytesN, address or bool"
        kind, size = found.groups()
        assert kind != "int" or size in ("", "256")
        self.name = name
        self.decode: Decoder
        self.encode: Encoder
        self.decode, self.encode = _CONVERSIONS[kind](int(size or 256))


def _uint(bits: int) -> tuple[Decoder, Encoder]:
    def decode(data: bytes, offset: int) -> int:
        number = _to_number(data[offset : offset + WORD], "big")
        if number >> bits:
            raise Malformed(offset)
        return number

    def encode(value: int) -> bytes:
        assert not value >> bits
        return value.to_bytes(WORD, "big")

    return decode, encode


def _int(bits: int) -> tuple[Decoder, Encoder]:
    assert bits == 8 * WORD

    def decode(data: bytes, offset: int) -> int:
        return _to_number(data[offset : offset + WORD], "big", signed=True)

    def encode(value: int) -> bytes:
        return value.to_bytes(WORD, "big", signed=True)

    return decode, encode


def _bool(_size: int) -> tuple[Decoder, Encoder]:
    words = {bytes(WORD): False, bytes(WORD - 1) + b"\x01": True}

    def decode(data: bytes, offset: int) -> bool:
        value = words.get(data[offset : offset + WORD])
        if value is None:
            raise Malformed(offset)
        return value

    _, encode = _uint(1)
    return decode, encode


def _address(_size: int) -> tuple[Decoder, Encoder]:
    padding = bytes(12)

    def decode(data: bytes, offset: int) -> bytes:
        start = offset + len(padding)
        if data[offset:start] != padding:
            raise Malformed(offset)
        return data[start : offset + WORD]

    def encode(value: bytes) -> bytes:
        assert len(value) == 20
        return padding + value

    return decode, encode


def _bytes(size: int) -> tuple[Decoder, Encoder]:
    padding = bytes(WORD - size)

    def decode(data: bytes, offset: int) -> bytes:
        end = offset + size
        if data[end : offset + WORD] != padding:
            raise Malformed(end)
        return data[offset:end]

    def encode(value: bytes) -> bytes:
        assert len(value) == size
        return value + padding

    return decode, encode


_CONVERSIONS: dict[str, Callable[[int], tuple[Decoder, Encoder]]] = {
    "uint": _uint,
    "int": _int,
    "bool": _bool,
    "address": _address,
    "bytes": _bytes,
}


class ListType:
    """A dynamic array of static values, or of static structs when `is_struct`."""

    __slots__ = ("fields", "is_struct", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        element = name.removesuffix("[]")
        self.is_struct = element.startswith("(")
        names = element.strip("()").split(",")
        self.fields = tuple(StaticType(field) for field in names)

    def decode(self, data: bytes, head: int, base: int) -> list[Any]:
        """Return the elements of the array whose offset, relative to `base`, is at `head`."""
        start = base + _length(data, head)
        count = _length(data, start)
        stride = WORD * len(self.fields)
        first = start + WORD
        if count > _MAX_ARRAY_WORDS or first + count * stride > len(data):
            raise Malformed(start)
        return [self._element(data, first + index * stride) for index in range(count)]

    def encode(self, values: Sequence[Any]) -> bytes:
        """Encode length and elements."""
        parts = [len(values).to_bytes(WORD, "big")]
        for value in values:
            row = value if self.is_struct else (value,)
            parts += [field.encode(item) for field, item in zip(self.fields, row, strict=True)]
        return b"".join(parts)

    def _element(self, data: bytes, offset: int) -> Any:
        if not self.is_struct:
            return self.fields[0].decode(data, offset)
        return tuple(
            field.decode(data, offset + WORD * place) for place, field in enumerate(self.fields)
        )


AbiType = StaticType | ListType


class Layout:
    """A sequence of values as calldata, return data, event data or error data hold it."""

    __slots__ = ("_is_static", "_size", "types")

    def __init__(self, names: Sequence[str]) -> None:
        self.types: tuple[AbiType, ...] = tuple(
            ListType(name) if name.endswith("[]") else StaticType(name) for name in names
        )
        self._size = WORD * len(self.types)
        self._is_static = all(isinstance(kind, StaticType) for kind in self.types)

    def decode(self, data: bytes, base: int = 0) -> list[Any]:
        """Decode the values in `data` from byte `base` on. Raises Malformed."""
        end = base + self._size
        if len(data) < end:
            raise Malformed(len(data))
        return [
            kind.decode(data, offset)
            if isinstance(kind, StaticType)
            else kind.decode(data, offset, base)
            for kind, offset in zip(self.types, range(base, end, WORD), strict=True)
        ]

    def encode(self, values: Sequence[Any]) -> bytes:
        """Encode `values`, one for each type."""
        if self._is_static:
            return b"".join(
                [kind.encode(value) for kind, value in zip(self.types, values, strict=True)]
            )
        heads: list[bytes] = []
        tails: list[bytes] = []
        tail_offset = self._size
        for kind, value in zip(self.types, values, strict=True):
            if isinstance(kind, StaticType):
                heads.append(kind.encode(value))
            else:
                heads.append(tail_offset.to_bytes(WORD, "big"))
                tails.append(kind.encode(value))
                tail_offset += len(tails[-1])
        return b"".join(heads + tails)


def _length(data: bytes, offset: int) -> int:
    """Decode a word that counts bytes or elements, so it cannot exceed the data's own size."""
    word = data[offset : offset + WORD]
    number = _to_number(word, "big")
    if len(word) < WORD or number > len(data):
        raise Malformed(min(offset, len(data)))
    return number
