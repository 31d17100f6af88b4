"""Fees on HyperCore: by what a user traded in two weeks and what it stakes, rounded down.

Source: Hyperliquid documentation, "Fees": volume is that of perpetuals plus twice that of spot,
over the fourteen days (UTC) before the present one; the discount is by delegated HYPE.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from precompiles.engine.amounts import floor_divide
from precompiles.execution import Execution
from precompiles.types import FEE_DENOMINATOR, Address

DAY = 24 * 3_600
_MILLION = 10**12
"""USD, in six decimals."""
_HYPE = 10**8
_PERCENT = 100


class FeeTier(NamedTuple):
    """Rates from a volume on, in hundred-thousandths."""

    least_volume: int
    """In USD with six decimals."""
    perp_taker: int
    perp_maker: int
    spot_taker: int
    spot_maker: int


FEE_TIERS = (
    FeeTier(0, 45, 15, 70, 40),
    FeeTier(5 * _MILLION, 40, 12, 60, 30),
    FeeTier(25 * _MILLION, 35, 8, 50, 20),
    FeeTier(100 * _MILLION, 30, 4, 40, 10),
    FeeTier(500 * _MILLION, 28, 0, 35, 0),
    FeeTier(2_000 * _MILLION, 26, 0, 30, 0),
    FeeTier(7_000 * _MILLION, 24, 0, 25, 0),
)
STAKING_DISCOUNTS = (
    (0, 0),
    (10 * _HYPE + 1, 5),
    (100 * _HYPE + 1, 10),
    (1_000 * _HYPE + 1, 15),
    (10_000 * _HYPE + 1, 20),
    (100_000 * _HYPE + 1, 30),
    (500_000 * _HYPE + 1, 40),
)
"""(Least delegated wei of HYPE, percent off)."""
_VOLUMES = [tier.least_volume for tier in FEE_TIERS]
_STAKES = [stake for stake, _ in STAKING_DISCOUNTS]


def core_fee(
    execution: Execution, user: Address, quote: int, *, is_spot: bool, is_maker: bool
) -> int:
    """Return the fee of one side of a fill of HyperCore's, in quote, rounded down."""
    core = execution.ledger.core
    user = core.owner_of(user)
    tier = FEE_TIERS[bisect_right(_VOLUMES, core.volume(user, execution.now // DAY)) - 1]
    if is_spot:
        rate = tier.spot_maker if is_maker else tier.spot_taker
    else:
        rate = tier.perp_maker if is_maker else tier.perp_taker
    staked = core.delegated.get(user)
    _, discount = STAKING_DISCOUNTS[bisect_right(_STAKES, staked.wei if staked else 0) - 1]
    return floor_divide(quote * rate * (_PERCENT - discount), FEE_DENOMINATOR * _PERCENT)
