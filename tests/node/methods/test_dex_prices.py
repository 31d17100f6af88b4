"""Candles, marks, funding, grouped depth and past trades against the trades themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from checkpoint.archive import export_archive, import_archive
from evm_dex.chain.block_proof import inspect_block
from evm_dex.errors import UnknownBlock
from evm_dex.node.dispatch import respond
from evm_dex.node.node import Node
from tests.node.served import OTHER, OWNER, Served
from tests.node.trading import trade
from tests.origin.fake_origin import an_origin

ETHER, USDC = 10**18, 10**6
HOUR = 3_600


def swap(node: Served, price: int, size: int) -> None:
    """A trade between two accounts, as two blocks."""
    weth = node.dex.tokens["WETH"].address
    trade(node.url, "spot", "placeOrder", weth, size, price, False, sender=OWNER)
    trade(node.url, "spot", "placeOrder", weth, size, price, True, sender=OTHER)


def prices(candles: list[dict[str, Any]]) -> list[tuple[int, ...]]:
    names = ("open", "high", "low", "close", "volume", "trades")
    return [tuple(int(one[name]) for name in names) for one in candles]


def test_candles_follow_trades_and_rollbacks_and_end_with_their_block(fresh_node: Served) -> None:
    swap(fresh_node, 2_000 * USDC, ETHER)
    assert len(fresh_node.result("dex_candles", "spot", "WETH", 3_600)) == 1
    swap(fresh_node, 2_010 * USDC, 2 * ETHER)
    snapshot = fresh_node.result("evm_snapshot")
    height = fresh_node.result("eth_blockNumber")
    swap(fresh_node, 1_990 * USDC, ETHER)
    opened, high, low, close = (it * USDC for it in (2_000, 2_010, 1_990, 1_990))
    whole = fresh_node.result("dex_candles", "spot", "WETH", 86_400)
    assert prices(whole) == [(opened, high, low, close, 4 * ETHER, 3)]
    seconds = fresh_node.result("dex_candles", "spot", "WETH", 1)
    trades = fresh_node.result("dex_trades", "spot", "WETH")
    assert [it["time"] for it in seconds] == [it["timestamp"] for it in reversed(trades)]
    before = fresh_node.result("dex_candles", "spot", "WETH", 86_400, 500, "0x0", height)
    assert prices(before) == [(opened, high, opened, high, 3 * ETHER, 2)]
    assert fresh_node.result("dex_trades", "spot", "WETH", 50, "0x0", height) == trades[1:]
    fresh_node.result("evm_revert", snapshot)
    assert fresh_node.result("dex_candles", "spot", "WETH", 86_400) == before
    assert fresh_node.result("dex_candles", "perp", "WETH") == []


def test_marks_and_funding_rates_are_those_of_their_times(fresh_node: Served) -> None:
    market = fresh_node.dex.perp_markets["WETH"]
    for price in (2_000, 2_100):
        fresh_node.result("dex_setOraclePrice", market, price * USDC)
        fresh_node.result("evm_increaseTime", HOUR)
    fresh_node.result("evm_mine")
    marks = fresh_node.result("dex_marks", market, 1)
    assert [it["mark"] for it in marks] == [str(2_000 * USDC), str(2_100 * USDC)]
    assert fresh_node.result("dex_marks", market, 1, 1) == marks[-1:]
    fresh_node.result("dex_setOraclePrice", market, 2_200 * USDC)
    rates = fresh_node.result("dex_funding", market)
    now = fresh_node.result("dex_markets")["perp"][0]["fundingRate"]
    assert len(rates) == 2
    assert rates[-1]["rate"] == now
    assert fresh_node.result("dex_funding", market, 5, rates[-1]["time"]) == rates[-1:]


def test_levels_of_a_step_are_one_and_never_look_better_than_they_are(fresh_node: Served) -> None:
    weth = fresh_node.dex.tokens["WETH"].address
    orders = [(1_999, True), (1_996, True), (1_990, True), (2_001, False), (2_010, False)]
    for price, is_buy in orders:
        order = (weth, ETHER, price * USDC, is_buy)
        trade(fresh_node.url, "spot", "placeOrder", *order, sender=OWNER)
    depth = fresh_node.result("dex_depth", "spot", "WETH", 5, "latest", 10 * USDC)
    assert depth == {
        "bids": [{"price": str(1_990 * USDC), "size": str(3 * ETHER), "orders": 3}],
        "asks": [{"price": str(2_010 * USDC), "size": str(2 * ETHER), "orders": 2}],
    }
    assert "step" in fresh_node.error("dex_depth", "spot", "WETH", 5, "latest", 0)["message"]


@pytest.mark.parametrize("seconds", [0, 10**9, "1m"])
def test_what_is_no_length_of_a_candle_is_refused(fresh_node: Served, seconds: Any) -> None:
    assert fresh_node.error("dex_candles", "spot", "WETH", seconds)["code"] == -32602


def page_of(dex: evm_dex.Dex) -> list[Any]:
    """Methods that the page asks about a market and an account."""
    node = Node(dex.chain, dex=dex)
    weth, user = dex.tokens["WETH"].address, dex.accounts[0].address
    asked: list[tuple[str, list[Any]]] = [
        ("dex_candles", ["spot", weth, 60]),
        ("dex_trades", ["spot", weth]),
        ("dex_coreActionsOf", [user]),
        ("dex_blocks", []),
    ]
    found = []
    for method, params in asked:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        found.append(json.loads(respond(node, request))["result"])
    return found


def test_a_forked_chain_is_not_asked_for_what_was_before_it() -> None:
    with an_origin() as origin, evm_dex.open(fork=origin.url) as dex:
        fork_block = dex.chain.head.block_number
        page_of(dex)
        origin.asked.clear()
        _, _, _, blocks = page_of(dex)
        assert [it["number"] for it in blocks] == [fork_block]
        assert "eth_getLogs" not in str(origin.asked)


def test_blocks_that_an_import_left_out_are_not_looked_for(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "chain") as dex:
        weth = dex.tokens["WETH"].address
        for _ in range(3):
            dex.spot.send("placeOrder", weth, ETHER, 2_000 * USDC, False)
        for _ in range(300):
            dex.chain.mine()
    export_archive(tmp_path / "chain", tmp_path / "archive", inspect=inspect_block)
    import_archive(tmp_path / "archive", tmp_path / "copy", inspect=inspect_block)
    with evm_dex.open(tmp_path / "copy") as dex:
        dex.spot.send("placeOrder", weth, ETHER, 2_000 * USDC, True, sender=dex.accounts[1])
        candles, trades, _, blocks = page_of(dex)
        assert [it["trades"] for it in candles] == [1]
        assert len(trades) == 1
        assert [it["number"] for it in blocks] == list(range(304, 284, -1))
        with pytest.raises(UnknownBlock):
            dex.chain.header(2)


def test_logs_are_found_backwards_as_they_are_forwards(fresh_node: Served) -> None:
    for _ in range(12):
        swap(fresh_node, 2_000 * USDC, ETHER)
    blocks = fresh_node.dex.chain.blocks
    for first, last in ((1, 24), (3, 24), (7, 13), (5, 4)):
        forwards = list(blocks.logs(first, last, (), ()))
        assert list(blocks.backwards(first, last, (), ())) == forwards[::-1]
        assert len(forwards) > 0 or first > last
    assert fresh_node.result("dex_trades", "spot", "WETH", 5)[4]["blockNumber"] == 16


def test_the_earliest_block_can_be_asked_about_and_none_before() -> None:
    with evm_dex.open() as dex:
        node = Node(dex.chain, dex=dex)
        for _ in range(dex.chain.reach + 1_100):
            dex.chain.mine()
        ask = {"jsonrpc": "2.0", "id": 1, "method": "dex_earliestBlock", "params": []}
        earliest = int(json.loads(respond(node, ask))["result"], 16)
        for height, word in ((earliest, "result"), (earliest - 1, "error")):
            asked = {"jsonrpc": "2.0", "id": 1, "method": "dex_markets", "params": [hex(height)]}
            assert earliest > 0
            assert word in json.loads(respond(node, asked))
