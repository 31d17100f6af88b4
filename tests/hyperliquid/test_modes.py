"""Account modes by the API: chosen by users and agents, and what a unified account is answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import evm_dex
from evm_dex.errors import CheatRefused
from tests.hyperliquid.test_dexs import SEND_ASSET
from tests.hyperliquid.trader import KEYS, Trader, limit

BTC, PURR = 0, 10_000
SET = [("address", "user"), ("string", "abstraction"), ("uint64", "nonce")]
DEX = [("address", "user"), ("bool", "enabled"), ("uint64", "nonce")]
SPOT_SEND = [
    ("string", "destination"), ("string", "token"), ("string", "amount"), ("uint64", "time"),
]  # fmt: skip
CLASS = [("string", "amount"), ("bool", "toPerp"), ("uint64", "nonce")]
WITHDRAW = [("string", "destination"), ("string", "amount"), ("uint64", "time")]
OK = {"type": "default"}
Traders = tuple[Trader, Trader]


@pytest.fixture
def traders() -> Iterator[Traders]:
    with evm_dex.open(profile="hyperevm") as dex:
        first = Trader(dex, 0)
        yield first, Trader(dex, 1, first.api)
        assert dex.self_check() == []


def choose(trader: Trader, mode: str) -> object:
    action = {"type": "userSetAbstraction", "user": trader.address, "abstraction": mode}
    return trader.typed("UserSetAbstraction", SET, action)


def usdc(trader: Trader) -> tuple[float, float]:
    rows = trader.ask("spotClearinghouseState")["balances"]
    row = next(it for it in rows if it["coin"] == "USDC")
    return float(row["total"]), float(row["hold"])


def test_a_user_chooses_its_mode_once(traders: Traders) -> None:
    alice, _ = traders
    assert alice.ask("userAbstraction") == "default"
    assert choose(alice, "disabled") == OK
    assert alice.ask("userAbstraction") == "disabled"
    assert str(choose(alice, "portfolioMargin")).startswith("Portfolio margin is not supported")
    assert choose(alice, "unifiedAccount") == OK
    assert alice.ask("userAbstraction") == "unifiedAccount"
    assert choose(alice, "disabled") == "A unified account cannot become a standard account again."


def test_an_agent_chooses_for_its_master(traders: Traders) -> None:
    alice, _ = traders
    wallet = KEYS[3]
    approve = {
        "type": "approveAgent", "agentAddress": f"0x{wallet.address.hex()}", "agentName": "bot",
    }  # fmt: skip
    fields = [("address", "agentAddress"), ("string", "agentName"), ("uint64", "nonce")]
    assert alice.typed("ApproveAgent", fields, approve) == OK
    for code, known in (("i", "disabled"), ("u", "unifiedAccount")):
        chosen = {"type": "agentSetAbstraction", "abstraction": code}
        assert alice.do(chosen, key=wallet.key) == OK
        assert alice.ask("userAbstraction") == known


def test_dex_abstraction_is_no_more(traders: Traders) -> None:
    alice, _ = traders
    assert "discontinued" in alice.do({"type": "agentEnableDexAbstraction"})
    for enabled in (False, True):
        action = {"type": "userDexAbstraction", "user": alice.address, "enabled": enabled}
        answer = alice.typed("UserDexAbstraction", DEX, action)
        assert (answer == OK) is not enabled
    assert alice.ask("userDexAbstraction") is None


def test_a_unified_account_has_its_balance_in_the_spot_wallet(traders: Traders) -> None:
    alice, bob = traders
    in_perp = float(alice.ask("clearinghouseState")["marginSummary"]["accountValue"])
    in_spot, _ = usdc(alice)
    assert choose(alice, "unifiedAccount") == OK
    assert usdc(alice) == (in_spot + in_perp, 0)
    state = alice.ask("clearinghouseState")
    assert state["withdrawable"] == "0.0"
    assert set(state["marginSummary"].values()) == {"0.0"}
    bob.order(limit(BTC, "sell", "80000", "2"))
    alice.order(limit(BTC, "buy", "80000", "1"))
    alice.order(limit(PURR, "buy", "0.1", "1000"))
    total, hold = usdc(alice)
    assert total == in_spot + in_perp - 36
    assert hold == 8_000 + 100, "a tenth of the notional, and the order"
    state = alice.ask("clearinghouseState")
    assert state["assetPositions"][0]["position"]["szi"] == "1.0"
    assert float(state["crossMarginSummary"]["totalRawUsd"]) == -80_000
    assert float(alice.ask("activeAssetData", coin="BTC")["availableToTrade"][0]) > total / 2
    assert [it["coin"] for it in alice.ask("openOrders")] == ["PURR/USDC"]
    assert float(alice.ask("portfolio")[0][1]["accountValueHistory"][-1][1]) > total


def test_a_unified_account_sends_by_send_asset_alone(traders: Traders) -> None:
    alice, bob = traders
    choose(alice, "unifiedAccount")
    before = usdc(alice)[0], usdc(bob)[0]
    sent = {"type": "spotSend", "destination": bob.address, "token": "USDC", "amount": "1"}
    moved = {"type": "usdClassTransfer", "amount": "1", "toPerp": True}
    for answer in (
        alice.typed("SpotSend", SPOT_SEND, sent),
        alice.typed("UsdClassTransfer", CLASS, moved),
    ):
        assert answer.startswith("Action disabled when unified account is active")
    for source in ("spot", ""):
        sent = {
            "type": "sendAsset", "destination": bob.address, "sourceDex": source,
            "destinationDex": "spot", "token": "USDC", "amount": "1.5", "fromSubAccount": "",
        }  # fmt: skip
        assert alice.typed("SendAsset", SEND_ASSET, sent) == OK
    assert (usdc(alice)[0], usdc(bob)[0]) == (before[0] - 3, before[1] + 3)
    out = {"type": "withdraw3", "destination": bob.address, "amount": "5"}
    assert alice.typed("Withdraw", WITHDRAW, out) == OK
    assert usdc(alice)[0] == before[0] - 8


def test_a_cheat_does_not_know_where_a_unified_balance_is(traders: Traders) -> None:
    alice, _ = traders
    choose(alice, "unifiedAccount")
    with pytest.raises(CheatRefused, match="is unified and has token 0 as collateral"):
        alice.dex.core.force_spot_balance(alice.raw_address, 0, 5)
    alice.dex.core.force_spot_balance(alice.raw_address, 1, 500_000)
    alice.dex.core.force_perp_balance(alice.raw_address, 7_000_000)
    assert usdc(alice) == (7, 0)
