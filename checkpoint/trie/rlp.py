"""RLP of plain nested lists and bytes (Yellow Paper, appendix B), without schemas."""

from __future__ import annotations

from typing import Any

from rlp.codec import decode_raw, encode_raw
from rlp.exceptions import RLPException

__all__ = ["RLPException", "decode", "encode", "int_bytes"]


def encode(item: Any) -> bytes:
    """Bytes, or a list of items, as RLP. Integers go through `int_bytes` first."""
    encoded: bytes = encode_raw(item)
    return encoded


def decode(encoded: bytes) -> Any:
    """The item in `encoded`, lists as lists. Raises RLPException, also for what follows it."""
    return decode_raw(encoded, True, False)[0]


def int_bytes(value: int) -> bytes:
    """An unsigned integer as RLP has it: big-endian without leading zeros."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
