"""Integer division with the direction of rounding in its name.

`divide_*` are for what is never negative. `floor_divide`, `ceil_divide` and `truncate_divide`
take a numerator of either sign; every denominator is positive.
"""

from __future__ import annotations


def divide_down(numerator: int, denominator: int) -> int:
    """Quotient rounded toward zero; both operands non-negative, denominator positive."""
    return numerator // denominator


def divide_up(numerator: int, denominator: int) -> int:
    """Quotient rounded away from zero; both operands non-negative, denominator positive."""
    return -(-numerator // denominator)


def floor_divide(numerator: int, denominator: int) -> int:
    """Quotient rounded toward minus infinity."""
    return numerator // denominator


def ceil_divide(numerator: int, denominator: int) -> int:
    """Quotient rounded toward plus infinity."""
    return -(-numerator // denominator)


def truncate_divide(numerator: int, denominator: int) -> int:
    """Quotient rounded toward zero."""
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)
