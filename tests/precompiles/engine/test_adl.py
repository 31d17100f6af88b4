"""Who is deleveraged first: the order of ranks is that of the exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from precompiles.engine.position import ADL_RANK_SCALE, LAST_RANK, adl_rank

amounts = st.integers(1, 10**15)
sizes = st.integers(-(10**12), 10**12).filter(bool)
base_units = st.sampled_from([1, 10**6])


@given(sizes, amounts, amounts, base_units, amounts)
def test_rank_is_profit_times_leverage(
    size: int, entry_notional: int, mark: int, base_unit: int, equity: int
) -> None:
    entry = Fraction(entry_notional * base_unit, abs(size))
    profit = mark / entry if size > 0 else entry / mark
    leverage = Fraction(abs(size) * mark, base_unit) / equity
    assert adl_rank(size, entry_notional, mark, base_unit, equity) == math.floor(
        profit * leverage * ADL_RANK_SCALE
    )


@given(sizes, amounts, amounts, base_units, st.integers(-(10**15), 0), amounts)
def test_who_has_nothing_to_give_comes_last(
    size: int, entry_notional: int, mark: int, base_unit: int, debt: int, equity: int
) -> None:
    assert adl_rank(size, entry_notional, mark, base_unit, debt) == LAST_RANK
    assert adl_rank(size, entry_notional, mark, base_unit, equity) > LAST_RANK


def test_more_profit_and_more_leverage_come_first() -> None:
    """Longs of 10 at a mark of 120, then shorts at a mark of 80."""
    assert adl_rank(10, 1_000, 120, 1, 500) > adl_rank(10, 1_100, 120, 1, 500)
    assert adl_rank(10, 1_000, 120, 1, 400) > adl_rank(10, 1_000, 120, 1, 500)
    assert adl_rank(-10, 1_000, 80, 1, 500) > adl_rank(-10, 900, 80, 1, 500)
    assert adl_rank(-10, 1_000, 80, 1, 400) > adl_rank(-10, 1_000, 80, 1, 500)
    assert adl_rank(1, 0, 80, 1, 400) == adl_rank(1, 1, 80, 1, 400), (
        "an entry of nothing counts as 1"
    )
