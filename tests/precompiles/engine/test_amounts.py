"""Each division rounds the way its name says."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompiles.engine.amounts import ceil_divide, floor_divide, truncate_divide


@given(st.integers(), st.integers(min_value=1))
def test_signed_division_rounds_as_named(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert floor_divide(numerator, denominator) == math.floor(exact)
    assert ceil_divide(numerator, denominator) == math.ceil(exact)
    assert truncate_divide(numerator, denominator) == math.trunc(exact)


@pytest.mark.parametrize("divide", [floor_divide, ceil_divide, truncate_divide])
@pytest.mark.parametrize("denominator", [0, -1])
def test_a_denominator_is_above_0(divide: Callable[[int, int], int], denominator: int) -> None:
    with pytest.raises(AssertionError):
        divide(1, denominator)
