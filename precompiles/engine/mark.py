"""The mark price: a median of sources, two of them averaged over time (Hyperliquid).

The averages are exponential with weights by elapsed time t and period T, in seconds:

    numerator   <- numerator * e^(-t/T) + sample * t
    denominator <- denominator * e^(-t/T) + t

Both are fixed point in parts of FIXED. Everything is integers, so each machine gets the same
bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from precompiles.engine.amounts import floor_divide, truncate_divide

FIXED = 2**64
BASIS_PERIOD = 150
BOOK_PERIOD = 30

# e^-x < 1 / FIXED from x = 44.4 on.
FORGOTTEN_PERIODS = 45
GUARD_BITS = 64
WORKING = FIXED << GUARD_BITS


class Average(NamedTuple):
    """A weighted mean as a sum and its weight, in parts of FIXED; empty is (0, 0).

    |numerator| <= max |sample| * denominator always, and the denominator is below
    FIXED * (longest step + period + 1): each step shrinks both by the same ratio, and a
    geometric sum of steps t has the limit t / (1 - e^(-t/T)) < t + T + 1.
    """

    numerator: int
    denominator: int


def median(values: Sequence[int]) -> int:
    """Return the middle value; of an even number the mean of the middle two, rounded down."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return floor_divide(ordered[middle - 1] + ordered[middle], 2)


@lru_cache(maxsize=4096)
def decay(elapsed: int, period: int) -> int:
    """e^(-elapsed/period) in parts of FIXED, within one part of the exact value.

    Whole periods are powers of e^-1, the rest its power series, with 64 bits more than are
    returned; then rounded down. 0 from 45 periods on, where the value is below one part.
    """
    assert elapsed >= 0
    whole, rest = divmod(elapsed, period)
    if whole >= FORGOTTEN_PERIODS:
        return 0
    result = _exponential(rest, period)
    inverse_e = _exponential(1, 1)
    for _ in range(whole):
        result = floor_divide(result * inverse_e, WORKING)
    return result >> GUARD_BITS


def _exponential(numerator: int, denominator: int) -> int:
    """e^-(numerator/denominator), of at most 1, in parts of WORKING, by its power series."""
    total = term = WORKING
    n = 1
    while term:
        term = truncate_divide(-term * numerator, denominator * n)
        total += term
        n += 1
    return total


def ema_step(average: Average, sample: int, elapsed: int, period: int) -> Average:
    """Return the average after `sample` held for `elapsed` seconds; 0 seconds change nothing.

    The weight decays rounded down, and the numerator by exactly the ratio by which the weight
    did, truncated: so a constant sample stays that constant for ever, and the mean stays
    between the lowest and the highest sample.
    """
    if elapsed == 0:
        return average
    kept, numerator = 0, 0
    if average.denominator:
        kept = floor_divide(average.denominator * decay(elapsed, period), FIXED)
        numerator = truncate_divide(average.numerator * kept, average.denominator)
    return Average(numerator + sample * elapsed * FIXED, kept + elapsed * FIXED)


def ema_value(average: Average) -> int:
    """Return the mean, rounded down; 0 for an empty average."""
    if average.denominator == 0:
        return 0
    return floor_divide(average.numerator, average.denominator)


def book_median(best_bid: int, best_ask: int, last_trade: int) -> int:
    """Return the median of best bid, best ask and last trade; without a trade (0) the mid, down."""
    return median((best_bid, best_ask, last_trade) if last_trade else (best_bid, best_ask))


def mark_price(
    oracle: int,
    basis_value: int,
    best_bid: int,
    best_ask: int,
    last_trade: int,
    external: int,
    book_value: int,
) -> int:
    """Return the median of oracle plus basis, the book's median, and the external price.

    `basis_value` averages mid - oracle over BASIS_PERIOD; `book_value` averages the book's
    median over BOOK_PERIOD, and stands in for an `external` price that is not given (0). While
    it has seen nothing (0) the oracle does, so that a book of this instant alone moves nothing.
    With a side of the book empty (0) the mark is the oracle's price.
    """
    if not (best_bid and best_ask):
        return oracle
    third = external or book_value or oracle
    return median((oracle + basis_value, book_median(best_bid, best_ask, last_trade), third))
