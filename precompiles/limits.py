"""How much one call may ask for, on either exchange."""

from __future__ import annotations

from precompiles.errors import LimitTooLarge

MAX_DEPTH_LEVELS = 100
MAX_BATCH = 100
MAX_PAGE = 100


def check_limit(value: int, limit: int) -> None:
    """Raises LimitTooLarge."""
    if value > limit:
        raise LimitTooLarge(value, limit)
