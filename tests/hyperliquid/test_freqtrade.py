"""A day of freqtrade, unmodified, on a market of agents, held against what the chain has."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import msgspec
import pytest

import evm_dex
from evm_dex.client.dex import Dex
from evm_dex.hyperliquid.served import LocalHyperliquid, serve_in_background
from evm_dex.market.price_paths import PathFormula
from evm_dex.market.scenarios import MakerSettings, MarketSpec, TakerSettings
from evm_dex.market.simulation import LivingMarket

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]
HOUR = 3_600
STEP = 300
# Quotes come before the cancels of former ones in a block: they must be further apart than the
# price moves in a step, or they are refused.
MARKET = MarketSpec(
    coins=("ETH", "SOL"),
    path=PathFormula(volatility=100_000, reversion=200),
    makers=MakerSettings(half_spread=1_500),
    takers=TakerSettings(rate=900_000),
    keeps_step=STEP,
)


class Day:
    """The time that market, chain and bot go by."""

    def __init__(self, dex: Dex) -> None:
        self.now = dex.head.timestamp
        self._made = self.now

    def pass_to(self, time: int, local: LocalHyperliquid, market: LivingMarket) -> None:
        while self._made + STEP <= time:
            self._made = self.now = self._made + STEP
            local.on_chain(lambda: market.step(max(self.now, market_time(local))))
        self.now = max(self.now, time)


def market_time(local: LocalHyperliquid) -> int:
    """The head's time: the bot's orders may have come after the market's last block."""
    return local.api.exchange.block_time()


def test_freqtrade_trades_for_a_day(tmp_path: Path, freqtrade: Path) -> None:
    with evm_dex.open(profile="hyperevm") as dex:
        day = Day(dex)
        with serve_in_background(dex, clock=lambda: day.now * 1_000) as local:
            market = dex.market(MARKET)
            day.pass_to(day.now + 7 * HOUR, local, market)
            said = (tmp_path / "log").open("w+")
            with said:
                traded = bot(local, market, day, said, freqtrade)
                said.seek(0)
                log = said.read()
            compare(local, traded)
        assert dex.self_check() == []
    assert traded["rounds"] >= 48
    assert traded["trades"] >= 5
    assert traded["closed"] >= 3
    assert {side for _, side, _, _, _ in traded["orders"]} == {"buy", "sell", "stoploss"}
    for fault in ("TemporaryError", "OperationalException", "DDosProtection", "InsufficientFunds"):
        assert fault not in log


def bot(
    local: LocalHyperliquid, market: LivingMarket, day: Day, log: TextIO, packages: Path
) -> dict[str, Any]:
    """Let freqtrade run by the day's clock; what it traded."""
    program = Path(__file__).with_name("freqtrade_day.py")
    times = (str(day.now), str(day.now + 24 * HOUR))
    process = subprocess.Popen(
        # Without this environment's packages: freqtrade has its own.
        [sys.executable, "-S", program, local.url, local.addresses[0], local.keys[0], *times],
        env={"PYTHONPATH": str(packages), "HOME": str(Path(log.name).parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    last = ""
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for last in process.stdout:
                if last.startswith("wait "):
                    day.pass_to(int(last.split()[1]), local, market)
                    process.stdin.write("\n")
                    process.stdin.flush()
        finally:
            process.kill()
    assert last.startswith("{"), Path(log.name).read_text()[-3_000:]
    found: dict[str, Any] = json.loads(last)
    return found


def compare(local: LocalHyperliquid, traded: dict[str, Any]) -> None:
    """Hold what freqtrade noted of its orders and positions against what the chain has."""

    def ask(kind: str) -> Any:
        return msgspec.json.decode(local.api.answer({"type": kind, "user": local.addresses[0]}))

    filled: dict[str, Decimal] = defaultdict(Decimal)
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for fill in ask("userFills"):
        oid, size = str(fill["oid"]), Decimal(fill["sz"])
        filled[oid] += size
        paid[oid] += size * Decimal(fill["px"])
    noted = {order_id: (amount, average) for order_id, _, _, amount, average in traded["orders"]}
    assert set(filled) <= set(noted)
    for order_id, (amount, average) in noted.items():
        assert float(filled[order_id]) == pytest.approx(amount or 0)
        if amount:
            assert float(paid[order_id] / filled[order_id]) == pytest.approx(average, rel=1e-4)
    held = {
        it["position"]["coin"]: float(it["position"]["szi"])
        for it in ask("clearinghouseState")["assetPositions"]
    }
    assert held == pytest.approx(traded["open"])
