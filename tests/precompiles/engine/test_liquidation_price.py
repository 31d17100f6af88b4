"""Liquidation and bankruptcy prices: published examples, and exactness against fractions.

Prices here are in millionths where an example has decimals.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from precompiles.engine.liquidation_price import (
    MAX_PRICE,
    bankruptcy_price,
    is_liquidatable,
    is_past_threshold,
    liquidation_price,
    threshold_bps,
    threshold_price,
)
from precompiles.engine.margin import (
    Schedule,
    Tier,
    initial_margin,
    leverage_schedule,
    maintenance_margin,
    marginal_schedule,
    notional_up,
)
from tests.precompiles.engine.test_margin import BRACKETS, tier_tables

UNIT = 10**6

sides = st.sampled_from([1, -1])
lots = st.integers(1, 10**12)
prices = st.integers(1, 10**12)
base_units = st.sampled_from([1, 10**6])
margins = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("equity", "maintenance", "expected"),
    [(99, 100, True), (100, 100, False), (101, 100, False), (-1, 0, False), (-1, 1, True)],
)
def test_liquidatable_is_strictly_below_a_maintenance_that_is_not_zero(
    equity: int, maintenance: int, expected: bool
) -> None:
    assert is_liquidatable(equity, maintenance) is expected


def one_rate(numerator: int, denominator: int) -> Schedule:
    """One maintenance rate for every notional."""
    return Schedule(denominator, (0,), (numerator,), (0,))


def maintenance_at(lots: int, price: Fraction, tiers: list[Tier], base_unit: int) -> Fraction:
    """The exact maintenance margin at a price that need not be an integer."""
    schedule = leverage_schedule(tuple(tiers))
    notional = lots * price / base_unit
    tier = max(n for n, bound in enumerate(schedule.lower_bounds) if n == 0 or bound <= notional)
    return (notional * schedule.rates[tier] - schedule.deductions[tier]) / schedule.denominator


@given(sides, lots, prices, margins, tier_tables(), base_units)
def test_equity_meets_maintenance_at_the_price_and_not_one_before(
    side: int, lots: int, price: int, available: int, tiers: list[Tier], base_unit: int
) -> None:
    """At the returned price what is available is at least 0, one unit further on below 0."""
    maximum = 10**14

    def available_at(there: int) -> Fraction:
        gain = Fraction(side * lots * (there - price), base_unit)
        now, then = (maintenance_at(lots, Fraction(p), tiers, base_unit) for p in (price, there))
        return available + gain - (then - now)

    schedule = leverage_schedule(tuple(tiers))
    found = liquidation_price(side * lots, price, available, schedule, base_unit, maximum=maximum)
    if found is None:
        safe_at, lost_at = (0, maximum) if side > 0 else (maximum, 1)
        assert available_at(safe_at) >= 0 or available_at(lost_at) < 0
    else:
        assert 1 <= found <= maximum
        assert available_at(found) >= 0 > available_at(found - side)


@given(sides, lots, prices, margins, st.integers(1, 100), base_units)
def test_one_tier_is_hyperliquids_formula_and_the_form_with_one_rate(
    side: int, lots: int, price: int, available: int, leverage: int, base_unit: int
) -> None:
    rate = Fraction(1, 2 * leverage)
    exact = price - side * Fraction(available * base_unit, lots) / (1 - rate * side)
    rounded = math.ceil(exact) if side > 0 else math.floor(exact)
    expected = rounded if 0 < rounded <= MAX_PRICE else None
    arguments = (side * lots, price, available)
    assert liquidation_price(*arguments, one_rate(1, 2 * leverage), base_unit) == expected
    assert leverage_schedule((Tier(0, leverage),)) == one_rate(1, 2 * leverage)


@given(sides, st.integers(1, 10**6), st.integers(10**6, 10**9), st.integers(2, 50), tier_tables())
def test_an_open_position_is_safe_at_its_liquidation_price_but_for_rounding(
    side: int, lots: int, price: int, leverage: int, tiers: list[Tier]
) -> None:
    """With margins as the exchange rounds them, to 2 units of collateral."""
    notional = notional_up(lots, price, 1)
    margin = initial_margin(notional, leverage)
    available = margin - maintenance_margin(notional, tiers)
    schedule = leverage_schedule(tuple(tiers))
    found = liquidation_price(side * lots, price, available, schedule, 1)
    assume(found is not None)
    assert found is not None
    equity = margin + side * lots * (found - price)
    maintenance = maintenance_margin(notional_up(lots, found, 1), tiers)
    assert equity >= maintenance - 2
    beyond = found - side
    maintenance = maintenance_margin(notional_up(lots, beyond, 1), tiers)
    assert equity - lots < maintenance + 2


def test_no_size_or_no_price_within_reach_has_no_liquidation_price() -> None:
    tiers = leverage_schedule((Tier(0, 10),))
    assert liquidation_price(0, 100, 5, tiers, 1) is None
    assert liquidation_price(1, 100, 95, tiers, 1) is None, "safe down to 0"
    assert liquidation_price(1, 100, 94, tiers, 1) == 2
    assert liquidation_price(-1, 100, 2 * MAX_PRICE, tiers, 1) is None
    assert liquidation_price(-1, 100, 105, tiers, 1, maximum=200) == 200
    assert liquidation_price(-1, 100, 105, tiers, 1, maximum=199) is None


def test_dydx_isolated_example() -> None:
    """1 000 deposited, short 3 at 3 000, maintenance 5 %: (1 000 + 9 000) / (3 * 1.05)."""
    maintenance = 9_000 * UNIT * 5 // 100
    for schedule in (one_rate(5, 100), leverage_schedule((Tier(0, 10),))):
        found = liquidation_price(-3, 3_000 * UNIT, 1_000 * UNIT - maintenance, schedule, 1)
        assert found == 3_174_603_174


def test_dydx_bankruptcy_examples() -> None:
    """Short 500 from 1.0 with 100: 1.2. Long 500 at 0.801 with 0.5 of equity: 0.8."""
    assert bankruptcy_price(-500, 2 * UNIT, -400 * UNIT, 1) == 1_200_000
    assert bankruptcy_price(-500, 1 * UNIT, 100 * UNIT, 1) == 1_200_000
    assert bankruptcy_price(500, 801_000, UNIT // 2, 1) == 800_000


@pytest.mark.parametrize(
    ("size", "added", "expected"), [(1, 0, 19_700), (-1, 3_000, 23_300), (1, -200, 19_900)]
)
def test_bybit_isolated_examples(size: int, added: int, expected: int) -> None:
    """1 at 20 000 with 50x and 0.5 % at entry; margin added, and funding taken out."""
    available = initial_margin(20_000, 50) - 20_000 * 5 // 1_000 + added
    assert liquidation_price(size, 20_000, available, one_rate(0, 1), 1) == expected


@given(sides, st.integers(1, 10**4), st.integers(10**3, 10**5), st.integers(1, 10**8))
def test_binance_formula_with_the_maintenance_amount_of_the_bracket_of_the_answer(
    side: int, lots: int, entry: int, wallet: int
) -> None:
    """(WB + cum - side * size * EP) / (size * MMR - side * size), at the answer's own bracket."""
    floors, rates = [floor for floor, _, _ in BRACKETS], [rate for _, rate, _ in BRACKETS]
    schedule = marginal_schedule(10_000, floors, rates)
    maintenance = Fraction(schedule.numerator(lots * entry), 10_000)
    assume(maintenance.denominator == 1)
    available = wallet - maintenance.numerator
    found = liquidation_price(side * lots, entry, available, schedule, 1)
    exact = [
        answer
        for n, (floor, rate, amount) in enumerate(BRACKETS)
        for answer in [
            (wallet + amount - side * lots * entry) / (Fraction(rate, 10_000) * lots - side * lots)
        ]
        if floor <= answer * lots and (n + 1 == len(BRACKETS) or answer * lots < BRACKETS[n + 1][0])
    ]
    rounded = [math.ceil(answer) if side > 0 else math.floor(answer) for answer in exact]
    assert [price for price in [found] if price] == [price for price in rounded if price > 0]


@given(sides, lots, prices, margins, base_units)
def test_trading_at_the_bankruptcy_price_leaves_no_debt(
    side: int, lots: int, price: int, equity: int, base_unit: int
) -> None:
    found = bankruptcy_price(side * lots, price, equity, base_unit)
    left = equity + Fraction(side * lots * (found - price), base_unit)
    exact = price - side * Fraction(equity * base_unit, lots)
    if exact > 0 and found > 0:
        assert left >= 0
        assert left - Fraction(lots, base_unit) < 0
    else:
        assert found == 0
        assert exact < 1


@pytest.mark.parametrize(
    ("leverage", "bps"), [(1, 9_000), (7, 1_285), (10, 900), (20, 450), (50, 180)]
)
def test_move_that_uses_up_ninety_percent_of_the_margin(leverage: int, bps: int) -> None:
    assert threshold_bps(leverage) == bps


@pytest.mark.parametrize(
    ("entry", "leverage", "long", "short"),
    [(50_000, 10, 45_500, 54_500), (100_000, 20, 95_500, 104_500), (3_333, 7, 2_904, 3_761)],
)
def test_threshold_prices(entry: int, leverage: int, long: int, short: int) -> None:
    assert threshold_price(entry, leverage, is_long=True) == long
    assert threshold_price(entry, leverage, is_long=False) == short


def test_a_position_is_liquidatable_at_its_threshold_price() -> None:
    assert is_past_threshold(45_500, 45_500, is_long=True)
    assert not is_past_threshold(45_501, 45_500, is_long=True)
    assert is_past_threshold(54_500, 54_500, is_long=False)
    assert not is_past_threshold(54_499, 54_500, is_long=False)
