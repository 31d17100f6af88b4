"""Integer division with the direction of rounding in its name."""

from __future__ import annotations


def divide_down(numerator: int, denominator: int) -> int:
    """Quotient rounded toward zero; both operands non-negative, denominator positive."""
    return numerator // denominator


def divide_up(numerator: int, denominator: int) -> int:
    """Quotient rounded away from zero; both operands non-negative, denominator positive."""
    return -(-numerator // denominator)
