"""Traces of whole blocks, and blocks in the bytes that are hashed."""

from __future__ import annotations

from eth_hash.auto import keccak

import evm_dex
from checkpoint.trie import rlp
from checkpoint.trie.trie import ordered_trie_root
from evm_dex.node.node_config import NodeConfig
from evm_dex.node.request_limits import Limits
from tests.node.served import OTHER, OWNER, SPOT, Served, served

CONTRACT = "0x" + "c0" * 20
STRANGER = "0x" + "57" * 20
LOOP = "0x5b600056"


def filled_block(node: Served) -> list[str]:
    """A block with a payment, a deposit, what depends on it, and a call that runs out of gas."""
    usdc = node.dex.tokens["USDC"]
    node.result("anvil_setCode", CONTRACT, LOOP)
    node.result("evm_setAutomine", False)
    deposit = node.dex.spot.encode("deposit", usdc, 10**6).hex()
    withdraw = node.dex.spot.encode("withdraw", usdc, 10**6).hex()
    calls = [
        {"to": OTHER, "value": "0x5"},
        {"to": usdc.address, "data": "0x" + usdc.encode("approve", SPOT, 10**6).hex()},
        {"to": SPOT, "data": f"0x{deposit}"},
        {"to": SPOT, "data": f"0x{withdraw}"},
        {"to": CONTRACT, "gas": "0x7530"},
    ]
    sent = [
        str(node.result("eth_sendTransaction", {"from": OWNER, "gas": hex(200_000), **call}))
        for call in calls
    ]
    node.result("evm_mine")
    node.result("evm_setAutomine", True)
    return sent


def test_a_block_s_traces_are_those_of_its_transactions(fresh_node: Served) -> None:
    node = fresh_node
    sent = filled_block(node)
    block = node.result("eth_getBlockByNumber", "latest", False)
    assert block["transactions"] == sent
    node.result("evm_mine")
    for options in ({"tracer": "callTracer", "tracerConfig": {"withLog": True}}, {}):
        alone = [
            {"txHash": it, "result": node.result("debug_traceTransaction", it, options)}
            for it in sent
        ]
        assert node.result("debug_traceBlockByHash", block["hash"], options) == alone
        assert node.result("debug_traceBlockByNumber", block["number"], options) == alone
    assert node.dex.self_check() == []
    assert node.result("debug_traceBlockByNumber", "latest") == []
    assert "genesis is not traceable" in node.error("debug_traceBlockByNumber", "0x0")["message"]


def test_a_block_with_too_many_steps_is_refused_and_the_ledger_is_today_s() -> None:
    with served(Limits(call_seconds=100)) as node:
        node.result("anvil_setCode", CONTRACT, LOOP)
        node.result("evm_setAutomine", False)
        for _ in range(3):
            node.result("eth_sendTransaction", {"from": OWNER, "to": CONTRACT, "gas": hex(330_000)})
        node.result("evm_mine")
        node.dex.cheats.deal_on_spot("USDC", STRANGER, 5)
        refused = node.error("debug_traceBlockByNumber", "0x2")
        assert "more than 200000 steps: use callTracer" in refused["message"]
        assert len(node.result("debug_traceBlockByNumber", "0x2", {"tracer": "callTracer"})) == 3
        assert node.dex.spot.call("getBalance", STRANGER, node.dex.tokens["USDC"])[0] == 5
        assert node.dex.self_check() == []


def test_blocks_in_bytes_are_what_their_hashes_are_of(fresh_node: Served) -> None:
    node = fresh_node
    sent = filled_block(node)
    told = node.result("eth_getBlockByNumber", "latest", False)
    header = bytes.fromhex(node.result("debug_getRawHeader", "latest")[2:])
    assert "0x" + keccak(header).hex() == told["hash"]
    block = bytes.fromhex(node.result("debug_getRawBlock", told["number"])[2:])
    assert rlp.decode(block)[0] == rlp.decode(header)
    receipts = [bytes.fromhex(it[2:]) for it in node.result("debug_getRawReceipts", told["hash"])]
    assert "0x" + ordered_trie_root(receipts).hex() == told["receiptsRoot"]
    raw = [bytes.fromhex(node.result("debug_getRawTransaction", it)[2:]) for it in sent]
    assert "0x" + ordered_trie_root(raw).hex() == told["transactionsRoot"]
    assert node.result("debug_getRawTransaction", told["hash"]) is None


def test_a_raw_block_is_imported_by_another_chain(fresh_node: Served) -> None:
    fresh_node.result("eth_sendTransaction", {"from": OWNER, "to": OTHER, "value": "0x5"})
    block = bytes.fromhex(fresh_node.result("debug_getRawBlock", "latest")[2:])
    with evm_dex.open(genesis=NodeConfig().new_genesis()) as other:
        other.chain.import_blocks([block])
        assert other.chain.head.hash == fresh_node.dex.chain.head.hash
