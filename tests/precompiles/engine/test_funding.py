"""Funding against exact fractions and published examples, and that it never creates money."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompiles.engine.funding import (
    DAMPING,
    FUNDING_SECONDS,
    INDEX_SCALE,
    INTEREST_RATE,
    MAX_HOURLY_RATE,
    RATE_SCALE,
    SAMPLE_SECONDS,
    eight_hour_rate,
    funding_change,
    hourly_rate,
    impact_price,
    index_step,
    premium,
)

SAMPLES = FUNDING_SECONDS // SAMPLE_SECONDS
prices = st.integers(1, 10**9)
rates = st.integers(-MAX_HOURLY_RATE, MAX_HOURLY_RATE)
sizes = st.integers(-(10**12), 10**12)
base_units = st.sampled_from([1, 10**6, 10**18])
levels = st.lists(st.tuples(prices, st.integers(1, 10**9)), max_size=8)


def average_price(levels: list[tuple[int, int]], notional: int, base_unit: int) -> Fraction:
    """Notional over the size it trades, level by level in exact fractions; 0 if it does not."""
    left, size = Fraction(notional), Fraction(0)
    for price, available in levels:
        taken = min(left * base_unit / price, Fraction(available))
        size += taken
        left -= taken * price / base_unit
    return Fraction(notional * base_unit) / size if size and not left else Fraction(0)


@given(levels, st.integers(0, 10**13), base_units)
def test_impact_price_is_the_average_price_of_the_notional(
    levels: list[tuple[int, int]], notional: int, base_unit: int
) -> None:
    exact = average_price(levels, notional, base_unit)
    assert impact_price(levels, notional, base_unit) == math.floor(exact)
    assert impact_price(levels, notional, base_unit, round_up=True) == math.ceil(exact)


@given(levels.filter(bool), base_units.filter(lambda unit: unit < 10**9))
def test_a_side_is_used_to_its_end_and_not_beyond(
    levels: list[tuple[int, int]], base_unit: int
) -> None:
    held = sum(price * size for price, size in levels) // base_unit
    assert (impact_price(levels, held, base_unit) > 0) is (held > 0)
    assert impact_price(levels, held + 1, base_unit) == 0


def test_impact_price_of_two_levels() -> None:
    """200 into 1 at 100 and more at 50: 1 + 2 units for 200."""
    assert impact_price([(100, 1), (50, 10)], 200, 1) == 66
    assert impact_price([(100, 1), (50, 10)], 200, 1, round_up=True) == 67


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [
        (10_100, 10_110, RATE_SCALE // 100),
        (9_890, 9_900, -RATE_SCALE // 100),
        (9_990, 10_010, 0),
        (0, 9_900, -RATE_SCALE // 100),
        (10_100, 0, RATE_SCALE // 100),
        (0, 0, 0),
    ],
)
def test_premium_counts_what_lies_beyond_the_oracle(bid: int, ask: int, expected: int) -> None:
    """Both impact prices above the oracle, below, around it, and with sides that cannot fill."""
    assert premium(bid, ask, 10_000) == expected


@given(prices, prices, prices)
def test_premium_truncates_toward_zero(bid: int, ask: int, oracle: int) -> None:
    exact = Fraction(max(bid - oracle, 0) - max(oracle - ask, 0), oracle)
    assert premium(bid, ask, oracle) == math.trunc(exact * RATE_SCALE)


def percent(number: str) -> int:
    return int(Fraction(number) * RATE_SCALE / 100)


@pytest.mark.parametrize(
    ("premium_rate", "expected"),
    [
        ("1", "0.95"),
        ("-1", "-0.95"),
        ("0", "0.01"),
        ("0.06", "0.01"),
        ("-0.04", "0.01"),
        ("0.07", "0.02"),
        ("-0.05", "0"),
    ],
)
def test_rate_is_the_interest_within_the_damping(premium_rate: str, expected: str) -> None:
    """P + clamp(0.01 % - P, +-0.05 %): from P = -0.04 % to 0.06 % it is the interest itself."""
    assert eight_hour_rate(percent(premium_rate)) == percent(expected)


def test_rate_with_another_venues_constants() -> None:
    """BitMEX: P of 0.5 %, interest 0.25 %, gives 0.45 %."""
    rate = eight_hour_rate(percent("0.5"), interest=percent("0.25"), damping=percent("0.05"))
    assert rate == percent("0.45")


def test_an_hour_with_other_constants_is_an_eighth_of_premium_and_interest() -> None:
    """Damping 0 leaves the premium as it is; the cap is the venue's."""
    assert hourly_rate(percent("0.8"), 1, 0, 0) == percent("0.1")
    assert hourly_rate(percent("0.8"), 1, damping=0, maximum=percent("0.05")) == percent("0.05")
    assert hourly_rate(0, 1, percent("0.16"), percent("0.2")) == percent("0.02")


def test_hyperliquids_example_of_a_premium_of_one_percent() -> None:
    """Oracle 10 000, impact bid 10 100: 0.95 % for eight hours, an eighth of it each hour."""
    sample = premium(10_100, 10_110, 10_000)
    rate = hourly_rate(SAMPLES * sample, SAMPLES)
    assert rate == percent("0.11875")
    step = index_step(10_000 * 10**6, rate)
    assert funding_change(10**18, step, 10**18) == -11_875_000
    assert funding_change(-(10**18), step, 10**18) == 11_875_000


def test_without_premium_the_hour_costs_an_eighth_of_the_interest() -> None:
    assert hourly_rate(0, SAMPLES) == hourly_rate(0, 0) == INTEREST_RATE // 8 == 12_500_000


@pytest.mark.parametrize("sign", [1, -1])
def test_hourly_rate_is_capped_at_four_percent(sign: int) -> None:
    assert hourly_rate(sign * SAMPLES * RATE_SCALE, SAMPLES) == sign * MAX_HOURLY_RATE
    assert percent("4") == MAX_HOURLY_RATE
    edge = sign * 8 * MAX_HOURLY_RATE + sign * DAMPING
    assert hourly_rate(edge, 1) == sign * MAX_HOURLY_RATE
    assert abs(hourly_rate(edge - sign * 8, 1)) == MAX_HOURLY_RATE - 1


@given(st.integers(-(10**15), 10**15), st.integers(1, 720))
def test_hourly_rate_truncates_the_mean_and_the_eighth(total: int, count: int) -> None:
    mean = math.trunc(Fraction(total, count))
    rate = math.trunc(Fraction(eight_hour_rate(mean), 8))
    assert hourly_rate(total, count) == max(-MAX_HOURLY_RATE, min(MAX_HOURLY_RATE, rate))


@given(st.lists(sizes, max_size=6), st.lists(st.tuples(prices, rates), max_size=5), base_units)
def test_settlement_never_creates_money(
    positions: list[int], hours: list[tuple[int, int]], base_unit: int
) -> None:
    """Positions that sum to zero, over any hours: less than a unit each goes astray, downward."""
    positions = [*positions, -sum(positions)]
    index = sum(index_step(oracle, rate) for oracle, rate in hours)
    changes = [funding_change(size, index, base_unit) for size in positions]
    assert -len(positions) < sum(changes) <= 0
    for size, change in zip(positions, changes, strict=True):
        assert change == math.floor(Fraction(-size * index, INDEX_SCALE * base_unit))


@given(sizes, prices, rates, base_units)
def test_one_hour_by_index_is_the_payment_itself(
    size: int, oracle: int, rate: int, base_unit: int
) -> None:
    exact = Fraction(-size * oracle * rate, RATE_SCALE * base_unit)
    assert funding_change(size, index_step(oracle, rate), base_unit) == math.floor(exact)


def test_a_long_pays_and_a_short_receives_when_the_rate_is_positive() -> None:
    assert funding_change(1, index_step(1, 1), 1) == -1, "a payer pays up"
    assert funding_change(-1, index_step(1, 1), 1) == 0, "a receiver gets down"
