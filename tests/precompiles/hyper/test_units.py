"""Decimals and grids: tables from the documentation, and conversions that lose nothing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompiles.hyper import units
from precompiles.hyper.errors import InvalidPrice, InvalidSize
from precompiles.hyper.grid import is_valid_price


@pytest.mark.parametrize(
    ("price", "size_decimals", "is_spot", "is_valid"),
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
        ("0", 0, False, False),
    ],
)
def test_prices(price: str, size_decimals: int, is_spot: bool, is_valid: bool) -> None:
    scaled = int(Fraction(price) * 10**8)
    if is_valid:
        units.check_order(scaled, 10**8, size_decimals, is_spot=is_spot)
        return
    with pytest.raises(InvalidPrice) as refused:
        units.check_order(scaled, 10**8, size_decimals, is_spot=is_spot)
    assert refused.value.values == (scaled, (8 if is_spot else 6) - size_decimals)


@pytest.mark.parametrize(("size", "is_valid"), [("1.001", True), ("1.0001", False), ("0", False)])
def test_sizes(size: str, is_valid: bool) -> None:
    scaled = int(Fraction(size) * 10**8)
    if is_valid:
        units.check_order(10**8, scaled, 3, is_spot=False)
        return
    with pytest.raises(InvalidSize) as refused:
        units.check_order(10**8, scaled, 3, is_spot=False)
    assert refused.value.values == (scaled, 3)


@given(st.integers(1, 10**16), st.integers(1, 10**16), st.integers(0, 6))
def test_perpetual_orders_convert_without_rounding(price: int, size: int, decimals: int) -> None:
    size -= size % 10 ** (8 - decimals)
    if not (size and is_valid_price(price, 8, decimals)):
        return
    ours, amount = units.perp_price(price), units.perp_amount(size, decimals)
    assert Fraction(ours, 10**6) == Fraction(price, 10**8)
    assert Fraction(amount, 10**decimals) == Fraction(size, 10**8)
    assert ours * amount % 10**decimals == 0


@given(st.integers(1, 10**16), st.integers(1, 10**16), st.integers(0, 8), st.integers(8, 12))
def test_spot_orders_convert_without_rounding(
    price: int, size: int, decimals: int, wei_decimals: int
) -> None:
    size -= size % 10 ** (8 - decimals)
    if not (size and is_valid_price(price, 8, decimals, is_spot=True)):
        return
    ours, amount = units.spot_price(price, 8), units.spot_amount(size, wei_decimals)
    assert Fraction(ours, 10**8) == Fraction(price, 10**8)
    assert Fraction(amount, 10**wei_decimals) == Fraction(size, 10**8)
    assert ours * amount % 10**wei_decimals == 0


def test_reads_show_what_was_recorded() -> None:
    """Mainnet: BTC at 80,782.0 with szDecimals 5, HYPE/USDC at 83.191 with szDecimals 2."""
    assert units.read_perp_price(80_782 * 10**6, 5) == 807_820
    assert units.read_spot_price(83_191 * 10**5, 8, 2) == 83_191_000


@pytest.mark.parametrize(
    ("evm", "extra", "core", "back"),
    [
        (10**18, 10, 10**8, 10**18),
        (10**18 + 1, 10, 10**8, 10**18),
        (10**10 - 1, 10, 0, 0),
        (1_000_000, -2, 100_000_000, 1_000_000),
        (5, 0, 5, 5),
    ],
)
def test_the_bridge_keeps_what_core_can_hold(evm: int, extra: int, core: int, back: int) -> None:
    assert units.core_amount(evm, extra) == core
    assert units.evm_amount(core, extra) == back


def test_the_bridge_gives_no_part_of_a_unit() -> None:
    assert units.evm_amount(199, -2) == 1
