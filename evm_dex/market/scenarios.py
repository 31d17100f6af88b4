"""Markets by name, and what they are made of."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from evm_dex.market.price_paths import PathFormula, Shock

_MINUTE = 60


class MakerSettings(Struct, frozen=True, kw_only=True):
    """Makers, who quote."""

    count: int = 2
    half_spread: int = 100
    """Distance of the best quote from the oracle, in parts of a million."""
    levels: int = 4
    size_usd: int = 20_000
    """Of a level."""
    every: int = 4
    """Seconds from quote to quote."""


class TakerSettings(Struct, frozen=True, kw_only=True):
    """Takers, and their direction."""

    count: int = 3
    rate: int = 150_000
    """Orders of each in a million seconds."""
    size_usd: int = 3_000
    bias: int = 0
    """Share of buys beyond half, in parts of a million; negative for sells."""


class LeveragedSettings(Struct, frozen=True, kw_only=True):
    """Holders of as much as they can, liquidated where the price goes the other way."""

    count: int = 0
    margin_usd: int = 2_000
    is_long: bool = True
    panics_at: int = 0
    """Loss of the price, in parts of a million, at which it closes by itself; 0: never."""


class AdversarySettings(Struct, frozen=True, kw_only=True):
    """Those who play tricks with quotes."""

    count: int = 0
    size_usd: int = 2_000
    """Of a usual quote."""
    orders: int = 8
    """Most that one of them places in a second."""


class MarketSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A market: its coins, its path, and who trades."""

    seed: str = "1"
    coins: tuple[str, ...] = ("ETH",)
    path: PathFormula = PathFormula()
    candles: str = ""
    """A CSV of candles in place of the path; of the first coin alone."""
    trades: str = ""
    """A CSV of trades, likewise."""
    makers: MakerSettings = MakerSettings()
    takers: TakerSettings = TakerSettings()
    leveraged: LeveragedSettings = LeveragedSettings()
    adversaries: AdversarySettings = AdversarySettings()
    hedgers: int = 1
    """Accounts that bring their position back towards nothing."""
    oracle_stuck: tuple[int, int] = (0, 0)
    """From and to which second the oracle stands still, while fair prices go on."""
    keeps_step: int = 1
    """Seconds from block to block."""


SCENARIOS: dict[str, MarketSpec] = {
    "calm": MarketSpec(path=PathFormula(volatility=30_000, reversion=200)),
    "trend": MarketSpec(
        path=PathFormula(volatility=60_000, drift=15_000),
        takers=TakerSettings(bias=200_000),
    ),
    "crash": MarketSpec(
        path=PathFormula(volatility=60_000, shocks=(Shock(5 * _MINUTE, _MINUTE, -350_000),)),
        leveraged=LeveragedSettings(count=4, panics_at=50_000),
    ),
    "thin": MarketSpec(
        path=PathFormula(volatility=150_000, jumps=3_000),
        makers=MakerSettings(count=1, half_spread=3_000, levels=2, size_usd=1_000, every=15),
    ),
    "squeeze": MarketSpec(
        path=PathFormula(volatility=60_000, drift=5_000),
        takers=TakerSettings(count=5, rate=300_000, bias=400_000, size_usd=6_000),
        makers=MakerSettings(half_spread=600),
    ),
    "cascade": MarketSpec(
        path=PathFormula(volatility=60_000, shocks=(Shock(3 * _MINUTE, 2 * _MINUTE, -150_000),)),
        leveraged=LeveragedSettings(count=8, margin_usd=4_000),
        makers=MakerSettings(size_usd=4_000),
    ),
    "stuck": MarketSpec(
        path=PathFormula(volatility=120_000), oracle_stuck=(2 * _MINUTE, 7 * _MINUTE)
    ),
    "tricks": MarketSpec(
        path=PathFormula(volatility=80_000),
        leveraged=LeveragedSettings(count=2),
        adversaries=AdversarySettings(count=3),
    ),
}
"""The purpose of each is in docs/hyperliquid.md."""


def read_spec(text: str) -> MarketSpec:
    """Return the market of a text: a name, `name:seed`, or the path of a TOML file.

    Raises ValueError that says what was expected.
    """
    if text.endswith(".toml"):
        return _read_file(Path(text))
    name, _, seed = text.partition(":")
    spec = SCENARIOS.get(name)
    if spec is None:
        raise ValueError(
            f"a market must be one of {', '.join(SCENARIOS)} or a .toml file, got {text!r}"
        )
    return msgspec.structs.replace(spec, seed=seed) if seed else spec


def _read_file(path: Path) -> MarketSpec:
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"the market {path} can't be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is no TOML: {error}") from error
    try:
        return msgspec.convert(content, MarketSpec)
    except msgspec.ValidationError as error:
        raise ValueError(f"{path}: {error}") from error
