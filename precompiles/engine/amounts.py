"""Amounts that an order locks and a fill moves, and division with the rounding in its name.

A price is the number of quote units for one base unit (`base_unit` smallest units of the base
token); amounts are in the smallest units of each token. Where `lot * tick` is a multiple of
`base_unit` nothing here ever rounds. Denominators are above 0.
"""

from __future__ import annotations

from precompiles.types import FEE_DENOMINATOR


def floor_divide(numerator: int, denominator: int) -> int:
    """Divide, rounding toward minus infinity."""
    assert denominator > 0
    return numerator // denominator


def ceil_divide(numerator: int, denominator: int) -> int:
    """Divide, rounding toward plus infinity."""
    assert denominator > 0
    return -(-numerator // denominator)


def truncate_divide(numerator: int, denominator: int) -> int:
    """Divide, rounding toward zero."""
    assert denominator > 0
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


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
    """Return whether a fill of `amount` base at `price` costs anything: at least one quote unit."""
    return amount * price >= base_unit


def fee(amount: int, rate: int) -> int:
    """Return the fee on a received `amount`, in the same token, rounded up.

    `rate` in hundred-thousandths, at most MAX_FEE_RATE, so the fee never exceeds the amount.
    """
    return ceil_divide(amount * rate, FEE_DENOMINATOR)


def fee_in_base(fee_in_quote: int, *, price: int, base_unit: int) -> int:
    """Return a fee in quote as base at a fill's price, rounded down: HyperCore's buyers pay so."""
    return floor_divide(fee_in_quote * base_unit, price)
