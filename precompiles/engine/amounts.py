"""Amounts that an order locks and a fill moves, in the smallest units of each token.

A price is the number of quote units for one base unit (`base_unit` smallest units of the
base token). Where `lot * tick` is a multiple of `base_unit` nothing here ever rounds.
"""

from __future__ import annotations

from precompiles.engine.rounding import ceil_divide, floor_divide
from precompiles.types import FEE_DENOMINATOR


def locked_amount(*, is_buy: bool, remaining: int, price: int, base_unit: int) -> int:
    """Return what an active order keeps on hold for its unfilled `remaining`.

    A sell locks base, exactly. A buy locks quote, rounded up. Because
    `ceil(a + b) - ceil(b) >= floor(a)`, shrinking `remaining` by a fill at the order's price
    or better always frees at least the `quote_amount` of that fill.
    """
    return ceil_divide(remaining * price, base_unit) if is_buy else remaining


def quote_amount(*, amount: int, price: int, base_unit: int) -> int:
    """Return the quote paid for a fill of `amount` base at `price`, rounded down.

    Buyer and seller see the same number, so a trade neither creates nor destroys quote.
    """
    return floor_divide(amount * price, base_unit)


def has_quote(amount: int, price: int, base_unit: int) -> bool:
    """Whether a fill of `amount` base at `price` costs anything: at least one quote unit."""
    return amount * price >= base_unit


def fee(amount: int, rate: int) -> int:
    """Return the fee on a received `amount`, in the same token, rounded up.

    `rate` in hundred-thousandths, at most MAX_FEE_RATE, so the fee never exceeds the amount.
    """
    return ceil_divide(amount * rate, FEE_DENOMINATOR)


def fee_rounded_down(amount: int, rate: int) -> int:
    """Return the fee of `amount` as HyperCore takes it, in the same token; `rate` as for `fee`."""
    return floor_divide(amount * rate, FEE_DENOMINATOR)


def fee_in_base(fee_in_quote: int, *, price: int, base_unit: int) -> int:
    """Return a fee in quote as base at a fill's price, rounded down: HyperCore's buyers pay so."""
    return floor_divide(fee_in_quote * base_unit, price)
