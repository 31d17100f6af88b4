"""Hyperliquid's grid of prices and sizes, on integers scaled by a power of ten.

A number x is given as `x * 10**scale`. The exchanges use a market's tick
and lot instead; this grid is for that venue's interfaces.
"""

from __future__ import annotations

MAX_SIGNIFICANT_FIGURES = 5
PERPETUAL_DECIMALS = 6
SPOT_DECIMALS = 8


def price_decimals(size_decimals: int, *, is_spot: bool = False) -> int:
    """Return the most decimals of a price where sizes have `size_decimals`; never below 0."""
    return max(0, (SPOT_DECIMALS if is_spot else PERPETUAL_DECIMALS) - size_decimals)


def is_valid_price(price: int, scale: int, size_decimals: int, *, is_spot: bool = False) -> bool:
    """Check five significant figures and `price_decimals` decimals; integers are always valid."""
    if price <= 0:
        return False
    digits, decimals = price, scale
    while decimals > 0 and digits % 10 == 0:
        digits //= 10
        decimals -= 1
    if decimals <= 0:
        return True
    significant = len(str(digits))
    return significant <= MAX_SIGNIFICANT_FIGURES and decimals <= price_decimals(
        size_decimals, is_spot=is_spot
    )


def nearest_price(
    price: int, scale: int, size_decimals: int, *, round_up: bool, is_spot: bool = False
) -> int:
    """Return the nearest valid price at most, or with `round_up` at least, a price."""
    decimals = price_decimals(size_decimals, is_spot=is_spot)
    places = max(0, len(str(price)) - MAX_SIGNIFICANT_FIGURES, scale - decimals)
    step: int = 10 ** min(places, scale)
    return price + -price % step if round_up else price - price % step


def is_valid_size(size: int, scale: int, size_decimals: int) -> bool:
    """Check that a size is above 0 and a multiple of 10**-size_decimals."""
    return size > 0 and (scale <= size_decimals or size % 10 ** (scale - size_decimals) == 0)
