"""Ticks and lots at which no amount of a market ever rounds."""

from __future__ import annotations

import logging
from math import gcd

_logger = logging.getLogger(__name__)
_TICKS_PER_UNIT = 100
_LOTS_PER_UNIT = 10_000


def fitting_grid(
    base_unit: int, quote_unit: int, *, tick: int | None = None, lot: int | None = None
) -> tuple[int, int]:
    """Tick and lot, by default a hundredth of the quote and a ten-thousandth of the base unit.

    Where their product would not be a multiple of the base unit, the one that is not given is the
    next larger that makes it so: the lot, if neither is.
    """
    if tick is None:
        tick = max(quote_unit // _TICKS_PER_UNIT, 1)
        if lot is not None:
            tick = _multiple(base_unit // gcd(base_unit, lot), tick)
    if lot is None:
        lot = _multiple(base_unit // gcd(base_unit, tick), max(base_unit // _LOTS_PER_UNIT, 1))
    return tick, lot


def warn_of_rounding(market: str, base_unit: int, tick: int, lot: int) -> None:
    """Warn of a market whose fills round: lot x tick must be a multiple of the base unit."""
    if lot * tick % base_unit:
        _logger.warning(
            "market %s: lot x tick = %d is no multiple of the base unit %d, so fills round to "
            "whole quote units, and none that is worth less than one is made: choose a lot of %d, "
            "or a larger tick",
            market,
            lot * tick,
            base_unit,
            fitting_grid(base_unit, tick, tick=tick)[1],
        )


def _multiple(step: int, least: int) -> int:
    """Return the smallest multiple of `step` that is not below `least`."""
    return -(-least // step) * step
