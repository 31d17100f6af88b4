"""Waiting for what another thread or process does, without counting on its speed."""

from __future__ import annotations

import time
from collections.abc import Callable

_LONGEST_SECONDS = 120


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; fail after `_LONGEST_SECONDS`."""
    end = time.monotonic() + _LONGEST_SECONDS
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)
