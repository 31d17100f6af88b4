"""Margins against exact sums over the tiers, and against published margin tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompiles.engine.margin import (
    Tier,
    highest_leverage,
    initial_margin,
    leverage_schedule,
    maintenance_margin,
    marginal_schedule,
    notional_up,
    position_value,
    required_initial_margin,
)

amounts = st.integers(0, 2**100)


@st.composite
def tier_tables(draw: st.DrawFn) -> list[Tier]:
    leverages = sorted(
        draw(st.lists(st.integers(1, 100), min_size=1, max_size=6, unique=True)), reverse=True
    )
    count = len(leverages) - 1
    bounds = draw(
        st.lists(st.integers(1, 10**12), min_size=count, max_size=count, unique=True).map(sorted)
    )
    return [Tier(*row) for row in zip([0, *bounds], leverages, strict=True)]


def half_of_initial(max_leverage: int) -> Fraction:
    """The maintenance rate of a tier: half of the initial rate at its maximum leverage."""
    return Fraction(1, 2 * max_leverage)


def marginal_sum(notional: int, tiers: Sequence[tuple[int, Fraction]]) -> Fraction:
    """Each tier's rate on the part of the notional that lies in it."""
    ends = [bound for bound, _ in tiers[1:]] + [max(notional, tiers[-1][0])]
    return sum(
        (
            max(0, min(notional, end) - bound) * rate
            for (bound, rate), end in zip(tiers, ends, strict=True)
        ),
        Fraction(0),
    )


@given(amounts, tier_tables())
def test_maintenance_is_the_marginal_sum_rounded_up_once(notional: int, tiers: list[Tier]) -> None:
    rates = [(bound, half_of_initial(leverage)) for bound, leverage in tiers]
    assert maintenance_margin(notional, tiers) == math.ceil(marginal_sum(notional, rates))


@given(tier_tables(), st.data())
def test_notional_times_rate_less_deduction_is_the_marginal_sum(
    tiers: list[Tier], data: st.DataObject
) -> None:
    n = data.draw(st.integers(0, len(tiers) - 1))
    top = tiers[n + 1].lower_bound if n + 1 < len(tiers) else 10**13
    notional = data.draw(st.integers(tiers[n].lower_bound, top))
    rates = [(bound, half_of_initial(leverage)) for bound, leverage in tiers]
    schedule = leverage_schedule(tuple(tiers))
    deduction = Fraction(schedule.deductions[n], schedule.denominator)
    assert notional * rates[n][1] - deduction == marginal_sum(notional, rates)


@given(amounts, st.integers(1, 100), tier_tables())
def test_initial_margin_is_never_below_twice_the_maintenance(
    notional: int, leverage: int, tiers: list[Tier]
) -> None:
    rates = [(bound, half_of_initial(most)) for bound, most in tiers]
    doubled = math.ceil(2 * marginal_sum(notional, rates))
    plain = math.ceil(Fraction(notional, leverage))
    assert initial_margin(notional, leverage) == plain
    assert required_initial_margin(notional, leverage, tiers) == max(plain, doubled)


@given(st.integers(1, 2**100), tier_tables())
def test_up_to_the_highest_leverage_the_tiers_ask_for_nothing_more(
    notional: int, tiers: list[Tier]
) -> None:
    """All of the market's leverages within the first tier; from there on fewer."""
    most = highest_leverage(notional, tiers)
    for leverage in range(1, most + 1):
        plain = initial_margin(notional, leverage)
        assert required_initial_margin(notional, leverage, tiers) == plain
    if len(tiers) == 1 or notional <= tiers[1].lower_bound:
        assert most == tiers[0].max_leverage
    rates = [(bound, half_of_initial(leverage)) for bound, leverage in tiers]
    assert (most + 1) * 2 * marginal_sum(notional, rates) > notional


@given(st.integers(-(2**90), 2**90), amounts, st.integers(1, 10**18))
def test_liabilities_and_margin_notionals_round_up_and_assets_down(
    size: int, price: int, base_unit: int
) -> None:
    exact = Fraction(size * price, base_unit)
    assert position_value(size, price, base_unit) == math.floor(exact)
    assert notional_up(size, price, base_unit) == math.ceil(abs(exact))


@pytest.mark.parametrize(
    ("max_leverage", "parts_of_10_000"),
    [(5, 1000), (10, 500), (20, 250), (25, 200), (40, 125), (50, 100)],
)
def test_maintenance_is_half_of_initial_at_maximum_leverage(
    max_leverage: int, parts_of_10_000: int
) -> None:
    """Hyperliquid's list, from 5x 10 % to 50x 1 %."""
    assert maintenance_margin(10_000, [Tier(0, max_leverage)]) == parts_of_10_000


def test_three_times_leverage_is_a_sixth_rounded_up() -> None:
    assert maintenance_margin(1_000, [Tier(0, 3)]) == 167


def test_tiers_of_40x_to_150_million_then_20x() -> None:
    """Hyperliquid's margin tiers: the deduction and the margin it leads to."""
    tiers = [Tier(0, 40), Tier(150_000_000, 20)]
    schedule = leverage_schedule(tuple(tiers))
    assert schedule.deductions == (0, 1_875_000 * schedule.denominator)
    assert maintenance_margin(150_000_000, tiers) == 1_875_000
    assert maintenance_margin(200_000_000, tiers) == 3_125_000


# Binance's brackets of BTCUSDT in 2021: floor, maintenance rate in parts of 10 000, amount.
BRACKETS = [
    (0, 40, 0),
    (50_000, 50, 50),
    (250_000, 100, 1_300),
    (1_000_000, 250, 16_300),
    (10_000_000, 500, 266_300),
    (20_000_000, 1_000, 1_266_300),
    (50_000_000, 1_250, 2_516_300),
    (100_000_000, 1_500, 5_016_300),
    (200_000_000, 2_500, 25_016_300),
    (300_000_000, 5_000, 100_016_300),
]


def test_maintenance_amounts_of_a_table_of_rates() -> None:
    """Binance publishes the deduction of each bracket as its maintenance amount."""
    floors, rates, amounts = map(list, zip(*BRACKETS, strict=True))
    schedule = marginal_schedule(10_000, floors, rates)
    assert schedule.deductions == tuple(amount * 10_000 for amount in amounts)
    assert schedule.numerator(500_000) == (500_000 // 100 - 1_300) * 10_000


@pytest.mark.parametrize("bounds", [[5], [0, 7, 7], [0, 9, 3]])
def test_tiers_that_do_not_rise_from_zero_are_a_programming_error(bounds: list[int]) -> None:
    with pytest.raises(AssertionError):
        maintenance_margin(1, [Tier(bound, 50 - n) for n, bound in enumerate(bounds)])
