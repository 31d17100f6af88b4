"""Numbers for what is traded, as actions and reads give them.

| asset id | what |
|---|---|
| below 10,000 | perpetual of the first dex, by index |
| 10,000 + index | spot pair |
| 100,000 + dex * 10,000 + index | perpetual of a builder's dex, numbered from 1 (HIP-3) |
| 100,000,000 + 10 * outcome + side | side of an outcome (HIP-4) |

Reads of perpetuals take dex * 10,000 + index instead.
Source: Hyperliquid documentation, "Asset IDs".
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

_PER_DEX = 10_000
_SPOT = 10_000
_BUILDER_PERPS = 100_000
_FIRST_BUILDER_PERP = _BUILDER_PERPS + _PER_DEX
_OUTCOMES = 100_000_000
_SIDES = 10


class AssetKind(Enum):
    """The kind of an asset."""

    PERP = "perpetual"
    SPOT = "spot pair"
    OUTCOME = "outcome"


class AssetId(NamedTuple):
    """An asset, taken apart."""

    kind: AssetKind
    number: int
    """Within its dex; of a spot pair; for an outcome 10 * outcome + side."""
    dex: int = 0
    """Of a perpetual."""


def parse_asset_id(asset: int) -> AssetId | None:
    """Return the asset of an id, whether it is listed or not; None for numbers of no kind."""
    if asset < _SPOT:
        return AssetId(AssetKind.PERP, asset)
    if asset < _BUILDER_PERPS:
        return AssetId(AssetKind.SPOT, asset - _SPOT)
    if asset < _FIRST_BUILDER_PERP:
        return None
    if asset < _OUTCOMES:
        dex, index = divmod(asset - _BUILDER_PERPS, _PER_DEX)
        return AssetId(AssetKind.PERP, index, dex)
    side = (asset - _OUTCOMES) % _SIDES
    return AssetId(AssetKind.OUTCOME, asset - _OUTCOMES) if side in (0, 1) else None


def asset_id(asset: AssetId) -> int:
    """Return the number of an asset, as actions give it."""
    match asset.kind:
        case AssetKind.SPOT:
            return _SPOT + asset.number
        case AssetKind.OUTCOME:
            return _OUTCOMES + asset.number
        case AssetKind.PERP:
            start = _BUILDER_PERPS + asset.dex * _PER_DEX if asset.dex else 0
            return start + asset.number


def parse_perp_id(perp: int) -> AssetId:
    """Return the perpetual of a number as reads take it, whether it is listed or not."""
    dex, index = divmod(perp, _PER_DEX)
    return AssetId(AssetKind.PERP, index, dex)


def perp_id(asset: AssetId) -> int:
    """Return the number of a perpetual, as reads take it."""
    assert asset.kind is AssetKind.PERP, "reads number perpetuals alone"
    return asset.dex * _PER_DEX + asset.number
