"""ABI values by eth_abi, which is loaded at the first of them: its grammar takes long to build."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eth_abi.exceptions import DecodingError, EncodingError


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Values as arguments or results. Raises eth_abi's EncodingError."""
    from eth_abi.abi import encode as encoded  # noqa: PLC0415 - see above

    return encoded(types, values)


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Arguments or results as values. Raises one of `undecodable()`."""
    from eth_abi.abi import decode as decoded  # noqa: PLC0415 - see above

    return decoded(types, data)


def unencodable() -> tuple[type[EncodingError], type[OverflowError]]:
    """Return what values of a wrong type raise, for an `except`, which only then asks for it."""
    from eth_abi.exceptions import EncodingError  # noqa: PLC0415 - see above

    return EncodingError, OverflowError


def undecodable() -> tuple[type[DecodingError], type[OverflowError], type[UnicodeDecodeError]]:
    """Return what data that does not decode raises, for an `except` that only then asks."""
    from eth_abi.exceptions import DecodingError  # noqa: PLC0415 - see above

    return DecodingError, OverflowError, UnicodeDecodeError
