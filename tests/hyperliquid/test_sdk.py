"""The official Python SDK, unmodified, against a served chain."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evm_dex.hyperliquid.served import LocalHyperliquid
from tests.hyperliquid import sdk_drives

pytestmark = [pytest.mark.usefixtures("bots"), pytest.mark.slow]
SUBSCRIPTIONS = (
    {"type": "allMids"},
    {"type": "l2Book", "coin": "ETH"},
    {"type": "trades", "coin": "PURR/USDC"},
    {"type": "bbo", "coin": "ETH"},
    {"type": "candle", "coin": "ETH", "interval": "1m"},
    {"type": "activeAssetCtx", "coin": "BTC"},
    {"type": "activeAssetCtx", "coin": "@107"},
    {"type": "userEvents"},
    {"type": "userFills"},
    {"type": "orderUpdates"},
    {"type": "userFundings"},
    {"type": "userNonFundingLedgerUpdates"},
    {"type": "webData2"},
    {"type": "activeAssetData", "coin": "ETH"},
)


def exchange(local: LocalHyperliquid, number: int) -> Any:
    from eth_account import Account  # noqa: PLC0415 - with the SDK
    from hyperliquid.exchange import Exchange  # noqa: PLC0415 - fetched by .ci/bots

    return Exchange(Account.from_key(local.keys[number]), local.url)


def test_every_call_of_the_sdk_is_answered(local: LocalHyperliquid) -> None:
    alice, bob = exchange(local, 0), exchange(local, 1)
    ok = {"status": "ok", "response": {"type": "default"}}
    placed = alice.order("ETH", True, 0.2, 2900, {"limit": {"tif": "Gtc"}})
    assert placed["response"]["data"]["statuses"] == [{"resting": {"oid": 1}}]
    alice.order("ETH", False, 0.5, 3001, {"limit": {"tif": "Alo"}})
    assert "filled" in bob.market_open("ETH", True, 0.1)["response"]["data"]["statuses"][0]
    sold = bob.order("HYPE/USDC", False, 1, 39, {"limit": {"tif": "Gtc"}})
    assert "resting" in sold["response"]["data"]["statuses"][0]
    assert (
        alice.modify_order(1, "ETH", True, 0.3, 2901, {"limit": {"tif": "Gtc"}})["status"] == "ok"
    )
    assert alice.update_leverage(10, "BTC", False) == ok
    assert alice.usd_transfer(1, bob.wallet.address) == ok
    assert alice.usd_class_transfer(1.5, False) == ok
    assert alice.spot_transfer(2.5, bob.wallet.address, "PURR") == ok
    assert alice.send_asset(bob.wallet.address, "", "spot", "USDC", 1) == ok
    assert alice.withdraw_from_bridge(5, bob.wallet.address) == ok
    assert alice.set_referrer("CODE") == ok
    assert alice.schedule_cancel(None) == ok
    assert alice.approve_builder_fee(bob.wallet.address, "0.01%") == ok
    assert alice.info.post("/info", {"type": "maxBuilderFee", "user": alice.wallet.address,
                                     "builder": bob.wallet.address}) == 10  # fmt: skip
    answered, key = alice.approve_agent("bot")
    assert answered == ok
    assert len(key) == 66
    sub_account = alice.create_sub_account("one")["response"]["data"]
    assert alice.sub_account_transfer(sub_account, True, 10_000_000) == ok
    assert alice.sub_account_spot_transfer(sub_account, True, "PURR", 1.0) == ok
    assert alice.use_big_blocks(True) == ok
    assert alice.noop(int(time.time() * 1_000)) == ok

    info, user = alice.info, alice.wallet.address
    assert [it["oid"] for it in info.open_orders(user)] == [
        it["oid"] for it in info.frontend_open_orders(user)
    ]
    assert info.user_state(user)["assetPositions"][0]["position"]["coin"] == "ETH"
    assert {it["coin"] for it in info.spot_user_state(user)["balances"]} >= {"USDC", "PURR"}
    assert set(info.all_mids()) >= {"BTC", "ETH", "SOL", "HYPE", "PURR/USDC", "@107"}
    assert len(info.user_fills(user)) == len(info.user_fills_by_time(user, 0)) >= 1
    assert info.meta()["universe"][1]["name"] == "ETH"
    meta, contexts = info.meta_and_asset_ctxs()
    assert len(meta["universe"]) == len(contexts) == 160, "each is at its index"
    assert len(info.spot_meta_and_asset_ctxs()[1]) >= 2
    assert isinstance(info.funding_history("ETH", 0), list)
    assert info.user_funding_history(user, 0) == []
    assert len(info.l2_snapshot("ETH")["levels"]) == 2
    assert info.candles_snapshot("ETH", "1m", 0, 2**52)[0]["n"] >= 1
    assert info.user_fees(user)["userCrossRate"] == "0.00045"
    assert info.user_staking_summary(user)["delegated"] == "0.0"
    assert info.user_staking_delegations(user) == []
    assert info.user_staking_rewards(user) == []
    assert info.delegator_history(user) == []
    assert info.query_order_by_oid(user, 2)["status"] == "order"
    assert info.query_referral_state(user)["referrerState"]["stage"] == "needToCreateCode"
    assert info.query_sub_accounts(user)[0]["name"] == "one"
    assert info.query_user_to_multi_sig_signers(user) is None
    assert info.query_perp_deploy_auction_status()["durationSeconds"] == 0
    assert info.historical_orders(user)[0]["order"]["coin"] == "ETH"
    assert len(info.user_non_funding_ledger_updates(user, 0)) >= 5
    assert info.portfolio(user)[0][0] == "day"
    assert info.user_twap_slice_fills(user) == []
    assert info.user_vault_equities(user) == []
    assert info.user_role(user) == {"role": "user"}
    assert info.user_rate_limit(user)["nRequestsCap"] > 0
    assert info.extra_agents(user)[0]["name"] == "bot"
    assert info.perp_dexs() == [None]
    assert bob.market_close("ETH")["status"] == "ok"
    assert info.user_state(user)["assetPositions"] == []


def test_what_few_bots_call_is_answered(local: LocalHyperliquid) -> None:
    from hyperliquid.utils.types import Cloid  # noqa: PLC0415 - fetched by .ci/bots

    alice, user = exchange(local, 0), local.addresses[0]
    limit = {"limit": {"tif": "Gtc"}}
    ok = {"status": "ok", "response": {"type": "default"}}
    orders = [
        {"coin": "ETH", "is_buy": True, "sz": 0.1, "limit_px": price, "order_type": limit,
         "reduce_only": False, "cloid": Cloid.from_int(price)}
        for price in (2800, 2801, 2802)
    ]  # fmt: skip
    alice.set_expires_after(int(time.time() * 1_000) + 60_000)
    oids = [it["resting"]["oid"] for it in
            alice.bulk_orders(orders)["response"]["data"]["statuses"]]  # fmt: skip
    alice.set_expires_after(None)
    changed = [{"oid": oids[0], "order": {**orders[0], "limit_px": 2803}}]
    (status,) = alice.bulk_modify_orders_new(changed)["response"]["data"]["statuses"]
    cancels = [{"coin": "ETH", "oid": oid} for oid in (status["resting"]["oid"], oids[1])]
    assert alice.bulk_cancel(cancels)["response"]["data"]["statuses"] == ["success"] * 2
    by_cloid = [{"coin": "ETH", "cloid": Cloid.from_int(price)} for price in (2802, 2801)]
    answer = alice.bulk_cancel_by_cloid(by_cloid)["response"]["data"]["statuses"]
    assert answer == [
        "success",
        {"error": "Order was never placed, already canceled, or filled. asset=1"},
    ]
    validator = alice.info.post("/info", {"type": "validatorSummaries"})[0]["validator"]
    unstaked = alice.token_delegate(validator, 1_000, False)
    assert unstaked == {"status": "err", "response": "Insufficient staking balance."}
    assert alice.withdraw_from_bridge(1, user) == {
        "status": "err",
        "response": "Withdrawal is smaller than fee.",
    }
    assert alice.set_referrer("CODE") == ok
    state = alice.info.query_spot_deploy_auction_status(user)
    assert (state["states"], state["gasAuction"]["currentGas"]) == ([], "500.0")


def test_every_method_of_the_sdk_is_called_here_or_in_the_drives() -> None:
    from hyperliquid.exchange import Exchange  # noqa: PLC0415 - fetched by .ci/bots
    from hyperliquid.info import Info  # noqa: PLC0415 - as above

    text = Path(__file__).read_text() + Path(sdk_drives.__file__).read_text()
    names = {name for kind in (Exchange, Info) for name in vars(kind) if name[0] != "_"}
    called_by_others = {"c_signer_inner", "spot_deploy_token_action_inner", "set_perp_meta"}
    without_answer = {"unsubscribe", "DEFAULT_SLIPPAGE"}
    missing = {name for name in names if f".{name}(" not in text}
    assert missing == called_by_others | without_answer


def statuses(heard: list[dict[str, Any]]) -> list[str]:
    """The statuses of orders, as they were told."""
    return [it["data"][0]["status"] for it in heard if it["channel"] == "orderUpdates"]


def test_every_channel_of_the_sdk_is_told(local: LocalHyperliquid) -> None:
    from hyperliquid.info import Info  # noqa: PLC0415 - fetched by .ci/bots

    alice, bob = exchange(local, 0), exchange(local, 1)
    heard: list[dict[str, Any]] = []
    info = Info(local.url)
    try:
        for subscription in SUBSCRIPTIONS:
            info.subscribe({**subscription, "user": alice.wallet.address}, heard.append)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and len({it["channel"] for it in heard}) < 10:
            time.sleep(0.05)
        alice.order("ETH", True, 0.2, 2900, {"limit": {"tif": "Gtc"}})
        bob.order("ETH", False, 0.1, 2900, {"limit": {"tif": "Ioc"}})
        alice.order("PURR/USDC", True, 100, 0.18, {"limit": {"tif": "Gtc"}})
        bob.order("PURR/USDC", False, 100, 0.18, {"limit": {"tif": "Ioc"}})
        while time.monotonic() < deadline and not (
            {"user", "candle", "trades"} <= {it["channel"] for it in heard}
            and "filled" in statuses(heard)
        ):
            time.sleep(0.05)
    finally:
        info.disconnect_websocket()
    counts = Counter(it["channel"] for it in heard)
    assert set(counts) >= {
        "allMids", "l2Book", "trades", "bbo", "candle", "activeAssetCtx", "activeSpotAssetCtx",
        "user", "userFills", "orderUpdates", "userFundings", "userNonFundingLedgerUpdates",
        "webData2", "activeAssetData",
    }  # fmt: skip
    fills = [it["data"] for it in heard if it["channel"] == "userFills"]
    assert fills[0]["isSnapshot"] is True
    assert fills[1]["fills"][0]["px"] == "2900.0"
    updates = statuses(heard)
    assert updates[0] == "open"
    assert "filled" in updates
