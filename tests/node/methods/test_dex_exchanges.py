"""The dex_ methods against what the exchanges themselves answer."""

from __future__ import annotations

from typing import Any

import pytest

from evm_dex.client.dex import Dex
from tests.node.served import OTHER, OWNER, Served
from tests.node.trading import trade

ETHER, USDC = 10**18, 10**6
PRICE = 2_000 * USDC
STRANGER = "0x" + "5a" * 20


@pytest.fixture
def node(fresh_node: Served) -> Served:
    """A spot order of 3 that a buyer took 1 of, a bid, a perpetual position and a stop loss."""
    weth = fresh_node.dex.tokens["WETH"].address
    url = fresh_node.url
    trade(url, "spot", "placeOrder", weth, 3 * ETHER, PRICE, False, sender=OWNER)
    trade(url, "spot", "placeOrder", weth, ETHER, PRICE, True, sender=OTHER)
    trade(url, "spot", "placeOrder", weth, 2 * ETHER, PRICE - USDC, True, sender=OTHER)
    market = fresh_node.dex.perp_markets["WETH"]
    trade(url, "perp", "openPosition", market, ETHER, 5, True, sender=OTHER)
    stop = (market, ETHER, 1_500 * USDC, 0, False, False, True, 7)
    trade(url, "perp", "placeTrigger", *stop, sender=OTHER)
    return fresh_node


def test_markets_are_those_of_both_exchanges_with_prices_and_tokens(node: Served) -> None:
    told = node.result("dex_markets")
    dex = node.dex
    (spot,) = told["spot"]
    (perp,) = told["perp"]
    bid, ask = dex.spot.call("getBestPrices", spot["asset"])
    assert (spot["bestBid"], spot["bestAsk"]) == (str(bid), str(ask)) == ("1999000000", str(PRICE))
    assert perp["symbol"] == "WETH"
    assert perp["mark"] == str(dex.perp.call("getMarkPrice", perp["market"]))
    symbols = {address: token["symbol"] for address, token in told["tokens"].items()}
    assert symbols[spot["asset"]] == "WETH"
    assert symbols[spot["quote"]] == "USDC"


def test_depth_and_trades_of_a_market_by_symbol_and_by_address(node: Served) -> None:
    weth = node.dex.tokens["WETH"].address
    depth = node.result("dex_depth", "spot", "WETH", 5)
    assert depth == {
        "bids": [{"price": str(PRICE - USDC), "size": str(2 * ETHER), "orders": 1}],
        "asks": [{"price": str(PRICE), "size": str(2 * ETHER), "orders": 1}],
    }
    assert node.result("dex_depth", "spot", weth, 5) == depth
    (spot_trade,) = node.result("dex_trades", "spot", "WETH")
    assert (spot_trade["amount"], spot_trade["price"]) == (str(ETHER), str(PRICE))
    (perp_trade,) = node.result("dex_trades", "perp", "WETH")
    assert perp_trade["size"] == str(ETHER)
    market = node.dex.perp_markets["WETH"]
    assert node.result("dex_trades", "perp", market) == [perp_trade]


def test_orders_of_both_exchanges_by_id_and_by_user(node: Served) -> None:
    (ask,) = node.result("dex_openOrders", "spot", OWNER)
    assert (ask["filled"], ask["remaining"], ask["status"]) == (
        *(str(ETHER), str(2 * ETHER), "PARTIALLY_FILLED"),
    )
    assert node.result("dex_order", "spot", ask["orderId"]) == ask
    (bid,) = node.result("dex_openOrders", "spot", OTHER)
    assert (bid["side"], bid["price"]) == ("buy", str(PRICE - USDC))
    (stop,) = node.result("dex_openOrders", "perp", OTHER)
    assert (stop["status"], stop["triggerPrice"], stop["clientOrderId"]) == (
        *("UNTRIGGERED", str(1_500 * USDC), "7"),
    )
    assert node.result("dex_order", "perp", stop["orderId"]) == stop
    assert "no spot order 99" in node.error("dex_order", "spot", "0x63")["message"]


def test_positions_and_accounts_are_worth_what_the_exchange_says(node: Served) -> None:
    dex = node.dex
    (position,) = node.result("dex_positions", OTHER)
    assert node.result("dex_position", position["positionId"]) == position
    state = dex.perp.call("getPositionState", position["positionId"])
    for name in ("entryNotional", "margin", "unrealizedPnl", "funding", "maintenanceMargin"):
        assert position[name] == str(getattr(state, name)), name
    assert (position["side"], position["size"], position["leverage"]) == ("long", str(ETHER), 5)
    account = node.result("dex_account", OTHER)
    for symbol in ("WETH", "USDC"):
        token = dex.tokens[symbol].address
        available, hold = dex.spot.call("getBalance", OTHER, token)
        told = account["spot"][token.lower()]
        assert (told["available"], told["onHold"]) == (str(available), str(hold))
    summary = dex.perp.call("getAccount", OTHER)
    assert account["perp"]["equity"] == str(summary.equity)
    assert "no position 9" in node.error("dex_position", "0x9")["message"]


def test_what_was_is_told_of_earlier_blocks(node: Served) -> None:
    assert node.result("dex_depth", "spot", "WETH", 5, "0x1")["asks"][0]["size"] == str(3 * ETHER)
    assert node.result("dex_openOrders", "spot", OTHER, 10, "0x1") == []
    assert node.result("dex_positions", OTHER, "0x3") == []


def test_dealing_and_prices_by_symbol_or_address(node: Served) -> None:
    dex: Dex = node.dex
    weth = dex.tokens["WETH"]
    for token, amount in (("WETH", 5), (weth.address, 7)):
        node.result("dex_deal", token, STRANGER, hex(amount))
        assert weth.call("balanceOf", STRANGER) == amount
        node.result("dex_dealOnSpot", token, STRANGER, hex(amount))
    assert dex.spot.call("getBalance", STRANGER, weth.address)[0] == 12
    node.result("dex_deal", "ETH", STRANGER, "0x9")
    assert dex.balance(STRANGER) == 9
    node.result("dex_dealOnPerp", STRANGER, hex(3 * USDC))
    assert node.result("dex_account", STRANGER)["perp"]["cash"] == str(3 * USDC)
    market = dex.perp_markets["WETH"]
    for named in ("WETH", market):
        block = node.result("dex_setOraclePrice", named, hex(1_900 * USDC))
        assert int(block, 16) == dex.head.number
        assert node.result("dex_markets")["perp"][0]["oracle"] == str(1_900 * USDC)
    assert node.result("dex_selfCheck")["violations"] == []


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("dex_depth", ["spot", "DOGE"], "no market DOGE here; there are WETH"),
        ("dex_depth", ["perp", "DOGE"], "no perpetual market DOGE here; there are WETH"),
        ("dex_depth", ["spot", STRANGER], f"no spot market {STRANGER}: see dex_markets"),
        ("dex_depth", ["moon", "WETH"], 'must be "spot" or "perp"'),
        ("dex_depth", ["spot", ""], "an address, or a symbol such as WETH"),
        ("dex_depth", ["spot", "0x12"], "an address, or a symbol such as WETH"),
        ("dex_trades", ["perp", "DOGE"], "no perpetual market DOGE here"),
        ("dex_deal", ["DOGE", STRANGER, "0x1"], "no token 'DOGE'; there are WETH, USDC, ETH"),
        ("dex_setOraclePrice", ["DOGE", "0x1"], "no perpetual market 'DOGE'; there are WETH"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    shared_node: Served, method: str, params: list[Any], words: str
) -> None:
    assert words in shared_node.error(method, *params)["message"]


def test_checkpoints_are_listed(fresh_node: Served) -> None:
    assert fresh_node.result("dex_checkpoints") == []
