"""Bounds on what is kept of an execution for those who trace it, whatever code does."""

from __future__ import annotations

from typing import Any

from evm_dex.errors import TraceTooLong

MOST_BYTES = 64 * 2**20
_CALL_BYTES = 1_000
"""Bytes that a call counts for beside its input and output; in memory it takes more."""


def count_recorded(state: Any, size: int) -> None:
    """Count a call with that much input and output. Raises TraceTooLong."""
    state.recorded_bytes += _CALL_BYTES + 2 * size
    if state.recorded_bytes > MOST_BYTES:
        raise TraceTooLong(f"more than {MOST_BYTES} bytes of calls")
