"""Initial and maintenance margin, with tiers, in the collateral's smallest units.

A price is in collateral units for `base_unit` size units. Margins round up: what is asked of an
account is never less than the exact amount.

Tiers are marginal (Hyperliquid's and Binance's margin tables): the part of a notional between
two lower bounds is charged that tier's rate, which is the same as the whole notional at the rate
of its tier less that tier's deduction,

    maintenance(N) = N * rate(n) - deduction(n)
    deduction(0) = 0,  deduction(n) = deduction(n-1) + lower_bound(n) * (rate(n) - rate(n-1))

so it has no jumps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from math import lcm
from typing import NamedTuple

from precompiles.engine.amounts import ceil_divide, floor_divide


class Tier(NamedTuple):
    """From the notional `lower_bound` (collateral) on, at most `max_leverage` is allowed.

    The first bound is 0; bounds rise strictly.
    """

    lower_bound: int
    max_leverage: int


def is_margin_table(tiers: Sequence[tuple[int, int]]) -> bool:
    """Return whether (lower bound, maximum leverage) begin at 0, bounds rise and leverages fall."""
    bounds = [bound for bound, _ in tiers]
    leverages = [leverage for _, leverage in tiers]
    return (
        bounds[:1] == [0]
        and bounds == sorted(set(bounds))
        and leverages == sorted(set(leverages), reverse=True)
    )


class Schedule(NamedTuple):
    """Tiers with rates and deductions (collateral) over one common denominator."""

    denominator: int
    lower_bounds: tuple[int, ...]
    rates: tuple[int, ...]
    deductions: tuple[int, ...]

    def numerator(self, notional: int, unit: int = 1) -> int:
        """Return the exact maintenance of `notional / unit`, times denominator and `unit`."""
        tier = bisect_right(self.lower_bounds, floor_divide(notional, unit)) - 1
        return notional * self.rates[tier] - self.deductions[tier] * unit


def notional_up(size: int, price: int, base_unit: int) -> int:
    """Notional that margin is asked for, in collateral, rounded up; `size` of either sign."""
    return ceil_divide(abs(size) * price, base_unit)


def position_value(size: int, price: int, base_unit: int) -> int:
    """Signed value in collateral, rounded down: an asset down, a short's liability up."""
    return floor_divide(size * price, base_unit)


def initial_margin(notional: int, leverage: int) -> int:
    """`notional / leverage` in collateral, rounded up."""
    return ceil_divide(notional, leverage)


def maintenance_margin(notional: int, tiers: Sequence[Tier]) -> int:
    """Maintenance margin of `notional`, both in collateral: the exact sum, rounded up once."""
    schedule = leverage_schedule(tuple(tiers))
    return ceil_divide(schedule.numerator(notional), schedule.denominator)


def required_initial_margin(notional: int, leverage: int, tiers: Sequence[Tier]) -> int:
    """Return the initial margin at the account's `leverage`, in collateral, rounded up.

    Never less than twice the exact maintenance margin, which within the first tier is the notional
    at that tier's maximum leverage: so tiers cap leverage without a jump, and at its cap a leverage
    asks for no more than its own margin.
    """
    schedule = leverage_schedule(tuple(tiers))
    doubled = ceil_divide(2 * schedule.numerator(notional), schedule.denominator)
    return max(initial_margin(notional, leverage), doubled)


def highest_leverage(notional: int, tiers: Sequence[Tier]) -> int:
    """Return the highest leverage at which the tiers ask no more than `notional / leverage`.

    `notional` is above 0.
    """
    schedule = leverage_schedule(tuple(tiers))
    return floor_divide(notional * schedule.denominator, 2 * schedule.numerator(notional))


@lru_cache(maxsize=1024)
def leverage_schedule(tiers: tuple[Tier, ...]) -> Schedule:
    """Return the schedule of rates 1 / (2 * max_leverage)."""
    common = lcm(*(tier.max_leverage for tier in tiers))
    return marginal_schedule(
        2 * common,
        [tier.lower_bound for tier in tiers],
        [common // tier.max_leverage for tier in tiers],
    )


def marginal_schedule(denominator: int, lower_bounds: list[int], rates: list[int]) -> Schedule:
    """Return the schedule of rates in parts of `denominator`, each from its lower bound on."""
    assert lower_bounds[0] == 0, "the first tier starts at 0"
    assert lower_bounds == sorted(set(lower_bounds)), "bounds rise strictly"
    deductions = [0]
    for n in range(1, len(rates)):
        deductions.append(deductions[-1] + lower_bounds[n] * (rates[n] - rates[n - 1]))
    return Schedule(denominator, tuple(lower_bounds), tuple(rates), tuple(deductions))
