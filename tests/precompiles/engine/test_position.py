"""Fills against average-price arithmetic in exact fractions, what they conserve, and ADL ranks."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompiles.engine.position import (
    ADL_RANK_SCALE,
    LAST_RANK,
    Exposure,
    adl_rank,
    apply_fill,
    entry_price,
    unrealized_pnl,
)

sizes = st.integers(-(10**9), 10**9).filter(bool)
notionals = st.integers(0, 10**15)
fills = st.lists(st.tuples(sizes, notionals), min_size=1, max_size=20)


def sign(number: int) -> int:
    return (number > 0) - (number < 0)


def signed_entry(exposure: Exposure) -> int:
    return sign(exposure.size) * exposure.entry_notional


@given(fills)
def test_profit_is_what_cash_and_entry_gained(trades: list[tuple[int, int]]) -> None:
    """After any fills, cash plus signed entry equals the profit realised: nothing is lost."""
    exposure, cash, realized = Exposure(0, 0), 0, 0
    for amount, notional in trades:
        change = apply_fill(exposure, amount, notional)
        exposure = change.exposure
        cash -= sign(amount) * notional
        realized += change.realized_pnl
        assert change.closed_notional + change.opened_notional == notional
        assert min(change[2:]) >= 0
        assert exposure.entry_notional >= 0
        assert cash + signed_entry(exposure) == realized
    assert exposure.size == sum(amount for amount, _ in trades)
    closing = apply_fill(exposure, -exposure.size, 12_345) if exposure.size else None
    assert closing is None or closing.exposure == Exposure(0, 0)


@given(fills)
def test_both_sides_of_every_trade_realise_to_the_sum_of_their_entries(
    trades: list[tuple[int, int]],
) -> None:
    """Zero sum: two accounts on opposite sides of the same trades, one entered beforehand."""
    buyer, seller, profit = Exposure(1_000_003, 7_000_001), Exposure(0, 0), 0
    before = signed_entry(buyer)
    for amount, notional in trades:
        ours, theirs = apply_fill(buyer, amount, notional), apply_fill(seller, -amount, notional)
        buyer, seller = ours.exposure, theirs.exposure
        profit += ours.realized_pnl + theirs.realized_pnl
    assert profit == signed_entry(buyer) + signed_entry(seller) - before


@given(sizes, notionals, st.data())
def test_closing_takes_the_share_of_the_entry_truncated(
    size: int, entry: int, data: st.DataObject
) -> None:
    closed = data.draw(st.integers(1, abs(size)))
    notional = data.draw(notionals)
    change = apply_fill(Exposure(size, entry), -sign(size) * closed, notional)
    assert change.closed_size == closed
    assert change.closed_notional == notional
    assert change.closed_entry == math.floor(Fraction(entry * closed, abs(size)))
    assert change.realized_pnl == sign(size) * (notional - change.closed_entry)
    assert change.exposure == Exposure(size - sign(size) * closed, entry - change.closed_entry)


def test_growing_a_position_adds_up_its_entry() -> None:
    change = apply_fill(Exposure(2, 200), 3, 390)
    assert change == (Exposure(5, 590), 0, 0, 0, 0, 390)
    assert entry_price(5, 590, 1) == 118


def test_shrinking_keeps_the_entry_price() -> None:
    """Long 10 at 100, sells 4 at 130: 120 of profit, 6 left at 100; and the mirror image."""
    assert apply_fill(Exposure(10, 1_000), -4, 520) == (Exposure(6, 600), 120, 4, 400, 520, 0)
    assert apply_fill(Exposure(-10, 1_000), 4, 520) == (Exposure(-6, 600), -120, 4, 400, 520, 0)


def test_a_flip_closes_first_and_enters_the_rest_at_the_new_price() -> None:
    """Long 10 at 100, sells 15 at 110: 100 of profit, then short 5 at 110."""
    change = apply_fill(Exposure(10, 1_000), -15, 1_650)
    assert change == (Exposure(-5, 550), 100, 10, 1_000, 1_100, 550)
    assert entry_price(-5, 550, 1) == 110


def test_the_closing_part_of_a_flip_is_truncated() -> None:
    """3 for 10: closing 1 of them takes 3, and 7 enter the new position."""
    change = apply_fill(Exposure(-1, 5), 3, 10)
    assert (change.closed_notional, change.opened_notional) == (3, 7)
    assert (change.exposure, change.realized_pnl) == (Exposure(2, 7), 2)


@pytest.mark.parametrize(
    ("size", "mark", "profit"),
    [(2, 55_000, 10_000), (-2, 55_000, -10_000), (2, 45_000, -10_000), (-2, 45_000, 10_000)],
)
def test_unrealized_profit_is_side_times_move_times_size(size: int, mark: int, profit: int) -> None:
    assert unrealized_pnl(size, 100_000, mark, 1) == profit


@given(sizes, notionals, st.integers(0, 10**9), st.integers(1, 10**9))
def test_unrealized_profit_truncates_the_value(
    size: int, entry: int, mark: int, base_unit: int
) -> None:
    value = math.floor(Fraction(abs(size) * mark, base_unit))
    assert unrealized_pnl(size, entry, mark, base_unit) == sign(size) * (value - entry)


amounts = st.integers(1, 10**15)
rank_sizes = st.integers(-(10**12), 10**12).filter(bool)
base_units = st.sampled_from([1, 10**6])


@given(rank_sizes, amounts, amounts, base_units, amounts)
def test_rank_is_profit_times_leverage(
    size: int, entry_notional: int, mark: int, base_unit: int, equity: int
) -> None:
    entry = Fraction(entry_notional * base_unit, abs(size))
    profit = mark / entry if size > 0 else entry / mark
    leverage = Fraction(abs(size) * mark, base_unit) / equity
    assert adl_rank(size, entry_notional, mark, base_unit, equity) == math.floor(
        profit * leverage * ADL_RANK_SCALE
    )


@given(rank_sizes, amounts, amounts, base_units, st.integers(-(10**15), 0), amounts)
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
