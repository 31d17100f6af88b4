"""Liquidation and bankruptcy prices.

Two rules. By equity (Hyperliquid, dYdX, Binance): liquidatable when equity falls below the
maintenance margin. By threshold (the plain isolated position): when the price has moved against
the entry by `threshold` percent of the margin.

Prices are in collateral units for `base_unit` size units, sizes are signed, equity and margin
are in collateral.
"""

from __future__ import annotations

from precompiles.engine.amounts import ceil_divide, floor_divide
from precompiles.engine.margin import Schedule

# Above this there is no liquidation price: 10**15 whole units of a token with 18 decimals.
MAX_PRICE = 10**33
LIQUIDATION_THRESHOLD = 90
BPS = 10_000


def is_liquidatable(equity: int, maintenance: int) -> bool:
    """Check that equity is below a maintenance margin above 0; equality is safe (Hyperliquid)."""
    return maintenance > 0 and equity < maintenance


def liquidation_price(
    size: int,
    price: int,
    margin_available: int,
    schedule: Schedule,
    base_unit: int,
    *,
    maximum: int = MAX_PRICE,
) -> int | None:
    """Return the price at which equity equals maintenance, all else staying as it is at `price`.

    `margin_available` is equity - maintenance at `price`; rates are below 1. Within one tier
    this is Hyperliquid's `price - side * margin_available / |size| / (1 - rate * side)`; across
    tiers the piece in which the answer lies is solved, exactly. The one division rounds long up
    and short down: toward the price of a position that is safe. None without a size, or where the
    answer is not in 1..`maximum`: no price liquidates.
    """
    if size == 0:
        return None
    lots = abs(size)
    scale = schedule.denominator
    # Everything in collateral * base_unit * scale. Wanted is the price p with
    #   size*scale*p - maintenance(|size|*p) == size*scale*price - maintenance(|size|*price)
    #                                           - margin_available
    now = schedule.numerator(lots * price, base_unit)
    constant = size * scale * price - now - margin_available * base_unit * scale
    for n in range(len(schedule.rates)):
        slope = size * scale - lots * schedule.rates[n]
        found = constant - schedule.deductions[n] * base_unit
        if slope < 0:
            found, slope = -found, -slope
        last = n + 1 == len(schedule.rates)
        if last or found * lots < schedule.lower_bounds[n + 1] * base_unit * slope:
            result = ceil_divide(found, slope) if size > 0 else floor_divide(found, slope)
            return result if 0 < result <= maximum else None
    return None


def bankruptcy_price(size: int, price: int, equity: int, base_unit: int) -> int:
    """Return the price at which an `equity` at `price` is used up: `price - equity / size`.

    In the account's favour: long up, short down, so that trading there leaves no debt. 0 where
    no price above 0 uses it up. `size` is not 0.
    """
    distance = floor_divide(equity * base_unit, abs(size))
    return max(0, price - distance if size > 0 else price + distance)


def threshold_bps(leverage: int, threshold: int = LIQUIDATION_THRESHOLD) -> int:
    """Return the adverse move in basis points that uses up `threshold` % of the margin, down."""
    return floor_divide(threshold * 100, leverage)


def threshold_price(
    entry: int, leverage: int, is_long: bool, threshold: int = LIQUIDATION_THRESHOLD
) -> int:
    """Return `entry` moved against the position by `threshold_bps`, rounded down for both sides."""
    move = threshold_bps(leverage, threshold)
    return floor_divide(entry * (BPS - move if is_long else BPS + move), BPS)


def is_past_threshold(mark: int, threshold_price: int, is_long: bool) -> bool:
    """Check that the mark is at or past the threshold price."""
    return mark <= threshold_price if is_long else mark >= threshold_price
