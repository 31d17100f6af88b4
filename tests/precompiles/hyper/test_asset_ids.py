"""Asset ids, as Hyperliquid's documentation numbers them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompiles.hyper.asset_ids import (
    AssetId,
    AssetKind,
    asset_id,
    parse_asset_id,
    parse_perp_id,
    perp_id,
)

PERP, SPOT, OUTCOME = AssetKind.PERP, AssetKind.SPOT, AssetKind.OUTCOME


@pytest.mark.parametrize(
    ("number", "asset"),
    [
        (0, AssetId(PERP, 0)),
        (9_999, AssetId(PERP, 9_999)),
        (10_000, AssetId(SPOT, 0)),
        (10_107, AssetId(SPOT, 107)),  # HYPE/USDC of mainnet
        (99_999, AssetId(SPOT, 89_999)),
        (110_000, AssetId(PERP, 0, 1)),
        (110_007, AssetId(PERP, 7, 1)),
        (120_003, AssetId(PERP, 3, 2)),
        (100_000_000, AssetId(OUTCOME, 0)),
        (100_014_731, AssetId(OUTCOME, 14_731)),
    ],
)
def test_a_number_stands_for_one_asset(number: int, asset: AssetId) -> None:
    assert parse_asset_id(number) == asset
    assert asset_id(asset) == number


@pytest.mark.parametrize("number", [100_000, 109_999, 100_000_002, 100_000_009])
def test_some_numbers_stand_for_nothing(number: int) -> None:
    assert parse_asset_id(number) is None


@given(st.integers(0, 2**32 - 1))
def test_every_other_number_comes_back(number: int) -> None:
    asset = parse_asset_id(number)
    assert asset is None or asset_id(asset) == number


@pytest.mark.parametrize(
    ("number", "asset"),
    [(0, AssetId(PERP, 0)), (159, AssetId(PERP, 159)), (10_002, AssetId(PERP, 2, 1))],
)
def test_reads_number_perpetuals_by_dex(number: int, asset: AssetId) -> None:
    assert parse_perp_id(number) == asset
    assert perp_id(asset) == number
