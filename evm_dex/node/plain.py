"""Decoded values as JSON can hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evm_dex.node.rpc_types import data

_EXACT = 2**53
"""From here on JavaScript's numbers have gaps."""


def plain(value: Any) -> Any:
    """The same with bytes in hex, and numbers that JavaScript does not have as decimal text."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return data(value)
    is_exact = isinstance(value, bool) or not isinstance(value, int) or abs(value) < _EXACT
    return value if is_exact else str(value)
