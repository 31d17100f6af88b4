"""Effect of a fill on a position: size, entry notional, and realized profit.

The entry is kept as a notional (collateral), not as a price, so averaging loses nothing. Sizes
are signed (long above 0), notionals are not. For every fill, exactly:

    realized_pnl == change of (sign of size * entry_notional) + change of cash

where the cash changes by -notional for a buy and +notional for a sale.
"""

from __future__ import annotations

from typing import NamedTuple

from precompiles.engine.amounts import floor_divide

ADL_RANK_SCALE = 2**64
LAST_RANK = -1


class Exposure(NamedTuple):
    """Signed size in size units, and the collateral (not negative) it was entered for."""

    size: int
    entry_notional: int


class Change(NamedTuple):
    """Effect of a fill, in collateral but for `closed_size`: none of the parts is negative."""

    exposure: Exposure
    realized_pnl: int
    closed_size: int
    closed_entry: int
    closed_notional: int
    opened_notional: int


def apply_fill(exposure: Exposure, amount_signed: int, notional: int) -> Change:
    """Return the effect of buying (above 0) or selling `amount_signed` for `notional` collateral.

    Growing adds the notional to the entry. Shrinking takes the closed share out of the entry,
    truncated, and all of it at the end. A fill past zero closes first: the closing share of the
    notional is truncated, and the rest enters the new position (dYdX, Hyperliquid).
    """
    size, entry = exposure
    if size == 0 or (size > 0) == (amount_signed > 0):
        return Change(Exposure(size + amount_signed, entry + notional), 0, 0, 0, 0, notional)
    amount = abs(amount_signed)
    assert amount > 0, "a fill moves something"
    closed = min(amount, abs(size))
    closed_entry = floor_divide(entry * closed, abs(size))
    closed_notional = floor_divide(notional * closed, amount)
    opened = notional - closed_notional
    profit = closed_notional - closed_entry
    after = Exposure(size + amount_signed, opened if amount > closed else entry - closed_entry)
    return Change(
        after, profit if size > 0 else -profit, closed, closed_entry, closed_notional, opened
    )


def entry_price(size: int, entry_notional: int, base_unit: int) -> int:
    """Return the average entry price for `base_unit` size units, rounded down; `size` not 0."""
    return floor_divide(entry_notional * base_unit, abs(size))


def unrealized_pnl(size: int, entry_notional: int, mark: int, base_unit: int) -> int:
    """Return the profit at `mark`: value less entry for longs, entry less value for shorts.

    The value `|size| * mark / base_unit` is truncated, as the position's holder sees it; margin
    uses `margin.position_value`, which rounds against the account.
    """
    value = floor_divide(abs(size) * mark, base_unit)
    return value - entry_notional if size > 0 else entry_notional - value


def adl_rank(size: int, entry_notional: int, mark: int, base_unit: int, equity: int) -> int:
    """Return the rank in auto-deleveraging, where the highest is closed first (Hyperliquid).

    Profit times leverage, in parts of ADL_RANK_SCALE, rounded down:

    (mark / entry) * (notional / equity) for longs, (entry / mark) * (notional / equity) for
    shorts, both without a rounding before the last. With `notional = |size| * mark / base_unit`
    these are notional^2 / (entry_notional * equity) and entry_notional / equity. An entry of 0
    counts as 1. LAST_RANK for an equity of 0 or less, which has nothing to give.
    """
    if equity <= 0:
        return LAST_RANK
    if size < 0:
        return floor_divide(entry_notional * ADL_RANK_SCALE, equity)
    value = abs(size) * mark
    return floor_divide(
        value * value * ADL_RANK_SCALE, base_unit * base_unit * max(entry_notional, 1) * equity
    )
