"""Decoded values as JSON can hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evm_dex.node.kinds import data

_EXACT = 2**53
"""From here on JavaScript's numbers have gaps."""


def plain(value: Any) -> Any:
    """The same with bytes in hex, and numbers that JavaScript does not have as decimal text."""
    match value:
        case bool():
            return value
        case int():
            return value if abs(value) < _EXACT else str(value)
        case bytes():
            return data(value)
        case Mapping():
            return {name: plain(item) for name, item in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return plain(value._asdict())
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value
