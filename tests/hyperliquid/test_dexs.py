"""A builder's dex (HIP-3) by the API: its own names, collateral, margin and orders."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

import evm_dex
from evm_dex.chain.genesis.genesis_file import profile_genesis
from evm_dex.hyperliquid.bad_request import BadRequest
from tests.hyperliquid.trader import Trader, limit, trigger

GOLD = 110_000
SEND_ASSET = [
    ("string", "destination"), ("string", "sourceDex"), ("string", "destinationDex"),
    ("string", "token"), ("string", "amount"), ("string", "fromSubAccount"), ("uint64", "nonce"),
]  # fmt: skip


@pytest.fixture
def traders() -> Iterator[tuple[Trader, Trader]]:
    content: dict[str, Any] = tomllib.loads(profile_genesis("hyperevm").read_text())
    content["hypercore"]["dexs"] = [{"index": 1, "name": "gld", "collateral": 268}]
    content["hypercore"]["perps"].append(
        {"dex": 1, "index": 0, "coin": "GOLD", "size_decimals": 3, "margin_table": 20,
         "tiers": [[0, 20]], "price": 4_000_000_000, "impact_notional": 6_000}
    )  # fmt: skip
    with evm_dex.open(genesis=content) as dex:
        first = Trader(dex, 0)
        second = Trader(dex, 1, first.api)
        for trader in (first, second):
            sent = {
                "type": "sendAsset", "destination": trader.address, "sourceDex": "spot",
                "destinationDex": "gld", "token": "USDT0", "amount": "1000", "fromSubAccount": "",
            }  # fmt: skip
            assert trader.typed("SendAsset", SEND_ASSET, sent) == {"type": "default"}
        yield first, second


def test_a_builders_dex_is_traded(traders: tuple[Trader, Trader]) -> None:
    alice, bob = traders
    assert [dex and dex["name"] for dex in alice.ask("perpDexs")] == [None, "gld"]
    meta = alice.ask("meta", dex="gld")
    assert [it["name"] for it in meta["universe"]] == ["gld:GOLD"]
    assert meta["collateralToken"] == 268
    assert set(alice.ask("allMids", dex="gld")) == {"gld:GOLD"}
    assert "gld:GOLD" not in alice.ask("allMids")
    set_it = {"type": "updateLeverage", "asset": GOLD, "isCross": True, "leverage": 5}
    assert alice.do(set_it) == {"type": "default"}
    bob.order(limit(GOLD, "sell", "4000", "0.5"))
    assert len(bob.ask("openOrders", dex="gld")) == 1
    assert bob.ask("openOrders") == []
    assert "filled" in alice.order(limit(GOLD, "buy", "4000", "0.2"))[0]
    state = alice.ask("clearinghouseState", dex="gld")
    position = state["assetPositions"][0]["position"]
    assert (position["coin"], position["szi"]) == ("gld:GOLD", "0.2")
    assert position["leverage"] == {"type": "cross", "value": 5}
    assert float(state["marginSummary"]["accountValue"]) < 1_000
    assert alice.ask("clearinghouseState")["assetPositions"] == []
    fill = alice.ask("userFills")[0]
    assert (fill["coin"], fill["feeToken"], fill["dir"]) == ("gld:GOLD", "USDT0", "Open Long")
    assert alice.ask("orderStatus", oid=fill["oid"])["status"] == "order"
    placed = alice.order(trigger(GOLD, "sell", "3500", "0", "sl"), grouping="positionTpsl")
    assert "resting" in placed[0]
    assert alice.ask("frontendOpenOrders", dex="gld")[0]["isPositionTpsl"] is True
    assert alice.dex.self_check() == []


def test_an_unknown_dex_is_named(traders: tuple[Trader, Trader]) -> None:
    alice, _ = traders
    with pytest.raises(BadRequest, match="unknown dex 'none'"):
        alice.ask("meta", dex="none")
    sent = {
        "type": "sendAsset", "destination": alice.address, "sourceDex": "spot",
        "destinationDex": "none", "token": "USDC", "amount": "1", "fromSubAccount": "",
    }  # fmt: skip
    assert alice.typed("SendAsset", SEND_ASSET, sent) == "Unknown perp dex."
