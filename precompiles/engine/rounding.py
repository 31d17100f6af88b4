"""Integer division with the direction of rounding in its name; the denominator is above 0."""

from __future__ import annotations


def floor_divide(numerator: int, denominator: int) -> int:
    """Divide, rounding toward minus infinity."""
    assert denominator > 0
    return numerator // denominator


def ceil_divide(numerator: int, denominator: int) -> int:
    """Divide, rounding toward plus infinity."""
    assert denominator > 0
    return -(-numerator // denominator)


def truncate_divide(numerator: int, denominator: int) -> int:
    """Divide, rounding toward zero."""
    assert denominator > 0
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)
