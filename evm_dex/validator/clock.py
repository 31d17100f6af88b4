"""The machine's clock, held against the time that the validators agree on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from evm_dex.errors import ClockOff

_logger = logging.getLogger(__name__)
MOST_SECONDS_OFF = 60
_BLOCKS_TO_TELL = 3
"""Blocks in a row: the first after a standstill has the time of the votes before it."""


class Clock:
    """Watches by how much the time of proposals differs from the clock."""

    def __init__(
        self, on_start: Callable[[ClockOff], object], now: Callable[[], float] = time.time
    ) -> None:
        """`on_start` is told where the clock is off from the first blocks on."""
        self._on_start = on_start
        self._now = now
        self._is_checked = False
        self._in_a_row = 0
        self.seconds_ahead = 0
        """Seconds that the clock was ahead of the last proposal's time."""

    def check_begun(self, genesis_seconds: int) -> None:
        """Raise ClockOff where the clock says that the chain has not begun yet."""
        behind = genesis_seconds - self._now()
        if behind > MOST_SECONDS_OFF:
            raise ClockOff(
                f"this machine's clock is {behind:.0f} s before the chain's beginning: set the "
                "clock, then start again"
            )

    def look_at(self, seconds: int) -> None:
        """Take in the time of a block that is proposed now."""
        self.seconds_ahead = round(self._now()) - seconds
        if abs(self.seconds_ahead) <= MOST_SECONDS_OFF:
            self._is_checked, self._in_a_row = True, 0
            return
        self._in_a_row += 1
        if self._in_a_row < _BLOCKS_TO_TELL:
            return
        self._in_a_row = 0
        side = "ahead of" if self.seconds_ahead > 0 else "behind"
        error = ClockOff(
            f"this machine's clock is {abs(self.seconds_ahead)} s {side} the validators' time: set "
            "the clock, then start again"
        )
        if self._is_checked:
            _logger.error("%s", error)
        else:
            self._on_start(error)
