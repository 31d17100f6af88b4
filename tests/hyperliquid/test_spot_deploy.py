"""Tokens and pairs that users list, with the orders that a pair keeps by itself."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evm_dex
from precompiles.hyper.deploy.hyperliquidity import prices_of
from precompiles.hyper.grid import is_valid_price
from tests.hyperliquid.trader import Json, Trader, limit

TOKEN, PAIR, ASSET = 269, 208, 10_208
PURR = 1
SPREAD = "0x" + "ff" * 20
E8 = 10**8
OK = {"type": "default"}
Traders = tuple[Trader, Trader]


def step(trader: Trader, **fields: Any) -> Any:
    return trader.do({"type": "spotDeploy", **fields})


def register(trader: Trader, name: str = "NEW", **spec: int) -> Any:
    units = {"szDecimals": 2, "weiDecimals": 8, **spec}
    wire = {"spec": {"name": name, **units}, "maxGas": 500 * E8, "fullName": "New coin"}
    return step(trader, registerToken2=wire)


def begun(alice: Trader, holders: dict[str, int], spread: int = 0) -> None:
    """NEW, given to its holders and begun, with a pair."""
    assert register(alice) == {"type": "spotDeploy", "data": TOKEN}
    rows = [[user, str(wei)] for user, wei in holders.items()]
    rows += [[SPREAD, str(spread)]] if spread else []
    genesis = {"token": TOKEN, "userAndWei": rows, "existingTokenAndWei": []}
    assert step(alice, userGenesis=genesis) == OK
    supply = str(sum(holders.values()) + spread)
    assert step(alice, genesis={"token": TOKEN, "maxSupply": supply}) == OK
    paired = step(alice, registerSpot={"tokens": [TOKEN, 0]})
    assert paired == {"type": "spotDeploy", "data": PAIR}


def held(trader: Trader, coin: str) -> float:
    found = trader.ask("spotClearinghouseState")["balances"]
    return next((float(it["total"]) for it in found if it["coin"] == coin), 0.0)


def test_a_token_is_listed_given_out_and_traded(traders: Traders) -> None:
    alice, bob = traders
    hype = held(alice, "HYPE")
    begun(alice, {alice.address: 1_000 * E8, bob.address: 500 * E8})
    assert hype - held(alice, "HYPE") == 500, "the price of a token"
    assert (held(alice, "NEW"), held(bob, "NEW")) == (1_000, 500)
    listed = alice.ask("spotMeta")
    assert listed["tokens"][TOKEN]["fullName"] == "New coin"
    assert listed["universe"][-1] == {
        "tokens": [TOKEN, 0], "name": "@208", "index": PAIR, "isCanonical": False,
    }  # fmt: skip
    bob.order(limit(ASSET, "sell", "2", "100"))
    (filled,) = alice.order(limit(ASSET, "buy", "2", "100", "Ioc"))
    assert filled["filled"]["totalSz"] == "100.0"
    # Alice paid 0.07 % in NEW, of which a deployer has all.
    assert held(alice, "NEW") == pytest.approx(1_100, abs=1e-9)
    details = alice.ask("tokenDetails", tokenId=listed["tokens"][TOKEN]["tokenId"])
    assert details["maxSupply"] == "1500.0"
    assert alice.dex.self_check() == []


def test_fees_are_shared_as_the_deployer_said(traders: Traders) -> None:
    alice, bob = traders
    begun(alice, {alice.address: 1_000 * E8})
    assert step(alice, setDeployerTradingFeeShare={"token": TOKEN, "share": "25%"}) == OK
    raised = step(alice, setDeployerTradingFeeShare={"token": TOKEN, "share": "26%"})
    assert raised == "Invalid share."
    alice.order(limit(ASSET, "sell", "2", "100"))
    bob.order(limit(ASSET, "buy", "2", "100", "Ioc"))
    assert held(bob, "NEW") == pytest.approx(100 - 0.07)
    assert held(alice, "NEW") == pytest.approx(900 + 0.07 / 4)


def test_holders_of_another_token_share_by_what_they_hold(traders: Traders) -> None:
    alice, bob = traders
    register(alice)
    excluded = [[bob.address, True]]
    given_out = {"token": TOKEN, "userAndWei": [], "existingTokenAndWei": [[PURR, "1000000007"]],
                 "blacklistUsers": excluded}  # fmt: skip
    assert step(alice, userGenesis=given_out) == OK
    assert step(alice, genesis={"token": TOKEN, "maxSupply": "1000000007"}) == OK
    # Nine accounts hold as much PURR each; the deployer has what the division leaves.
    assert held(bob, "NEW") == 0
    assert held(alice, "NEW") == pytest.approx((1_000_000_007 // 9 + 1_000_000_007 % 9) / E8)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"registerSpot": {"tokens": [TOKEN, 0]}}, "Invalid step of the deployment."),
        ({"genesis": {"token": TOKEN, "maxSupply": "1"}}, "Max supply 1 is not the genesis's 0."),
        ({"genesis": {"token": TOKEN, "maxSupply": "1e3"}}, "Invalid amount."),
        ({"freezeUser": {"token": TOKEN, "user": SPREAD, "freeze": True}},
         "Invalid step of the deployment."),
        ({"enableQuoteToken": {"token": TOKEN}}, "Invalid token."),
        ({"setDeployerTradingFeeShare": {"token": TOKEN, "share": "101%"}}, "Invalid share."),
        ({"setDeployerTradingFeeShare": {"token": TOKEN, "share": "NaN"}}, "Invalid share."),
        ({"userGenesis": {"token": 999, "userAndWei": [], "existingTokenAndWei": []}},
         "Unknown token."),
        ({"registerHyperliquidity": {"spot": 999, "startPx": "1", "orderSz": "1", "nOrders": 1}},
         "Invalid spot."),
        ({"requestEvmContract": {"token": TOKEN}}, "requestEvmContract is not supported here"),
    ],
)  # fmt: skip
def test_steps_out_of_place_are_refused(traders: Traders, fields: Json, text: str) -> None:
    alice, bob = traders
    register(alice)
    assert step(alice, **fields).startswith(text)
    (name,) = fields
    if name not in ("requestEvmContract", "registerHyperliquidity") and "999" not in str(fields):
        other = step(bob, **fields)
        assert other in (f"Not the deployer: {alice.address} is.", "Invalid amount.", text)
    assert alice.dex.self_check() == []


@pytest.mark.parametrize(
    ("name", "spec", "gas", "text"),
    [
        ("HYPE", {}, 500, "Invalid name."),
        ("TOOLONG", {}, 500, "Invalid name."),
        ("", {}, 500, "Invalid name."),
        ("A B", {}, 500, "Invalid name."),
        ("NEW", {"szDecimals": 5}, 500, "Invalid wei_decimals."),
        ("NEW", {}, 499, "Gas of 50000000000 is above maxGas 49900000000."),
    ],
)
def test_tokens_that_can_not_be_are_refused_and_cost_nothing(
    traders: Traders, name: str, spec: Json, gas: int, text: str
) -> None:
    alice, _ = traders
    before = held(alice, "HYPE")
    units = {"szDecimals": 2, "weiDecimals": 8, **spec}
    wire = {"spec": {"name": name, **units}, "maxGas": gas * E8}
    assert step(alice, registerToken2=wire) == text
    assert held(alice, "HYPE") == before


def test_a_frozen_balance_neither_moves_nor_trades(traders: Traders) -> None:
    alice, bob = traders
    register(alice)
    assert step(alice, enableFreezePrivilege={"token": TOKEN}) == OK
    rows = [[alice.address, str(10 * E8)], [bob.address, str(100 * E8)]]
    step(alice, userGenesis={"token": TOKEN, "userAndWei": rows, "existingTokenAndWei": []})
    step(alice, genesis={"token": TOKEN, "maxSupply": str(110 * E8)})
    step(alice, registerSpot={"tokens": [TOKEN, 0]})
    frozen = {"token": TOKEN, "user": bob.address, "freeze": True}
    bob.order(limit(ASSET, "sell", "3", "10"))
    assert step(alice, freezeUser=frozen) == OK
    assert bob.ask("openOrders") == []
    (refused,) = bob.order(limit(ASSET, "sell", "2", "10"))
    assert refused["error"].startswith("Balance is frozen")
    sending = [("string", "destination"), ("string", "token"), ("string", "amount"),
               ("uint64", "time")]  # fmt: skip
    sent = {"type": "spotSend", "destination": alice.address, "token": "NEW", "amount": "1"}
    assert bob.typed("SpotSend", sending, sent) == "Balance is frozen by the deployer of the token."
    assert step(alice, freezeUser={**frozen, "freeze": False}) == OK
    assert bob.typed("SpotSend", sending, sent) == OK
    step(alice, freezeUser=frozen)
    assert step(alice, revokeFreezePrivilege={"token": TOKEN}) == OK
    assert bob.typed("SpotSend", sending, sent) == OK
    assert step(alice, freezeUser=frozen) == "Invalid step of the deployment."


def levels(trader: Trader) -> tuple[list[list[str]], list[list[str]]]:
    bids, asks = trader.ask("l2Book", coin="@208")["levels"]
    return [[it["px"], it["sz"]] for it in bids], [[it["px"], it["sz"]] for it in asks]


def test_a_pair_keeps_orders_by_itself(traders: Traders) -> None:
    """Ten levels of 100 from 2 up, of which the deployer pays for the lowest two."""
    alice, bob = traders
    begun(alice, {alice.address: 1}, spread=850 * E8)
    wire = {"spot": PAIR, "startPx": "2", "orderSz": "100", "nOrders": 10, "nSeededLevels": 2}
    before = held(alice, "USDC")
    assert step(alice, registerHyperliquidity=wire) == OK
    assert before - held(alice, "USDC") == pytest.approx(200 + 200.6)
    bids, asks = levels(alice)
    assert asks == [
        ["2.006", "50.0"], ["2.012", "100.0"], ["2.018", "100.0"], ["2.0241", "100.0"],
        ["2.0302", "100.0"], ["2.0363", "100.0"], ["2.0424", "100.0"], ["2.0485", "100.0"],
        ["2.0546", "100.0"],
    ]  # fmt: skip
    assert bids == [["2.0", "100.0"]], "what was left buys on lower levels alone"
    bob.order(limit(ASSET, "buy", "2.02", "250", "Ioc"))
    alice.dex.mine()
    assert len(levels(alice)[1]) == 6, "not yet"
    alice.dex.mine(timestamp=alice.dex.chain.head.timestamp + 3)
    bids, asks = levels(alice)
    assert asks[0] == ["2.0241", "100.0"]
    assert bids[:2] == [["2.018", "100.0"], ["2.012", "100.0"]]
    assert alice.dex.self_check() == []
    again_ = step(alice, registerHyperliquidity=wire)
    assert again_ == "Invalid step of the deployment."
    again = list(alice.dex.chain.export_blocks(1))
    with evm_dex.open(profile="hyperevm") as other:
        assert other.chain.import_blocks(again)[-1].hash == alice.dex.chain.head.hash


@given(start=st.integers(1, 99_999), places=st.integers(2, 6), decimals=st.integers(0, 2),
       count=st.integers(1, 60))  # fmt: skip
def test_levels_are_the_nearest_on_the_grid(
    start: int, places: int, decimals: int, count: int
) -> None:
    first = start * 10**places
    prices = list(prices_of(first, count, decimals))
    assert prices[0] == first
    for before, price in pairwise(prices):
        assert price > before
        assert is_valid_price(price, 8, decimals, is_spot=True)
        exact = Fraction(before) * 1_003 / 1_000
        for other in range(max(before + 1, price - 3), price + 4):
            if is_valid_price(other, 8, decimals, is_spot=True):
                assert abs(price - exact) <= abs(other - exact) or other <= before


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"startPx": "2.00001"}, "Price must be divisible by tick size."),
        ({"startPx": "9" * 30}, "Invalid startPx."),
        ({"orderSz": "0.001"}, "Order has invalid size."),
        ({"orderSz": "9" * 30}, "Invalid orderSz."),
        ({"orderSz": "1000000", "nSeededLevels": 9}, "Insufficient balance for token transfer."),
        ({"nOrders": 0}, "Invalid nOrders."),
        ({"nOrders": 1_001}, "Invalid nOrders."),
        ({"nSeededLevels": 11}, "Invalid nOrders."),
    ],
)
def test_orders_of_a_pair_that_can_not_be_are_refused(
    traders: Traders, more: Json, text: str
) -> None:
    alice, _ = traders
    begun(alice, {alice.address: 1}, spread=850 * E8)
    wire = {"spot": PAIR, "startPx": "2", "orderSz": "100", "nOrders": 10, **more}
    assert step(alice, registerHyperliquidity=wire).startswith(text)
    assert levels(alice) == ([], [])
    assert alice.dex.self_check() == []


def test_a_pair_without_tokens_keeps_no_orders(traders: Traders) -> None:
    alice, _ = traders
    begun(alice, {alice.address: E8})
    wire = {"spot": PAIR, "startPx": "2", "orderSz": "100", "nOrders": 10}
    assert step(alice, registerHyperliquidity=wire) == "Invalid nOrders."
    assert step(alice, registerHyperliquidity={**wire, "nOrders": 0}) == OK
