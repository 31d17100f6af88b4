"""Orders that the node sends for its accounts, on both profiles of a chain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.served import OTHER, OWNER, Served, served

ETHER, USDC = 10**18, 10**6
STRANGER = "0x" + "5a" * 20


@pytest.fixture
def core() -> Iterator[Served]:
    """A node with HyperCore, whose perpetual ETH is at 3,000."""
    with served(genesis="hyperevm") as node:
        yield node


@pytest.mark.parametrize("where", ["spot", "perp"])
def test_orders_are_placed_filled_and_cancelled(fresh_node: Served, where: str) -> None:
    market = fresh_node.dex.tokens["WETH"].address
    sell = (where, market, False, 2 * ETHER, 2_000 * USDC)
    placed = fresh_node.result("dex_placeOrder", OWNER, *sell)
    receipt = fresh_node.result("eth_getTransactionReceipt", placed["transaction"])
    assert receipt["blockNumber"] == placed["blockNumber"]
    buy = (where, market, True, ETHER, 2_000 * USDC, "IOC")
    fresh_node.result("dex_placeOrder", OTHER, *buy)
    (order,) = fresh_node.result("dex_openOrders", where, OWNER)
    assert (order["filled"], order["remaining"]) == (str(ETHER), str(ETHER))
    fresh_node.result("dex_cancelOrder", OWNER, where, market, order["orderId"])
    assert fresh_node.result("dex_openOrders", where, OWNER) == []
    refused = fresh_node.error("dex_cancelOrder", OWNER, where, market, order["orderId"])
    assert "OrderNotActive" in refused["message"]


def test_a_position_is_closed(fresh_node: Served) -> None:
    market = fresh_node.dex.perp_markets["WETH"]
    for user, is_buy in ((OWNER, False), (OTHER, True)):
        fresh_node.result("dex_placeOrder", user, "perp", market, is_buy, ETHER, 2_000 * USDC)
    fresh_node.result("dex_placeOrder", OWNER, "perp", market, True, ETHER, 2_000 * USDC)
    (position,) = fresh_node.result("dex_positions", OTHER)
    fresh_node.result("dex_closePosition", OTHER, position["positionId"])
    assert fresh_node.result("dex_positions", OTHER) == []


def test_orders_on_hypercore_have_receipts_with_reasons(core: Served) -> None:
    sell = ("perp", "ETH", False, 10_000, 3_000 * USDC)
    placed = core.result("dex_placeOrder", OWNER, *sell)
    assert placed == {"blockNumber": "0x1", "outcome": "done", "orderId": "1"}
    core.result("dex_placeOrder", OTHER, "perp", "ETH", True, 4_000, 3_000 * USDC, "IOC")
    refused = core.error("dex_placeOrder", OTHER, "perp", "ETH", True, 4_000, 300 * USDC)
    assert refused["message"].startswith("order dropped: PriceOutOfBand(price=300000000, ")
    core.result("dex_cancelOrder", OWNER, "perp", "ETH", 1)
    assert core.result("dex_openOrders", "perp", OWNER) == []
    told = core.result("dex_coreActionsOf", OTHER)
    assert [(it["name"], it["outcome"], it["reason"]) for it in told] == [
        ("order", "dropped", "PriceOutOfBand"),
        ("order", "done", None),
    ]
    assert told[1]["fields"]["p"] == "3000"
    assert core.result("dex_coreActionsOf", OTHER, 1) == told[:1]
    assert core.result("dex_coreActionsInBlock", "0x2") == told[1:]
    (position,) = core.result("dex_positions", OTHER)
    bid = ("perp", "ETH", True, 4_000, 2_990 * USDC)
    core.result("dex_placeOrder", OWNER, *bid)
    core.result("dex_closePosition", OTHER, position["positionId"])
    assert core.result("dex_positions", OTHER) == []


def test_markets_of_hypercore_have_names_and_steps(core: Served) -> None:
    told = core.result("dex_markets")
    perps = {it["symbol"]: (it["baseUnit"], it["tick"]) for it in told["perp"]}
    assert perps["BTC"] == (str(10**5), str(10**5))
    assert perps["ETH"] == (str(10**4), str(10**4))
    tokens = told["tokens"]
    names = [tokens[it["asset"]]["symbol"] for it in told["spot"]]
    assert names[:2] == ["PURR", "HYPE"]
    assert tokens[told["perp"][0]["collateral"]] == {"symbol": "USDC", "decimals": 6}


@pytest.mark.parametrize("time_in_force", ["GTC", "FOK"])
def test_what_cannot_be_sent_is_refused(core: Served, time_in_force: str) -> None:
    order = ("perp", "ETH", True, 1, 3_000 * USDC, time_in_force)
    expected = {"GTC": "no key at hand", "FOK": "choose GTC, IOC or ALO"}[time_in_force]
    assert expected in core.error("dex_placeOrder", STRANGER, *order)["message"]


def test_without_cheats_nobody_trades_by_the_node() -> None:
    with served(cheats=False) as node:
        for name in ("dex_placeOrder", "dex_cancelOrder", "dex_closePosition"):
            assert node.error(name)["code"] == -32601
