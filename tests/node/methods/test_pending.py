"""What a client sees at `pending`, and the words of what is refused, as it knows them from geth."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bytecode import assemble
from tests.node.served import OTHER, OWNER, SPOT, Served

GWEI = 10**9
STRANGER = "0x" + "99" * 20
PAYMENT = {"from": OWNER, "to": STRANGER, "value": "0x5", "gas": "0x5208"}
BLOCK_CODE = "0x" + assemble(
    "NUMBER PUSH0 MSTORE TIMESTAMP 0x20 MSTORE BASEFEE 0x40 MSTORE 0x60 PUSH0 RETURN"
).hex()  # fmt: skip


@pytest.fixture
def node(fresh_node: Served) -> Served:
    fresh_node.result("evm_setAutomine", False)
    return fresh_node


def seen(node: Served, block: str) -> list[int]:
    """Number, time and base fee that a call sees."""
    head = node.result("eth_getBlockByNumber", "pending", False)
    call = {"from": OWNER, "data": BLOCK_CODE, "maxFeePerGas": head["baseFeePerGas"]}
    output = node.result("eth_call", call, block)[2:]
    return [int(output[at : at + 64], 16) for at in range(0, 192, 64)]


def numbers(block: dict[str, Any]) -> list[int]:
    return [int(block[name], 16) for name in ("number", "timestamp", "baseFeePerGas")]


def test_a_call_sees_the_next_block(node: Served) -> None:
    head = node.result("eth_getBlockByNumber", "latest", False)
    assert seen(node, "pending")[:2] == [numbers(head)[0] + 1, numbers(head)[1] + 1]
    node.result("evm_increaseTime", 500)
    pending = node.result("eth_getBlockByNumber", "pending", False)
    assert seen(node, "pending") == numbers(pending)
    node.result("evm_mine")
    assert numbers(node.result("eth_getBlockByNumber", "latest", False)) == numbers(pending)


def test_reads_see_what_waits(node: Served) -> None:
    for _ in range(3):
        node.result("eth_sendTransaction", PAYMENT)
    node.result("eth_sendTransaction", {**PAYMENT, "nonce": "0x9"})
    assert node.result("eth_getBalance", STRANGER, "pending") == "0xf"
    assert node.result("eth_getBalance", STRANGER, {"blockNumber": "pending"}) == "0xf"
    assert node.result("eth_getBalance", STRANGER, "latest") == "0x0"
    assert node.result("eth_getTransactionCount", OWNER, "pending") == "0x3"
    assert node.result("eth_getAccountInfo", OWNER, "pending")["nonce"] == "0x3"
    assert node.result("eth_getBlockTransactionCountByNumber", "pending") == "0x3"
    call = {"from": STRANGER, "to": OTHER, "value": "0xf"}
    assert node.result("eth_call", call, "pending") == "0x"
    assert "insufficient funds" in node.error("eth_call", call, "latest")["message"]
    assert node.result("eth_createAccessList", call, "pending")["gasUsed"] == "0x5208"
    (simulated,) = node.result(
        "eth_simulateV1", {"blockStateCalls": [{"calls": [call]}]}, "pending"
    )
    assert (simulated["number"], simulated["calls"][0]["status"]) == ("0x2", "0x1")
    traced = node.result("debug_traceCall", call, "pending", {"tracer": "callTracer"})
    assert "error" not in traced
    traces = node.result("debug_traceBlockByNumber", "pending", {"tracer": "callTracer"})
    assert [trace["result"]["value"] for trace in traces] == ["0x5", "0x5", "0x5"]
    assert node.result("eth_getAccount", OWNER, "pending")["nonce"] == "0x3"
    assert "not on the chain" in node.error("dex_rollback", "pending")["message"]


def test_the_pending_block_has_its_transactions_and_receipts(node: Served) -> None:
    cheap = node.result("eth_sendTransaction", PAYMENT)
    fees = {"maxPriorityFeePerGas": hex(3 * GWEI), "maxFeePerGas": hex(9 * GWEI)}
    dear = node.result("eth_sendTransaction", {**PAYMENT, "from": OTHER, **fees})
    block = node.result("eth_getBlockByNumber", "pending", True)
    assert [item["hash"] for item in block["transactions"]] == [dear, cheap]
    assert (block["hash"], block["nonce"], block["miner"]) == (None, None, None)
    first = block["transactions"][0]
    place = [first[name] for name in ("blockHash", "blockNumber", "transactionIndex")]
    assert place == [None, "0x1", "0x0"]
    assert int(block["gasUsed"], 16) == 42_000
    placed = node.result("eth_getTransactionByBlockNumberAndIndex", "pending", "0x1")
    assert (placed["hash"], placed["blockHash"]) == (cheap, None)
    receipts = node.result("eth_getBlockReceipts", "pending")
    assert [it["status"] for it in receipts] == ["0x1", "0x1"]
    history = node.result("eth_feeHistory", "0x1", "pending", [0, 100])
    assert history["reward"] == [[hex(GWEI), hex(3 * GWEI)]]
    assert node.result("eth_getTransactionReceipt", dear) is None
    node.result("evm_mine")
    made = node.result("eth_getBlockByNumber", "latest", False)
    assert (made["stateRoot"], made["receiptsRoot"]) == (block["stateRoot"], block["receiptsRoot"])


def test_logs_are_of_blocks_that_are_made(node: Served) -> None:
    assert node.result("eth_getLogs", {"fromBlock": "0x0", "toBlock": "pending"}) == node.result(
        "eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"}
    )


def test_the_book_is_seen_with_the_orders_that_wait(node: Served) -> None:
    dex = node.dex
    weth = dex.tokens["WETH"]
    dex.spot.submit("placeOrder", weth, 10**18, 2_000 * 10**6, False, sender=dex.accounts[0])
    before = node.result("dex_depth", "spot", "WETH")
    assert node.result("dex_depth", "spot", "WETH", 5, "pending") != before
    best = "0x" + dex.spot.encode("getBestPrices", weth).hex()
    call = {"to": SPOT, "data": best}
    assert node.result("eth_call", call, "pending") != node.result("eth_call", call, "latest")
    assert node.result("dex_depth", "spot", "WETH") == before
    assert node.result("dex_selfCheck")["violations"] == []


def test_an_estimate_without_a_block_is_for_the_next(node: Served) -> None:
    node.result("eth_sendTransaction", {**PAYMENT, "value": hex(10**18)})
    spend = {"from": STRANGER, "to": OTHER, "value": "0x1"}
    assert node.result("eth_estimateGas", spend) == "0x5208"
    assert "insufficient funds" in node.error("eth_estimateGas", spend, "latest")["message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": "0x6"}, "replacement transaction underpriced"),
        ({"nonce": hex(2_000_000)}, "nonce too high"),
        ({"nonce": "0x2", "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x1"},
         "max fee per gas less than block base fee"),
        ({"nonce": "0x2", "value": hex(10**30)}, "insufficient funds for gas * price + value"),
        ({"nonce": "0x2", "gas": hex(10**9)}, "exceeds block gas limit"),
        ({"nonce": "0x2", "gas": "0x5207"}, "intrinsic gas too low"),
        ({}, "already known"),
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_in_geth_s_words(
    node: Served, changes: dict[str, str], words: str
) -> None:
    fees = {"maxFeePerGas": hex(9 * GWEI), "maxPriorityFeePerGas": hex(GWEI), "nonce": "0x0"}
    node.result("eth_sendTransaction", {**PAYMENT, **fees})
    error = node.error("eth_sendTransaction", {**PAYMENT, **fees, **changes})
    assert (error["code"], error["message"][: len(words)]) == (-32000, words)


def test_waiting_transactions_are_told_of_when_their_turn_can_come(node: Served) -> None:
    told = node.result("eth_newPendingTransactionFilter")
    late = node.result("eth_sendTransaction", {**PAYMENT, "nonce": "0x1"})
    assert node.result("eth_getFilterChanges", told) == []
    first = node.result("eth_sendTransaction", PAYMENT)
    assert node.result("eth_getFilterChanges", told) == [first, late]
