"""Each division rounds the way its name says."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from precompiles.engine.rounding import (
    ceil_divide,
    divide_down,
    divide_up,
    floor_divide,
    truncate_divide,
)


@given(st.integers(), st.integers(min_value=1))
def test_signed_division_rounds_as_named(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert floor_divide(numerator, denominator) == math.floor(exact)
    assert ceil_divide(numerator, denominator) == math.ceil(exact)
    assert truncate_divide(numerator, denominator) == math.trunc(exact)


@given(st.integers(min_value=0), st.integers(min_value=1))
def test_unsigned_division_rounds_as_named(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert divide_down(numerator, denominator) == math.floor(exact)
    assert divide_up(numerator, denominator) == math.ceil(exact)
