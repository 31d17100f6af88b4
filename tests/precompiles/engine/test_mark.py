"""The mark price's median, and its averages against `decimal` at eighty digits."""

from __future__ import annotations

import math
import statistics
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompiles.engine.mark import (
    BASIS_PERIOD,
    FIXED,
    Average,
    book_median,
    decay,
    ema_step,
    ema_value,
    mark_price,
    median,
)

prices = st.integers(1, 2**128)
samples = st.integers(-(2**129), 2**129)
seconds = st.integers(0, 10_000)
periods = st.sampled_from([30, 150, 1, 7])

EMPTY = Average(0, 0)


@given(st.lists(samples, min_size=1, max_size=9))
def test_median_of_any_count(values: list[int]) -> None:
    assert median(values) == math.floor(statistics.median(map(Fraction, values)))


def exact_decay(elapsed: int, period: int) -> Decimal:
    return (Decimal(-elapsed) / Decimal(period)).exp()


@given(seconds, periods)
def test_decay_is_within_one_part_of_the_exponential(elapsed: int, period: int) -> None:
    with localcontext(prec=80):
        error = decay(elapsed, period) - exact_decay(elapsed, period) * FIXED
        assert -1 <= error <= 0


def test_decay_has_the_same_bits_everywhere() -> None:
    """Frozen, as `decimal` has them: a change here changes mark prices, and so the state."""
    assert decay(0, 150) == FIXED
    assert [decay(t, 150) for t in (1, 5, 60, 150, 3_600)] == [
        18324174798096807532,
        17841987869562904563,
        12365222336696643089,
        6786177901268885274,
        696389407,
    ]
    assert decay(44 * 150, 150) == 1
    assert decay(45 * 150, 150) == decay(10**30, 150) == 0


@given(st.lists(st.tuples(samples, seconds), max_size=12), periods)
def test_average_is_the_exponentially_weighted_mean(
    steps: list[tuple[int, int]], period: int
) -> None:
    average = EMPTY
    with localcontext(prec=120):
        numerator = denominator = Decimal(0)
        for sample, elapsed in steps:
            kept = exact_decay(elapsed, period)
            numerator = numerator * kept + sample * elapsed
            denominator = denominator * kept + elapsed
            average = ema_step(average, sample, elapsed, period)
        if denominator == 0:
            assert average == EMPTY
            return
        largest = max(abs(sample) for sample, _ in steps)
        error = abs(ema_value(average) - numerator / denominator)
        # Each step misses the weight so far, of at most this many seconds, by parts of FIXED.
        heaviest = max(elapsed for _, elapsed in steps) + period + 1
        missed = len(steps) * Decimal(heaviest + 2) / FIXED
        assert error <= 1 + 2 * largest * missed / denominator


@given(st.lists(st.tuples(samples, st.integers(1, 10_000)), min_size=1, max_size=12), periods)
def test_average_stays_between_its_samples_and_its_sums_within_their_bounds(
    steps: list[tuple[int, int]], period: int
) -> None:
    average = EMPTY
    seen = [sample for sample, _ in steps]
    longest = max(elapsed for _, elapsed in steps)
    for sample, elapsed in steps * 3:
        average = ema_step(average, sample, elapsed, period)
        assert abs(average.numerator) <= max(map(abs, seen)) * average.denominator
        assert average.denominator < FIXED * (longest + period + 1)
    assert min(seen) <= ema_value(average) <= max(seen)


@given(samples, st.lists(st.integers(1, 500), min_size=1, max_size=30), periods)
def test_a_constant_sample_is_its_own_average(sample: int, steps: list[int], period: int) -> None:
    average = EMPTY
    for elapsed in steps:
        average = ema_step(average, sample, elapsed, period)
        assert ema_value(average) == sample


def test_no_time_changes_nothing_and_an_empty_average_is_zero() -> None:
    average = Average(5 * FIXED, FIXED)
    assert ema_step(average, 1_000, 0, BASIS_PERIOD) == average
    assert ema_value(EMPTY) == 0


def test_an_average_forgets() -> None:
    """100 for a minute, then 0 for 150 s: 100 * 60 / e over 60 / e + 150."""
    average = ema_step(ema_step(EMPTY, 100, 60, 150), 0, 150, 150)
    assert ema_value(average) == 12
    assert ema_value(ema_step(average, 0, 10**9, 150)) == 0


@given(prices, samples, prices, prices, prices, prices, prices)
def test_mark_is_the_median_of_its_three_sources(
    oracle: int, basis: int, bid: int, ask: int, last: int, external: int, book: int
) -> None:
    middle = sorted((bid, ask, last))[1]
    arguments = (oracle, basis, bid, ask, last)
    assert mark_price(*arguments, external, book) == sorted((oracle + basis, middle, external))[1]
    assert mark_price(*arguments, 0, book) == sorted((oracle + basis, middle, book))[1]
    for one_sided in ((bid, 0), (0, ask), (0, 0)):
        assert mark_price(oracle, basis, *one_sided, last, external, book) == oracle


def test_without_a_last_trade_the_mid_stands_for_the_book() -> None:
    assert book_median(100, 103, 0) == 101
    assert book_median(100, 103, 500) == 103
    assert mark_price(1_000, 0, 100, 103, 0, 50, 0) == 101


@pytest.mark.parametrize(("bid", "ask"), [(1, 2), (10**9, 10**9 + 1)])
def test_a_book_of_this_instant_alone_does_not_move_the_mark(bid: int, ask: int) -> None:
    assert mark_price(1_000, 0, bid, ask, 0, 0, 0) == 1_000
