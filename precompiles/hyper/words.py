"""ABI words of what reads answer: numbers within their bounds, texts, lists and structs."""

from __future__ import annotations

from collections.abc import Sequence

from precompiles.abi.codec import WORD
from precompiles.types import Address

_MAX_U64 = 2**64 - 1
_I64 = 2**63


class ReadFailed(Exception):  # noqa: N818 - says what happened
    """A read has no answer; it takes all the gas it was given."""


def u64(value: int) -> bytes:
    """Encode a number. Raises ReadFailed outside uint64, where HyperCore has none."""
    if not 0 <= value <= _MAX_U64:
        raise ReadFailed(f"{value} is out of the range of uint64")
    return value.to_bytes(WORD, "big")


def i64(value: int) -> bytes:
    """Encode a number. Raises ReadFailed outside int64, where HyperCore has none."""
    if not -_I64 <= value < _I64:
        raise ReadFailed(f"{value} is out of the range of int64")
    return value.to_bytes(WORD, "big", signed=True)


def address(value: Address) -> bytes:
    """Encode an address in its word."""
    return value.rjust(WORD, b"\0")


def text(value: str) -> bytes:
    """Length and bytes of a string, padded."""
    data = value.encode()
    return u64(len(data)) + data.ljust(-(-len(data) // WORD) * WORD, b"\0")


def array(items: Sequence[bytes]) -> bytes:
    """Length and elements, each of which is one or more words."""
    return u64(len(items)) + b"".join(items)


Dynamic = tuple[bytes]
"""A field that stands behind the head, as the head holds its offset."""


def struct(*fields: bytes | Dynamic) -> bytes:
    """Encode a struct with fields of dynamic length, and the offset word before it."""
    head_size = sum(WORD if isinstance(field, tuple) else len(field) for field in fields)
    head, tail = b"", b""
    for field in fields:
        if isinstance(field, tuple):
            head += u64(head_size + len(tail))
            tail += field[0]
        else:
            head += field
    return u64(WORD) + head + tail
