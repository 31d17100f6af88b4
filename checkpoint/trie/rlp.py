"""RLP of plain nested lists and bytes (Yellow Paper, appendix B), without schemas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rlp.codec import decode_raw
from rlp.exceptions import DecodingError

try:
    from rusty_rlp import encode_raw
except ImportError:
    from rlp.codec import encode_raw

__all__ = ["RLPError", "decode", "encode", "int_bytes"]


class RLPError(DecodingError, ValueError):  # type: ignore[misc] # rlp has no types
    """The bytes are not RLP. Also an error of the `rlp` library, for callers that expect those."""


encode: Callable[[Any], bytes] = encode_raw
"""Encodes bytes or a list of items. Integers go through `int_bytes` first."""


def decode(encoded: bytes) -> Any:
    """Return the item in `encoded`, lists as lists. Raises RLPError, also for trailing bytes."""
    try:
        return decode_raw(encoded, True, False)[0]
    except (DecodingError, RecursionError) as error:
        raise RLPError(str(error), encoded) from error


def int_bytes(value: int) -> bytes:
    """Return an unsigned integer as RLP has it: big-endian without leading zeros."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
