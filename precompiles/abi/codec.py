"""The part of the contract ABI that the precompiles speak: flat values, and flat lists of them.

Types: static values (`address`, `bool`, `uintN`, `int256`, `bytesN`), dynamic arrays of those, and
dynamic arrays of static structs. No nesting beyond that, so calldata cannot expand to more than
its own size. Decoding is as strict as Solidity's: dirty padding, short data and offsets out
of range are refused; surplus bytes at the end are ignored.

Format: the Solidity Contract ABI Specification. Decoding hostile input in `eth_abi` may raise
OverflowError or use memory out of proportion; the tests hold this module against it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

WORD = 32
_MAX_ARRAY_WORDS = 2**20


class Malformed(Exception):  # noqa: N818 - says what the data is
    """Calldata is not an encoding of the declared types; `offset` is the byte that shows it."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"malformed at byte {offset}")
        self.offset = offset


class StaticType:
    """A type that takes one word."""

    __slots__ = ("bits", "kind", "name")

    def __init__(self, name: str) -> None:
        found = re.fullmatch(r"(uint|int|bytes|address|bool)(\d*)", name)
        assert found, f"{name} is not a type the precompiles speak"
        self.name = name
        self.kind, digits = found.groups()
        defaults = {"address": 160, "bool": 1, "uint": 256, "int": 256}
        size = int(digits) if digits else defaults[self.kind]
        self.bits = size * 8 if self.kind == "bytes" else size
        assert self.kind != "int" or self.bits == 256

    def decode(self, data: bytes, offset: int) -> Any:
        """The value of the word at `offset`; the word must be complete and clean."""
        word = data[offset : offset + WORD]
        if len(word) < WORD:
            raise Malformed(len(data))
        number = int.from_bytes(word, "big")
        if self.kind == "bytes":
            size = self.bits >> 3
            if number & ((1 << (256 - self.bits)) - 1):
                raise Malformed(offset + size)
            return word[:size]
        if number >> self.bits:
            raise Malformed(offset)
        if self.kind == "uint":
            return number
        if self.kind == "address":
            return word[12:]
        if self.kind == "bool":
            return number == 1
        return number - (1 << 256) if number >> 255 else number

    def encode(self, value: Any) -> bytes:
        """One word; the value must fit, which is the programmer's duty."""
        if self.kind == "address":
            assert len(value) == 20
            return bytes(12) + bytes(value)
        if self.kind == "bytes":
            assert len(value) == self.bits >> 3
            return bytes(value).ljust(WORD, b"\0")
        number = int(value)
        if self.kind == "int":
            return number.to_bytes(WORD, "big", signed=True)
        assert not number >> self.bits
        return number.to_bytes(WORD, "big")


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
        """The elements of the array whose offset, relative to `base`, is at `head`."""
        start = base + _length(data, head)
        count = _length(data, start)
        stride = WORD * len(self.fields)
        first = start + WORD
        if count > _MAX_ARRAY_WORDS or first + count * stride > len(data):
            raise Malformed(start)
        return [self._element(data, first + index * stride) for index in range(count)]

    def encode(self, values: Sequence[Any]) -> bytes:
        """Length and elements."""
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

    __slots__ = ("types",)

    def __init__(self, names: Sequence[str]) -> None:
        self.types: tuple[AbiType, ...] = tuple(
            ListType(name) if name.endswith("[]") else StaticType(name) for name in names
        )

    def decode(self, data: bytes, base: int = 0) -> list[Any]:
        """Values encoded in `data` from byte `base` on. Raises Malformed."""
        if len(data) < base + WORD * len(self.types):
            raise Malformed(len(data))
        return [
            kind.decode(data, offset)
            if isinstance(kind, StaticType)
            else kind.decode(data, offset, base)
            for offset, kind in zip(range(base, len(data), WORD), self.types, strict=False)
        ]

    def encode(self, values: Sequence[Any]) -> bytes:
        """The encoding of `values`, one for each type."""
        assert len(values) == len(self.types)
        heads: list[bytes] = []
        tails: list[bytes] = []
        tail_offset = WORD * len(self.types)
        for kind, value in zip(self.types, values, strict=True):
            if isinstance(kind, StaticType):
                heads.append(kind.encode(value))
            else:
                heads.append(tail_offset.to_bytes(WORD, "big"))
                tails.append(kind.encode(value))
                tail_offset += len(tails[-1])
        return b"".join(heads + tails)


def _length(data: bytes, offset: int) -> int:
    """A word that counts bytes or elements, so it cannot exceed the data's own size."""
    word = data[offset : offset + WORD]
    number = int.from_bytes(word, "big")
    if len(word) < WORD or number > len(data):
        raise Malformed(min(offset, len(data)))
    return number
