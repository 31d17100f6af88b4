"""Calls that pretend to be in another block or state: what code sees there, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bytecode import assemble
from tests.node.served import OTHER, OWNER, SPOT, Served

SEEN = {
    "number": ("NUMBER", "0x1234"),
    "time": ("TIMESTAMP", "0x7fffffff"),
    "gasLimit": ("GASLIMIT", "0xabcde"),
    "feeRecipient": ("COINBASE", OTHER),
    "prevRandao": ("DIFFICULTY", "0x" + "5a" * 32),
    "baseFeePerGas": ("BASEFEE", "0x7b"),
    "blobBaseFee": ("BLOBBASEFEE", hex(10**20 + 7)),
}
CALL = {"to": OTHER}


def returning(program: str) -> dict[str, Any]:
    """State overrides under which OTHER returns what a program leaves on the stack."""
    code = assemble(f"{program} PUSH0 MSTORE 0x20 PUSH0 RETURN").hex()
    return {OTHER: {"code": f"0x{code}"}}


def seen(node: Served, program: str, overrides: dict[str, Any] | None) -> int:
    return int(node.result("eth_call", CALL, "latest", returning(program), overrides), 16)


@pytest.mark.parametrize("field", SEEN)
def test_code_sees_what_is_chosen_and_the_next_call_does_not(
    shared_node: Served, field: str
) -> None:
    opcode, value = SEEN[field]
    real = seen(shared_node, opcode, None)
    assert seen(shared_node, opcode, {field: value}) == int(value, 16) != real
    assert seen(shared_node, opcode, {}) == seen(shared_node, opcode, None) == real


def test_names_that_foundry_writes_mean_the_same(shared_node: Served) -> None:
    for alias, name in (("coinbase", "feeRecipient"), ("random", "prevRandao"),
                        ("baseFee", "baseFeePerGas")):  # fmt: skip
        opcode, value = SEEN[name]
        assert seen(shared_node, opcode, {alias: value, "number": None}) == int(value, 16)


def test_block_hashes_are_those_of_the_chain_and_zero_where_there_is_no_block_yet(
    fresh_node: Served,
) -> None:
    node = fresh_node
    node.result("anvil_mine", "0x3")
    hashes = [
        int(node.result("eth_getBlockByNumber", hex(height), False)["hash"], 16)
        for height in range(4)
    ]
    later = {"number": "0x8"}
    found = [seen(node, f"0x{height:02x} BLOCKHASH", later) for height in range(9)]
    assert found == [*hashes, 0, 0, 0, 0, 0]
    assert seen(node, "0x03 BLOCKHASH", None) == 0
    assert seen(node, "0x03 BLOCKHASH", {"number": hex(2**63 - 1)}) == 0


def test_an_estimate_keeps_to_the_pretended_block(shared_node: Served) -> None:
    late = {"time": "0x7fffffff"}
    reverts = assemble("0x7fffffff TIMESTAMP LT 0x0b JUMPI STOP JUMPDEST PUSH0 PUSH0 REVERT")
    code = {OTHER: {"code": "0x" + reverts.hex()}}
    assert shared_node.error("eth_estimateGas", CALL, "latest", code)["code"] == 3
    assert int(shared_node.result("eth_estimateGas", CALL, "latest", code, late), 16) > 21_000
    tight = {**late, "gasLimit": "0x5208"}
    assert (
        "out of gas" in shared_node.error("eth_estimateGas", CALL, "latest", code, tight)["message"]
    )


def test_a_chosen_base_fee_is_held_against_what_a_call_offers(shared_node: Served) -> None:
    offer = {**CALL, "from": OWNER, "maxFeePerGas": hex(10**10)}
    assert shared_node.result("eth_call", offer, "latest", None, {"baseFeePerGas": hex(10**10)})
    error = shared_node.error("eth_call", offer, "latest", None, {"baseFeePerGas": hex(10**10 + 1)})
    assert "less than block base fee" in error["message"]


def test_a_trace_is_of_the_pretended_block_and_accounts(shared_node: Served) -> None:
    overrides = {"blockOverrides": {"number": "0x77"}, "stateOverrides": returning("NUMBER")}
    for options in (overrides, {**overrides, "tracer": "callTracer"}):
        trace = shared_node.result("debug_traceCall", CALL, "latest", options)
        output = trace["output"] if "tracer" in options else trace["returnValue"]
        assert int(output, 16) == 0x77


def test_the_exchanges_see_the_pretended_time(shared_node: Served) -> None:
    """Funding is paid at full hours: the next one after the pretended time is told."""
    perp = shared_node.dex.perp
    market = shared_node.dex.perp_markets["WETH"]
    request = {"to": perp.address, "data": "0x" + perp.encode("getFunding", market).hex()}
    hour = 10_000 * 3_600 * 50
    for time in (hour - 1, hour, hour + 3_599):
        output = shared_node.result("eth_call", request, "latest", None, {"time": hex(time)})
        assert int(output[-64:], 16) == (time // 3_600 + 1) * 3_600


BAD: tuple[Any, ...] = (
    {"number": "0x"},
    {"number": hex(2**63)},
    {"number": hex(2**256 - 1)},
    {"number": -1},
    {"time": "soon"},
    {"time": []},
    {"gasLimit": {}},
    {"feeRecipient": "0x12"},
    {"prevRandao": "0x1"},
    {"blobBaseFee": True},
    {"baseFeePerGas": "0x" + "f" * 65},
    {"difficulty": "0x1"},
    {"none": 1},
    [],
    "latest",
    7,
)


@pytest.mark.parametrize("wrong", BAD, ids=str)
def test_what_is_no_override_is_refused(shared_node: Served, wrong: Any) -> None:
    told = [
        shared_node.error("eth_call", CALL, "latest", {}, wrong),
        shared_node.error("eth_estimateGas", CALL, "latest", {}, wrong),
        shared_node.error("debug_traceCall", CALL, "latest", {"blockOverrides": wrong}),
    ]
    assert [error["code"] for error in told] == [-32602] * 3


def test_time_and_height_only_move_forward(fresh_node: Served) -> None:
    node = fresh_node
    node.result("anvil_mine", "0x2")
    for override in ({"time": "0x1"}, {"number": "0x1"}):
        assert (
            "only moves forward" in node.error("eth_call", CALL, "latest", {}, override)["message"]
        )
        options = {"blockOverrides": override}
        error = node.error("debug_traceCall", CALL, "latest", options)
        assert "only moves forward" in error["message"]


@pytest.mark.parametrize(
    "override",
    [{"code": "0x00"}, {"nonce": "0x5"}, {"state": {}}, {"stateDiff": {"0x0": "0x5"}}],
    ids=lambda override: next(iter(override)),
)
def test_an_exchange_s_code_nonce_and_storage_are_not_overridden(
    shared_node: Served, override: dict[str, Any]
) -> None:
    error = shared_node.error("eth_call", CALL, "latest", {SPOT: override})
    assert (error["code"], "is an exchange" in error["message"]) == (-32000, True)


def test_an_exchange_whose_balance_is_overridden_is_one_still(shared_node: Served) -> None:
    call = {"to": SPOT, "data": "0x" + shared_node.dex.spot.encode("owner").hex()}
    owner = shared_node.result("eth_call", call, "latest")
    assert int(owner, 16) != 0
    assert shared_node.result("eth_call", call, "latest", {SPOT: {"balance": "0x5"}}) == owner
