"""/exchange over a chain in memory: what is answered, and what the chain has after it."""

from __future__ import annotations

from typing import Any

import pytest
from eth_hash.auto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evm_dex
from evm_dex.errors import InvalidBlock
from evm_dex.hyperliquid.exchange import MalformedRequest
from evm_dex.hyperliquid.listings import Listings
from evm_dex.hyperliquid.tape import Tape
from precompiles.hyper.signed.recipients import parse_recipient
from tests.hyperliquid.trader import KEYS, Trader, limit, sign_l1, trigger

BTC, ETH, HYPE_SPOT = 0, 1, 10_107
USD_SEND = [("string", "destination"), ("string", "amount"), ("uint64", "time")]
CLASS_TRANSFER = [("string", "amount"), ("bool", "toPerp"), ("uint64", "nonce")]
Traders = tuple[Trader, Trader]
SLOW_FIXTURE = [HealthCheck.function_scoped_fixture]


def test_orders_rest_and_fill_and_are_cancelled(traders: Traders) -> None:
    alice, bob = traders
    assert alice.order(limit(ETH, "buy", "2900", "0.2"), limit(ETH, "buy", "2899.5", "1")) == [
        {"resting": {"oid": 1}},
        {"resting": {"oid": 2}},
    ]
    assert bob.order(limit(ETH, "sell", "2899", "0.5", "Ioc")) == [
        {"filled": {"totalSz": "0.5", "avgPx": "2899.7", "oid": 3}}
    ]
    position = alice.ask("clearinghouseState")["assetPositions"][0]["position"]
    assert (position["szi"], position["entryPx"]) == ("0.5", "2899.7")
    cancelled = alice.do({"type": "cancel", "cancels": [{"a": ETH, "o": 2}, {"a": ETH, "o": 1}]})
    assert cancelled["data"]["statuses"] == [
        "success",
        {"error": "Order was never placed, already canceled, or filled. asset=1"},
    ]
    assert alice.ask("openOrders") == []


ERRORS: list[tuple[dict[str, Any], str]] = [
    (limit(ETH, "buy", "2900.123", "1"), "Price must be divisible by tick size. asset=1"),
    (limit(ETH, "buy", "2900", "0.00001"), "Order has invalid size. asset=1"),
    (limit(ETH, "buy", "2900", "0"), "Order has zero size. asset=1"),
    (limit(ETH, "buy", "2900", "0.001"), "Order must have minimum value of $10. asset=1"),
    (
        limit(HYPE_SPOT, "buy", "39", "0.1"),
        "Order must have minimum value of 10 USDC. asset=10107",
    ),
    (
        limit(ETH, "buy", "2900", "1", "Ioc"),
        "Order could not immediately match against any resting orders. asset=1",
    ),
    (
        limit(ETH, "buy", "3100", "1", "Alo"),
        "Post only order would have immediately matched, bbo was 3050.0. asset=1",
    ),
    (
        limit(ETH, "buy", "2900", "100000"),
        "Insufficient margin to place order. asset=1",
    ),
    (limit(HYPE_SPOT, "buy", "39", "1000000"), "Insufficient spot balance asset=10107"),
    (
        limit(ETH, "buy", "2900", "1", r=True),
        "Reduce only order would increase position. asset=1",
    ),
    (
        limit(ETH, "buy", "10", "10"),
        "Order price cannot be more than 80% away from the reference price. asset=1",
    ),
    (limit(777, "buy", "10", "10"), "Unknown asset."),
    (
        trigger(ETH, "sell", "3100", "1", "sl"),
        "Invalid TP/SL price. asset=1",
    ),
]


@pytest.mark.parametrize(("wire", "text"), ERRORS, ids=[text for _, text in ERRORS])
def test_what_breaks_a_rule_is_told_in_the_words_of_the_api(
    traders: Traders, wire: dict[str, Any], text: str
) -> None:
    alice, bob = traders
    bob.order(limit(ETH, "sell", "3050", "1"))
    assert alice.order(wire) == [{"error": text}]


def test_a_bad_order_of_a_batch_is_told_beside_good_ones(traders: Traders) -> None:
    alice, _ = traders
    statuses = alice.order(limit(ETH, "buy", "2900", "1"), limit(ETH, "buy", "2900", "1", "Ioc"))
    assert [next(iter(status)) for status in statuses] == ["resting", "error"]
    # Off the grid, one is told for all, and none is placed.
    off_grid = alice.order(limit(ETH, "buy", "2901", "1"), limit(ETH, "buy", "2900.123", "1"))
    assert off_grid == [{"error": "Price must be divisible by tick size. asset=1"}]
    assert len(alice.ask("openOrders")) == 1


def test_client_ids_find_orders(traders: Traders) -> None:
    alice, _ = traders
    cloid = "0x" + "0a" * 16
    placed = alice.order(limit(ETH, "buy", "2900", "1", c=cloid))
    assert placed == [{"resting": {"oid": 1, "cloid": cloid}}]
    assert alice.ask("orderStatus", oid=cloid)["order"]["order"]["oid"] == 1
    assert alice.order(limit(ETH, "buy", "2901", "1", c=cloid)) == [
        {"error": "Duplicate cloid. asset=1"}
    ]
    by_cloid = {"type": "cancelByCloid", "cancels": [{"asset": ETH, "cloid": cloid}]}
    assert alice.do(by_cloid)["data"]["statuses"] == ["success"]
    found = alice.ask("orderStatus", oid=cloid)["order"]
    assert (found["status"], found["order"]["cloid"]) == ("canceled", cloid)
    assert alice.ask("orderStatus", oid=99) == {"status": "unknownOid"}


def test_an_order_takes_the_place_of_another(traders: Traders) -> None:
    alice, _ = traders
    alice.order(limit(ETH, "buy", "2900", "1"))
    changed = {"oid": 1, "order": limit(ETH, "buy", "2901", "2")}
    answer = alice.do({"type": "batchModify", "modifies": [changed]})
    assert answer["data"]["statuses"] == [{"resting": {"oid": 2}}]
    assert alice.do({"type": "modify", **changed}) == (
        "Order was never placed, already canceled, or filled. asset=1"
    )
    assert [order["oid"] for order in alice.ask("openOrders")] == [2]


def test_what_belongs_to_an_order_waits_for_its_fill(traders: Traders) -> None:
    alice, bob = traders
    statuses = alice.order(
        limit(ETH, "buy", "2900", "1"),
        trigger(ETH, "sell", "3500", "1", "tp"),
        trigger(ETH, "sell", "2500", "1", "sl"),
        grouping="normalTpsl",
    )
    assert statuses == [{"resting": {"oid": 1}}, "waitingForFill", "waitingForFill"]
    assert len(alice.ask("openOrders")) == 1
    bob.order(limit(ETH, "sell", "2900", "0.4"))
    assert [order["isTrigger"] for order in alice.ask("frontendOpenOrders")] == [False]
    bob.order(limit(ETH, "sell", "2900", "0.6"))
    shown = alice.ask("frontendOpenOrders")
    assert [(it["orderType"], it["triggerPx"]) for it in shown] == [
        ("Stop Market", "2500.0"),
        ("Take Profit Market", "3500.0"),
    ]
    # One cancels the other.
    alice.do({"type": "cancel", "cancels": [{"a": ETH, "o": shown[0]["oid"]}]})
    assert alice.ask("openOrders") == []


def test_what_belongs_to_a_position_ends_with_it(traders: Traders) -> None:
    alice, bob = traders
    bob.order(limit(ETH, "sell", "3000", "1"))
    alice.order(limit(ETH, "buy", "3000", "1"))
    alice.order(trigger(ETH, "sell", "2500", "0", "sl"), grouping="positionTpsl")
    assert [(it["isPositionTpsl"], it["sz"]) for it in alice.ask("frontendOpenOrders")] == [
        (True, "1.0")
    ]
    bob.order(limit(ETH, "buy", "3000", "1"))
    alice.order(limit(ETH, "sell", "3000", "1", r=True))
    assert alice.ask("openOrders") == []


def test_a_stop_fires_with_the_oracle(traders: Traders) -> None:
    alice, bob = traders
    bob.order(limit(ETH, "sell", "3000", "1"), limit(ETH, "buy", "2450", "5"))
    alice.order(limit(ETH, "buy", "3000", "1"), trigger(ETH, "sell", "2500", "1", "sl", "2400"))
    alice.dex.core.set_oracle(1, 2_480_000_000)
    alice.dex.mine()
    assert alice.ask("clearinghouseState")["assetPositions"] == []
    fill = alice.ask("userFills")[0]
    assert (fill["dir"], fill["px"], fill["closedPnl"]) == ("Close Long", "2450.0", "-550.0")


def test_an_order_over_time_is_placed_in_parts(traders: Traders) -> None:
    alice, bob = traders
    bob.order(limit(ETH, "sell", "3000", "100"))
    twap = {"a": ETH, "b": True, "s": "10", "r": False, "m": 5, "t": False}
    answer = alice.do({"type": "twapOrder", "twap": twap})
    number = answer["data"]["status"]["running"]["twapId"]
    for _ in range(5):
        alice.dex.mine(timestamp=alice.dex.chain.head.timestamp + 30)
    held = alice.ask("clearinghouseState")["assetPositions"][0]["position"]["szi"]
    assert 5 <= float(held) <= 7
    assert alice.ask("twapHistory")[0]["state"]["executedSz"] == held
    ended = alice.do({"type": "twapCancel", "a": ETH, "t": number})
    assert ended["data"]["status"] == "success"
    assert alice.do({"type": "twapCancel", "a": ETH, "t": number})["data"]["status"] == {
        "error": "TWAP was never placed, already canceled, or filled."
    }
    bob.order(limit(HYPE_SPOT, "sell", "40.1", "500"))
    on_spot = {"a": HYPE_SPOT, "b": True, "s": "100", "r": False, "m": 5, "t": False}
    assert "running" in alice.do({"type": "twapOrder", "twap": on_spot})["data"]["status"]
    for _ in range(10):
        alice.dex.mine(timestamp=alice.dex.chain.head.timestamp + 30)
    bought = sum(float(it["sz"]) for it in alice.ask("userFills") if it["coin"] == "@107")
    assert bought == 100
    assert alice.ask("twapHistory") == []
    small = alice.do({"type": "twapOrder", "twap": {**twap, "s": "0.01"}})
    assert small["data"]["status"]["error"].startswith("TWAP order value too small. Min is $50,")


def test_all_orders_are_cancelled_at_a_time(traders: Traders) -> None:
    alice, _ = traders
    alice.order(limit(ETH, "buy", "2900", "1"), limit(HYPE_SPOT, "buy", "39", "1"))
    now = alice.dex.chain.head.timestamp
    soon = alice.do({"type": "scheduleCancel", "time": (now + 1) * 1_000})
    assert soon.startswith("Scheduled cancel time too early")
    assert alice.do({"type": "scheduleCancel", "time": (now + 10) * 1_000})["type"] == "default"
    alice.dex.mine(timestamp=now + 5)
    assert len(alice.ask("openOrders")) == 2
    alice.dex.mine(timestamp=now + 10)
    assert alice.ask("openOrders") == []


def test_an_agent_trades_and_moves_no_money(traders: Traders) -> None:
    alice, bob = traders
    agent = KEYS[3]
    order = {"type": "order", "orders": [limit(ETH, "buy", "2900", "1")], "grouping": "na"}
    # Account 3 has funds of its own, so it trades for itself until it is an agent.
    fields = [("address", "agentAddress"), ("string", "agentName"), ("uint64", "nonce")]
    action = {
        "type": "approveAgent",
        "agentAddress": f"0x{agent.address.hex()}",
        "agentName": "bot",
    }
    assert alice.typed("ApproveAgent", fields, action) == {"type": "default"}
    assert alice.do(order, key=agent.key)["data"]["statuses"] == [{"resting": {"oid": 1}}]
    assert len(alice.ask("openOrders")) == 1
    assert alice.ask("extraAgents")[0]["name"] == "bot"
    role = alice.ask("userRole", user=f"0x{agent.address.hex()}")
    assert role == {"role": "agent", "data": {"user": alice.address}}
    assert bob.ask("openOrders") == []


def test_money_moves_between_users_and_wallets(traders: Traders) -> None:
    alice, bob = traders
    sent = {"type": "usdSend", "destination": bob.address, "amount": "100.5"}
    before = float(bob.ask("clearinghouseState")["withdrawable"])
    assert alice.typed("UsdSend", USD_SEND, sent) == {"type": "default"}
    assert float(bob.ask("clearinghouseState")["withdrawable"]) == before + 100.5
    transfer = {"type": "usdClassTransfer", "amount": "7", "toPerp": False}
    assert alice.typed("UsdClassTransfer", CLASS_TRANSFER, transfer) == {"type": "default"}
    too_much = {**sent, "amount": "100000000"}
    assert alice.typed("UsdSend", USD_SEND, too_much).startswith("Insufficient")
    kinds = [it["delta"]["type"] for it in alice.ask("userNonFundingLedgerUpdates")]
    assert kinds == ["internalTransfer", "accountClassTransfer"]
    assert [it["delta"]["usdc"] for it in bob.ask("userNonFundingLedgerUpdates")] == ["100.5"]


def test_a_sub_account_trades_for_its_master(traders: Traders) -> None:
    alice, bob = traders
    address = alice.do({"type": "createSubAccount", "name": "one"})["data"]
    assert alice.do({"type": "createSubAccount", "name": "one"}) == (
        "Sub-account name already used."
    )
    paid = {"subAccountUser": address, "isDeposit": True, "usd": 5_000_000_000}
    assert alice.do({"type": "subAccountTransfer", **paid}) == {"type": "default"}
    order = {"type": "order", "orders": [limit(ETH, "buy", "2900", "1")], "grouping": "na"}
    assert alice.do(order, vault=address)["data"]["statuses"] == [{"resting": {"oid": 1}}]
    assert alice.ask("openOrders") == []
    assert len(alice.ask("openOrders", user=address)) == 1
    assert bob.do(order, vault=address) == f"Vault not registered: {address}"
    shown = alice.ask("subAccounts")[0]
    assert shown["clearinghouseState"]["marginSummary"]["accountValue"] == "5000.0"


def test_leverage_is_chosen(traders: Traders) -> None:
    alice, bob = traders
    set_it = {"type": "updateLeverage", "asset": ETH, "isCross": False, "leverage": 10}
    assert alice.do(set_it) == {"type": "default"}
    assert alice.do({**set_it, "leverage": 26}) == (
        "Invalid leverage value. The most is 25. asset=1"
    )
    bob.order(limit(ETH, "sell", "3000", "1"))
    alice.order(limit(ETH, "buy", "3000", "1"))
    position = alice.ask("clearinghouseState")["assetPositions"][0]["position"]
    assert position["leverage"]["type"] == "isolated"
    before = float(position["marginUsed"])
    added = {"type": "updateIsolatedMargin", "asset": ETH, "isBuy": True, "ntli": 50_000_000}
    assert alice.do(added) == {"type": "default"}
    position = alice.ask("clearinghouseState")["assetPositions"][0]["position"]
    assert float(position["marginUsed"]) == before + 50
    assert alice.do({**set_it, "isCross": True}) == (
        "Cannot switch leverage type with open position. asset=1"
    )


def test_leverage_that_does_not_fall_needs_no_margin(traders: Traders) -> None:
    # Bots choose it before each order; a position that lost some is below its initial margin.
    alice, bob = traders
    set_it = {"type": "updateLeverage", "asset": ETH, "isCross": False, "leverage": 10}
    alice.do(set_it)
    bob.order(limit(ETH, "sell", "3000", "1"))
    alice.order(limit(ETH, "buy", "3000", "1"))
    alice.dex.core.set_oracle(1, 2_950_000_000)
    alice.dex.mine()
    assert alice.do(set_it) == {"type": "default"}
    assert alice.do({**set_it, "leverage": 12}) == {"type": "default"}
    assert alice.do(set_it) == "Insufficient margin to place order. asset=1"


def test_a_nonce_counts_once(traders: Traders) -> None:
    alice, _ = traders
    action = {"type": "noop"}
    body = alice.body(action)
    assert alice.send(body)["status"] == "ok"
    assert alice.send(body) == {
        "status": "err",
        "response": f"Invalid nonce: duplicate nonce {body['nonce']}",
    }
    first = alice.now + 1
    for _ in range(101):
        assert alice.do(action) == {"type": "default"}
    late = {**body, "nonce": first - 500, "signature": sign_l1(alice.key, action, first - 500)}
    assert alice.send(late)["response"].startswith("Invalid nonce: ")
    old = alice.now - 3 * 24 * 3_600_000
    late = {**body, "nonce": old, "signature": sign_l1(alice.key, action, old)}
    assert alice.send(late)["response"].startswith(f"Invalid nonce: nonce too low {old} <")


def test_a_signature_must_be_of_who_is_known(traders: Traders) -> None:
    alice, _ = traders
    body = alice.body({"type": "noop"})
    altered = alice.send({**body, "nonce": body["nonce"] + 1})
    assert altered["status"] == "err"
    assert altered["response"].startswith("User or API Wallet 0x")
    assert altered["response"].endswith(" does not exist.")
    zero = {**body, "signature": {"r": "0x0", "s": "0x0", "v": 27}}
    assert alice.send(zero)["response"].startswith("Invalid signature: ")
    broken_bodies: list[Any] = [
        {},
        [],
        "action",
        {**body, "action": {"type": "teleport"}},
        {**body, "action": {"type": "cancel", "cancels": []}},
        {**body, "nonce": -1},
        {**body, "signature": {"r": "zz", "s": "0x1", "v": 27}},
        {**body, "signature": {"r": "0x1", "s": "0x1", "v": 300}},
        {**body, "vaultAddress": "0x12"},
    ]
    for broken in broken_bodies:
        with pytest.raises(MalformedRequest):
            alice.send(broken)


def test_actions_wait_for_a_block_where_none_is_made_at_once(traders: Traders) -> None:
    alice, _ = traders
    alice.dex.chain.automine = False
    try:
        taking = alice.body(order_action(limit(ETH, "buy", "2900", "1")))
        cancelling = alice.body({"type": "cancel", "cancels": [{"a": ETH, "o": 1}]})
        resting = alice.body(order_action(limit(ETH, "sell", "3100", "1", "Alo")))
        answers = [alice.api.submit(body) for body in (taking, cancelling, resting)]
        assert not any(answer.done() for answer in answers)
        alice.dex.mine()
    finally:
        alice.dex.chain.automine = True
    # What takes nothing goes first, then cancels, then what may take.
    statuses = [answer.result(0)["response"]["data"]["statuses"] for answer in answers]
    assert statuses == [[{"resting": {"oid": 2}}], ["success"], [{"resting": {"oid": 1}}]]
    alice.dex.chain.automine = False
    try:
        bodies = [alice.body({"type": "noop"}) for _ in range(1_001)]
        answers = [alice.api.submit(body) for body in bodies]
        assert answers[-1].result(0)["response"].startswith("Too many actions wait for a block")
        alice.dex.mine()
    finally:
        alice.dex.chain.automine = True
    assert all(answer.result(0)["status"] == "ok" for answer in answers[:-1])


def order_action(*wires: dict[str, Any]) -> dict[str, Any]:
    return {"type": "order", "orders": list(wires), "grouping": "na"}


def test_what_is_not_served_is_told_in_an_answer(traders: Traders) -> None:
    alice, _ = traders
    for kind in ("borrowLend", "userOutcome"):
        answer = alice.send({"action": {"type": kind}, "nonce": 1, "signature": {}})
        assert answer == {
            "status": "err",
            "response": f"{kind} is not supported here: see docs/hyperliquid.md.",
        }


def test_blocks_of_signed_actions_are_made_again_elsewhere(traders: Traders) -> None:
    alice, bob = traders
    alice.order(limit(ETH, "buy", "2900", "1"), limit(HYPE_SPOT, "sell", "41", "3"))
    bob.order(limit(ETH, "sell", "2900", "0.5"))
    alice.do({"type": "createSubAccount", "name": "one"})
    alice.order(limit(ETH, "buy", "1", "1"))
    encoded = list(alice.dex.chain.export_blocks(1))
    with evm_dex.open(profile="hyperevm") as other:
        assert other.chain.import_blocks(encoded)[-1].hash == alice.dex.chain.head.hash
    block = encoded[0]
    signature = alice.dex.chain.blocks.body(alice.dex.chain.header(1).hash).transactions[0].raw
    place = block.index(signature[-20:])
    forged = block[:place] + bytes((block[place] ^ 1,)) + block[place + 1 :]
    with evm_dex.open(profile="hyperevm") as other:
        with pytest.raises(InvalidBlock):
            other.chain.import_blocks([forged])
        assert other.chain.head.block_number == 0


def test_what_was_taken_back_is_in_no_answer(traders: Traders) -> None:
    alice, bob = traders
    snapshot = alice.dex.chain.snapshot()
    alice.order(limit(ETH, "buy", "2900", "1"))
    bob.order(limit(ETH, "sell", "2900", "1"))
    assert len(alice.ask("userFills")) == 1
    alice.dex.chain.revert(snapshot)
    assert alice.ask("userFills") == []
    assert alice.ask("historicalOrders") == []
    assert alice.ask("candleSnapshot", coin="ETH", interval="1m", startTime=0) == []
    assert alice.order(limit(ETH, "buy", "2900", "1")) == [{"resting": {"oid": 1}}]


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_tape_that_went_back_is_that_of_the_chain(traders: Traders, data: st.DataObject) -> None:
    api = traders[0].api
    snapshots: list[Any] = []
    for _ in range(data.draw(st.integers(4, 12))):
        if data.draw(st.integers(0, 3)) == 0 or not snapshots:
            snapshots.append(traders[0].dex.chain.snapshot())
        elif data.draw(st.integers(0, 3)) == 0:
            traders[0].dex.chain.revert(data.draw(st.sampled_from(snapshots[-2:])))
            del snapshots[-1:]
        trader = traders[data.draw(st.integers(0, 1))]
        side, price = (
            data.draw(st.sampled_from(["buy", "sell"])),
            data.draw(st.integers(2990, 3010)),
        )
        cloid = f"0x{trader.now:032x}"
        trader.order(limit(data.draw(st.sampled_from([BTC, ETH])), side, str(price), "1", c=cloid))
    fresh = Tape(traders[0].dex.chain, Listings(traders[0].dex.chain.ledger))
    fresh.read_all()
    kept = api.tape
    for one, other in (
        (kept.fills, fresh.fills),
        (kept.orders, fresh.orders),
        (kept.trades, fresh.trades),
    ):
        shown = [
            {key: [str(it) for it in rows] for key, rows in each.items() if rows}
            for each in (one, other)
        ]
        assert shown[0] == shown[1]
    minutes = [
        [str(it) for it in tape.candles.of("ETH", 60, 0, 2**60, 5_000)] for tape in (kept, fresh)
    ]
    assert minutes[0] == minutes[1]


SEND_WITH_DATA = [
    ("string", "token"),
    ("string", "amount"),
    ("string", "sourceDex"),
    ("string", "destinationRecipient"),
    ("string", "addressEncoding"),
    ("uint32", "destinationChainId"),
    ("uint64", "gasLimit"),
    ("bytes", "data"),
    ("uint64", "nonce"),
]
RECIPIENT = "0x" + "ab" * 20


def sent_on(amount: str = "5", token: str = "USDC", **more: Any) -> dict[str, Any]:
    return {
        "type": "sendToEvmWithData",
        "token": token,
        "amount": amount,
        "sourceDex": "spot",
        "destinationRecipient": RECIPIENT,
        "addressEncoding": "hex",
        "destinationChainId": 6,
        "gasLimit": 200_000,
        "data": "0x" + "01" * 33,
        **more,
    }


@pytest.mark.parametrize("source", ["spot", ""])
def test_a_tokens_contract_is_handed_what_leaves_with_data(traders: Traders, source: str) -> None:
    """By what Circle's wallet of USDC logs, which sends it on to another chain."""
    alice, _ = traders
    answer = alice.typed("SendToEvmWithData", SEND_WITH_DATA, sent_on(sourceDex=source))
    assert answer == {"type": "default"}
    alice.dex.mine()
    chain = alice.dex.chain
    transactions = chain.blocks.body(chain.head.hash).transactions
    receipts = chain.blocks.receipts(chain.head.hash)
    (log,) = [
        log
        for receipt in receipts
        for log in receipt.logs
        if log.topics[0] == keccak(b"CrossChainWithdraw(address,bytes32,uint256,uint32,uint64)")
    ]
    assert len(transactions) == 2, "HyperCore's step, and the call from the token's system address"
    words = b"".join(log.topics[1:]) + log.data
    said = [words[at : at + 32] for at in range(0, len(words), 32)]
    assert said[0][12:] == alice.raw_address
    assert said[1].hex().endswith(RECIPIENT[2:])
    assert int.from_bytes(said[2], "big") == 5_000_000
    assert int.from_bytes(said[3], "big") == 6
    assert int.from_bytes(said[4], "big") == alice.now
    assert alice.dex.self_check() == []
    with evm_dex.open(profile="hyperevm") as other:
        assert other.chain.import_blocks(chain.export_blocks(1))[-1].hash == chain.head.hash


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"amount": "0"}, "Amount must be above zero."),
        ({"amount": "1e12"}, "Invalid amount."),
        ({"amount": "99999999"}, "Insufficient balance for token transfer."),
        ({"token": "NONE"}, "Unknown token."),
        ({"token": "HYPE"}, "TokenNotLinked"),
        ({"sourceDex": "none"}, "Unknown perp dex."),
        ({"token": "PURR", "sourceDex": ""}, "NotCollateral"),
        ({"destinationRecipient": "0xzz"}, "Invalid destination recipient."),
        ({"destinationRecipient": "0x" + "0" * 40}, "Invalid destination recipient."),
        ({"destinationRecipient": "0OIl", "addressEncoding": "base58"},
         "Invalid destination recipient."),
    ],
)  # fmt: skip
def test_what_can_not_leave_with_data_is_told(
    traders: Traders, more: dict[str, Any], text: str
) -> None:
    alice, _ = traders
    before = alice.ask("spotClearinghouseState")
    answer = alice.typed("SendToEvmWithData", SEND_WITH_DATA, {**sent_on(), **more})
    assert answer.startswith(text)
    assert alice.ask("spotClearinghouseState") == before


def test_recipients_are_words() -> None:
    """Solana's system program and its token program, by what they are in hex."""
    token = "06ddf6e1d765a193d9cbe146ceeb79ac1cb485ed5f5b37913a8cf5857eff00a9"
    found = parse_recipient("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "base58")
    assert found.hex() == token
    assert parse_recipient(f"0x{token}", "hex").hex() == token
