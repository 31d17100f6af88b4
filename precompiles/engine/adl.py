"""Auto-deleveraging: the order in which positions close against a bankrupt one (Hyperliquid)."""

from __future__ import annotations

from precompiles.engine.rounding import floor_divide

RANK_SCALE = 2**64
LAST = -1


def adl_rank(size: int, entry_notional: int, mark: int, base_unit: int, equity: int) -> int:
    """Profit times leverage, in parts of RANK_SCALE, rounded down; the highest is closed first.

    (mark / entry) * (notional / equity) for longs, (entry / mark) * (notional / equity) for
    shorts, both without a rounding before the last. With `notional = |size| * mark / base_unit`
    these are notional^2 / (entry_notional * equity) and entry_notional / equity. An entry of 0
    counts as 1. LAST for an equity of 0 or less, which has nothing to give.
    """
    if equity <= 0:
        return LAST
    if size < 0:
        return floor_divide(entry_notional * RANK_SCALE, equity)
    value = abs(size) * mark
    return floor_divide(
        value * value * RANK_SCALE, base_unit * base_unit * max(entry_notional, 1) * equity
    )
