"""Hyperliquid's published examples of valid and invalid prices and sizes, and a model."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompiles.hyper.grid import is_valid_price, is_valid_size, price_decimals

SCALE = 10


def scaled(number: str) -> int:
    return int(Decimal(number).scaleb(SCALE))


@pytest.mark.parametrize(
    ("price", "size_decimals", "is_spot", "valid"),
    [
        ("1234.5", 0, False, True),
        ("1234.56", 0, False, False),
        ("0.001234", 0, False, True),
        ("0.0012345", 0, False, False),
        ("123456", 0, False, True),
        ("12345.6", 0, False, False),
        ("0.01234", 1, False, True),
        ("0.012345", 1, False, False),
        ("0.0001234", 0, True, True),
        ("0.0001234", 1, True, True),
        ("0.0001234", 2, True, False),
        ("0.0001234", 3, True, False),
        ("0", 0, False, False),
        ("123456", 6, False, True),
        ("123456.5", 6, False, False),
    ],
)
def test_published_prices(price: str, size_decimals: int, is_spot: bool, valid: bool) -> None:
    assert is_valid_price(scaled(price), SCALE, size_decimals, is_spot=is_spot) is valid


@pytest.mark.parametrize(
    ("size", "size_decimals", "valid"),
    [("1.001", 3, True), ("1.0001", 3, False), ("7", 0, True), ("0.5", 0, False), ("0", 3, False)],
)
def test_published_sizes(size: str, size_decimals: int, valid: bool) -> None:
    assert is_valid_size(scaled(size), SCALE, size_decimals) is valid
    assert is_valid_size(5, 0, size_decimals), "a whole size is on every grid"


@given(st.integers(1, 10**12), st.integers(0, 12), st.integers(0, 8), st.booleans())
def test_prices_as_decimal_counts_them(
    price: int, scale: int, size_decimals: int, is_spot: bool
) -> None:
    number = Decimal(price).scaleb(-scale).normalize()
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    few = len(digits) <= 5 and -exponent <= price_decimals(size_decimals, is_spot=is_spot)
    assert is_valid_price(price, scale, size_decimals, is_spot=is_spot) is (exponent >= 0 or few)
