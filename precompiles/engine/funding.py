"""Funding: premium samples, the hourly rate, and the index that positions settle against.

Hyperliquid's rule (Binance's, Bybit's and BitMEX's with other constants): the rate for eight
hours is `P + clamp(I - P, -damping, +damping)`, where P is the mean of the hour's premium
samples and I the interest; an eighth of it is paid each hour on the notional at the oracle's
price. A long pays when the rate is positive.

Rates are signed, in parts of RATE_SCALE. Rates and the index truncate toward zero; an account's
change rounds toward minus infinity, so payers pay up, receivers get down, and settlement never
creates money (dYdX).
"""

from __future__ import annotations

from collections.abc import Iterable

from precompiles.engine.amounts import ceil_divide, floor_divide, truncate_divide

RATE_SCALE = 10**12
# The index is in collateral for `base_unit` size units, times this.
INDEX_SCALE = 10**18
INTEREST_RATE = 10**8
DAMPING = 5 * 10**8
MAX_HOURLY_RATE = 4 * 10**10
SAMPLE_SECONDS = 5
FUNDING_SECONDS = 3600
HOURS_OF_RATE = 8


def impact_price(
    levels: Iterable[tuple[int, int]], notional: int, base_unit: int, *, round_up: bool = False
) -> int:
    """Price of trading `notional` collateral into `levels` of (price, size), best first.

    The last level is used in part, exactly; the one division at the end rounds down (the bids'
    side) or with `round_up` up (the asks' side). 0 where the levels hold less than `notional`,
    or no notional is asked for.
    """
    wanted = notional * base_unit
    if wanted <= 0:
        return 0
    taken, left = 0, wanted
    for price, size in levels:
        if price * size >= left:
            # size taken = taken + left / price
            divide = ceil_divide if round_up else floor_divide
            return divide(wanted * price, taken * price + left)
        taken += size
        left -= price * size
    return 0


def premium(impact_bid: int, impact_ask: int, oracle: int) -> int:
    """[max(impact_bid - oracle, 0) - max(oracle - impact_ask, 0)] / oracle, truncated.

    In parts of RATE_SCALE. An impact price of 0 (the side cannot fill the impact notional)
    contributes nothing. `oracle` is above 0.
    """
    above = max(impact_bid - oracle, 0)
    below = max(oracle - impact_ask, 0) if impact_ask else 0
    return truncate_divide((above - below) * RATE_SCALE, oracle)


def eight_hour_rate(premium: int, interest: int = INTEREST_RATE, damping: int = DAMPING) -> int:
    """`premium + clamp(interest - premium, -damping, +damping)`, exact, in parts of RATE_SCALE."""
    return premium + max(-damping, min(damping, interest - premium))


def hourly_rate(
    premium_sum: int,
    premium_count: int,
    interest: int = INTEREST_RATE,
    damping: int = DAMPING,
    maximum: int = MAX_HOURLY_RATE,
) -> int:
    """Return the rate of an hour from the sum of its samples; 0 premium without samples.

    The mean and the eighth are truncated; then the rate is capped to +-`maximum`. Other venues have
    other constants.
    """
    mean = truncate_divide(premium_sum, premium_count) if premium_count else 0
    rate = truncate_divide(eight_hour_rate(mean, interest, damping), HOURS_OF_RATE)
    return max(-maximum, min(maximum, rate))


def index_step(oracle: int, rate: int) -> int:
    """Return an hour's addition to the index: `oracle * rate`, truncated, times INDEX_SCALE."""
    return truncate_divide(oracle * rate * INDEX_SCALE, RATE_SCALE)


def funding_change(size: int, index_change: int, base_unit: int) -> int:
    """Return an account's change in collateral over `index_change`, rounded down."""
    return floor_divide(-size * index_change, INDEX_SCALE * base_unit)
