"""Dexs that users run, with perpetuals that they list; and validators that register."""

from __future__ import annotations

from typing import Any

import pytest

import evm_dex
from tests.hyperliquid.trader import Json, Trader, limit

E8 = 10**8
OK = {"type": "default"}
COIN, ASSET = "mine:GOLD", 110_000
Traders = tuple[Trader, Trader]
SEND_ASSET = [("string", "destination"), ("string", "sourceDex"), ("string", "destinationDex"),
              ("string", "token"), ("string", "amount"), ("string", "fromSubAccount"),
              ("uint64", "nonce")]  # fmt: skip


def step(trader: Trader, **fields: Any) -> Any:
    return trader.do({"type": "perpDeploy", **fields})


def asset(coin: str = COIN, price: str = "2000.0", table: int = 10, **more: Any) -> Json:
    request = {"coin": coin, "szDecimals": 2, "oraclePx": price, "marginTableId": table}
    return {**request, **(more or {"onlyIsolated": False})}


def begin(trader: Trader) -> Any:
    schema = {"fullName": "My dex", "collateralToken": 0, "oracleUpdater": None}
    return step(
        trader,
        registerAsset={"maxGas": None, "assetRequest": asset(), "dex": "mine", "schema": schema},
    )


def more(trader: Trader, **fields: Any) -> Any:
    wire = {"maxGas": None, "assetRequest": asset(**fields), "dex": "mine", "schema": None}
    return step(trader, registerAsset=wire)


def oracle(trader: Trader, price: str, *marks: str, external: str | None = None) -> Any:
    wire = {
        "dex": "mine",
        "oraclePxs": [[COIN, price]],
        "markPxs": [[[COIN, mark]] for mark in marks],
        "externalPerpPxs": [] if external is None else [[COIN, external]],
    }
    return step(trader, setOracle=wire)


def context(trader: Trader) -> Json:
    meta, contexts = trader.ask("metaAndAssetCtxs", dex="mine")
    assert meta["universe"][0]["name"] == COIN
    found: Json = contexts[0]
    return found


def later(trader: Trader, seconds: int) -> None:
    trader.dex.mine(timestamp=trader.dex.chain.head.timestamp + seconds)
    trader.now += seconds * 1_000


def test_a_dex_is_begun_and_traded_on(traders: Traders) -> None:
    alice, bob = traders
    assert begin(alice) == OK
    (_, dex) = alice.ask("perpDexs")
    assert (dex["name"], dex["fullName"]) == ("mine", "My dex")
    assert dex["deployer"] == dex["oracleUpdater"] == alice.address
    assert alice.ask("meta", dex="mine")["universe"][0]["maxLeverage"] == 10
    for trader in traders:
        sent = {"type": "sendAsset", "destination": trader.address, "sourceDex": "",
                "destinationDex": "mine", "token": "USDC", "amount": "10000",
                "fromSubAccount": ""}  # fmt: skip
        assert trader.typed("SendAsset", SEND_ASSET, sent) == OK
    bob.order(limit(ASSET, "sell", "2000", "1"))
    (filled,) = alice.order(limit(ASSET, "buy", "2000", "1", "Ioc"))
    assert filled["filled"]["avgPx"] == "2000.0"
    state = alice.ask("clearinghouseState", dex="mine")
    assert state["assetPositions"][0]["position"]["coin"] == COIN
    assert alice.dex.self_check() == []
    blocks = list(alice.dex.chain.export_blocks(1))
    with evm_dex.open(profile="hyperevm") as other:
        assert other.chain.import_blocks(blocks)[-1].hash == alice.dex.chain.head.hash


def test_its_updater_sets_prices_every_three_seconds(traders: Traders) -> None:
    alice, bob = traders
    begin(alice)
    assert oracle(bob, "2100") == f"Not the deployer: {alice.address} is."
    assert oracle(alice, "2100", "2090", "2130", external="2120") == OK
    assert context(alice)["oraclePx"] == "2100.0"
    later(alice, 2)
    assert oracle(alice, "2110") == "Oracle prices can be set every 2.5 seconds at most."
    later(alice, 1)
    assert oracle(alice, "2110") == OK
    later(alice, 3)
    for price in ("0", "-1", "abc", "1e300"):
        assert oracle(alice, price) == "Invalid amount."
    unknown = {"dex": "mine", "oraclePxs": [["mine:X", "1"]], "markPxs": [], "externalPerpPxs": []}
    assert step(alice, setOracle=unknown) == "Unknown asset."
    allowed = {"variant": "setOracle", "user": bob.address, "allowed": True}
    subs = {"dex": "mine", "subDeployers": [allowed]}
    assert step(alice, setSubDeployers=subs) == OK
    assert oracle(bob, "2111") == OK
    assert more(bob, coin="mine:X") == f"Not the deployer: {alice.address} is."
    subs = {"dex": "mine", "subDeployers": [{**allowed, "allowed": False}]}
    assert step(alice, setSubDeployers=subs) == OK
    later(alice, 3)
    bob.now = alice.now
    assert oracle(bob, "2111") == f"Not the deployer: {alice.address} is."


def test_rules_of_its_perpetuals_change(traders: Traders) -> None:
    alice, _ = traders
    begin(alice)
    tiers = [{"lowerBound": 0, "maxLeverage": 20}, {"lowerBound": 1_000, "maxLeverage": 5}]
    table = {"dex": "mine", "marginTable": {"description": "mine", "marginTiers": tiers}}
    assert step(alice, insertMarginTable=table) == OK
    assert step(alice, setMarginTableIds=[[COIN, 50]]) == OK
    meta = alice.ask("meta", dex="mine")
    assert meta["universe"][0]["marginTableId"] == 50
    assert meta["marginTables"][0][1]["marginTiers"] == [
        {"lowerBound": "0.0", "maxLeverage": 20},
        {"lowerBound": "1000.0", "maxLeverage": 5},
    ]
    assert step(alice, setMarginTableIds=[[COIN, 999]]) == "Invalid marginTableId."
    assert step(alice, setMarginTableIds=[[COIN, 56]]) == OK, "that of BTC"
    assert step(alice, setOpenInterestCaps=[[COIN, 999_999]]) == "Invalid setOpenInterestCaps."
    assert step(alice, setOpenInterestCaps=[[COIN, 1_000_000_000_000]]) == OK
    assert step(alice, setMarginModes=[[COIN, "noCross"]]) == OK
    assert alice.ask("meta", dex="mine")["universe"][0]["onlyIsolated"]
    assert step(alice, setFeeRecipient={"dex": "mine", "feeRecipient": alice.address}) == OK
    assert step(alice, haltTrading={"coin": COIN, "isHalted": True}) == OK
    (refused,) = alice.order(limit(ASSET, "buy", "2000", "1"))
    assert refused["error"].startswith("Trading is halted.")
    assert step(alice, haltTrading={"coin": COIN, "isHalted": False}) == OK
    assert step(alice, haltTrading={"coin": "BTC", "isHalted": True}) == "Unknown asset."
    answer = step(alice, setFundingMultipliers=[[COIN, "1"]])
    assert answer.startswith("setFundingMultipliers is not supported here")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"coin": "mine:GOLD"}, "Invalid coin."),
        ({"coin": "other:GOLD"}, "Invalid coin."),
        ({"coin": "mine:"}, "Invalid coin."),
        ({"coin": "mine:X", "price": "0"}, "Invalid oraclePx."),
        ({"coin": "mine:X", "table": 0}, "Invalid marginTableId."),
        ({"coin": "mine:X", "table": 51}, "Invalid marginTableId."),
    ],
)
def test_perpetuals_that_can_not_be_are_refused(traders: Traders, fields: Json, text: str) -> None:
    alice, _ = traders
    begin(alice)
    assert more(alice, **fields) == text
    assert len(alice.ask("meta", dex="mine")["universe"]) == 1


def test_dexs_that_can_not_be_are_refused(traders: Traders) -> None:
    alice, bob = traders
    begin(alice)
    assert begin(bob) == "Invalid dex."
    schema = {"fullName": "My dex", "collateralToken": 0}
    for name, collateral, text in (
        ("toolong", 0, "Invalid name."),
        ("x", 0, "Invalid dex."),
        ("a:b", 0, "Invalid dex."),
        ("other", 999, "Invalid collateral."),
    ):
        wire = {"assetRequest": asset(f"{name}:GOLD"), "dex": name,
                "schema": {**schema, "collateralToken": collateral}}  # fmt: skip
        assert step(bob, registerAsset=wire) == text
    wire2 = asset("mine:GOLD2", marginMode="strictIsolated")
    assert step(alice, registerAsset2={"assetRequest": wire2, "dex": "mine"}) == OK
    assert len(alice.ask("perpDexs")) == 2


def profile(signer: str, **more_: Any) -> Json:
    fields = {"node_ip": {"Ip": "1.2.3.4"}, "name": "Mine", "description": "",
              "delegations_disabled": False, "commission_bps": 5, "signer": signer}  # fmt: skip
    return {**fields, **more_}


def change(**fields: Any) -> Json:
    names = ("node_ip", "name", "description", "unjailed", "disable_delegations",
             "commission_bps", "signer")  # fmt: skip
    return {name: fields.get(name) for name in names}


def test_a_validator_registers_changes_and_ends(traders: Traders) -> None:
    alice, bob = traders
    staking = [("uint64", "wei"), ("uint64", "nonce")]
    alice.typed("CDeposit", staking, {"type": "cDeposit", "wei": 5 * E8})
    kind = {"type": "CValidatorAction"}
    asked = {"profile": profile(bob.address), "unjailed": True, "initial_wei": 2 * E8}
    assert alice.do({**kind, "unregister": None}) == "Unknown validator."
    assert alice.do({**kind, "register": {**asked, "initial_wei": 6 * E8}}) == (
        "Insufficient staking balance."
    )
    assert alice.do({**kind, "register": asked}) == OK
    assert alice.do({**kind, "register": asked}) == "Validator already registered."
    (mine,) = [it for it in alice.ask("validatorSummaries") if it["validator"] == alice.address]
    assert (mine["name"], mine["isJailed"]) == ("Mine", False)
    assert mine["stake"] >= 2 * E8, "with rewards since the genesis"
    jail: Json = {"type": "CSignerAction", "jailSelf": None}
    assert alice.do(jail) == "Not the signer of a validator."
    assert bob.do(jail) == OK
    (mine,) = [it for it in alice.ask("validatorSummaries") if it["validator"] == alice.address]
    assert mine["isJailed"]
    assert bob.do({"type": "CSignerAction", "unjailSelf": None}) == OK
    changed = change(unjailed=True, name="New", disable_delegations=True)
    assert alice.do({**kind, "changeProfile": changed}) == OK
    bob.typed("CDeposit", staking, {"type": "cDeposit", "wei": 5 * E8})
    delegating = [("address", "validator"), ("uint64", "wei"), ("bool", "isUndelegate"),
                  ("uint64", "nonce")]  # fmt: skip
    staked = {"type": "tokenDelegate", "validator": alice.address, "wei": E8,
              "isUndelegate": False}  # fmt: skip
    assert bob.typed("TokenDelegate", delegating, staked) == "Validator has disabled delegations."
    assert alice.do({**kind, "unregister": None}) == "Validator has delegations."
    later(alice, 24 * 3_600)
    (own,) = [it for it in alice.ask("validatorSummaries") if it["validator"] == alice.address]
    back = {**staked, "wei": own["stake"], "isUndelegate": True}
    assert alice.typed("TokenDelegate", delegating, back) == OK
    assert alice.do({**kind, "unregister": None}) == OK
    history = [it["delta"] for it in alice.ask("delegatorHistory")]
    assert history[0]["delegate"]["isUndelegate"]
    assert history[-1] == {"cDeposit": {"amount": "5.0"}}
    assert alice.dex.self_check() == []
