"""Simulated blocks: what they would be if they were made, and that nothing stays of them."""

from __future__ import annotations

from typing import Any

import pytest

from evm_dex.node.request_limits import Limits
from tests.bytecode import assemble
from tests.node.served import OTHER, OWNER, SPOT, Served, served

STRANGER = "0x" + "57" * 20
CONTRACT = "0x" + "c0" * 20
COIN = "0x" + "ee" * 20
GWEI = 10**9
COUNTS = assemble("PUSH0 SLOAD 0x01 ADD DUP1 PUSH0 SSTORE PUSH0 MSTORE 0x20 PUSH0 RETURN")
FORWARDS = assemble(
    f"PUSH0 PUSH0 PUSH0 PUSH0 CALLVALUE 0x{OTHER[2:]} GAS CALL POP 0x07 PUSH0 PUSH0 LOG1"
)


def simulate(node: Served, *parts: Any, block: str = "latest", **options: Any) -> Any:
    return node.result("eth_simulateV1", {"blockStateCalls": list(parts), **options}, block)


def refusal(node: Served, *parts: Any, **options: Any) -> Any:
    return node.error("eth_simulateV1", {"blockStateCalls": list(parts), **options})


def state_of(node: Served) -> Any:
    return (
        node.result("eth_getBlockByNumber", "latest", False),
        node.result("eth_getBalance", OTHER),
        node.result("eth_getTransactionCount", OWNER, "pending"),
        node.dex.counts(),
    )


def test_simulated_transactions_come_out_as_they_do_when_they_are_sent(fresh_node: Served) -> None:
    """The same header and receipts: a spot order, a deposit and a payment.

    But for what the execution API has zero in simulated blocks, signatures and prevrandao, and so
    hashes of past blocks in the state.
    """
    node = fresh_node
    weth, usdc = (node.dex.tokens[name] for name in ("WETH", "USDC"))
    approve = usdc.encode("approve", SPOT, 10**12).hex()
    deposit = node.dex.spot.encode("deposit", usdc, 10**10).hex()
    order = node.dex.spot.encode("placeOrder", weth, 10**18, 2_000 * 10**6, True).hex()
    fees = {"maxFeePerGas": hex(5 * GWEI), "maxPriorityFeePerGas": hex(GWEI), "gas": hex(10**6)}
    calls = [
        {"from": OWNER, "to": usdc.address, "data": f"0x{approve}", **fees},
        {"from": OWNER, "to": SPOT, "data": f"0x{deposit}", **fees},
        {"from": OWNER, "to": SPOT, "data": f"0x{order}", **fees},
        {"from": OWNER, "to": OTHER, "value": "0x5", **fees},
    ]
    before = state_of(node)
    simulated = simulate(node, {"calls": calls[:2]}, {}, {"calls": calls[2:]}, validation=True)
    assert state_of(node) == before
    node.result("anvil_autoImpersonateAccount", True)
    node.result("evm_setAutomine", False)
    node.node.accounts.clear()  # so that they are as unsigned as those that were simulated
    for part, block in zip((calls[:2], [], calls[2:]), simulated, strict=True):
        for call in part:
            node.result("eth_sendTransaction", call)
        node.result("evm_mine")
        receipts = node.result("eth_getBlockReceipts", "latest")
        assert [it["status"] for it in receipts] == ["0x1"] * len(part)
        made = node.result("eth_getBlockByNumber", "latest", False)
        told = block.pop("calls")
        zero = {"hash", "parentHash", "mixHash", "transactions", "transactionsRoot", "size"}
        if block is not simulated[0]:
            zero.add("stateRoot")
        assert block["mixHash"] == "0x" + "00" * 32
        assert [name for name in made if block[name] != made[name] and name not in zero] == []
        for call, receipt in zip(told, receipts, strict=True):
            assert [it["data"] for it in call["logs"]] == [it["data"] for it in receipt["logs"]]
            assert [it["topics"] for it in call["logs"]] == [it["topics"] for it in receipt["logs"]]
        assert [it["gasUsed"] for it in told] == [it["gasUsed"] for it in receipts]


def test_each_call_and_block_sees_what_those_before_it_did(shared_node: Served) -> None:
    code = {CONTRACT: {"code": "0x" + COUNTS.hex()}}
    call = {"from": STRANGER, "to": CONTRACT}
    blocks = simulate(
        shared_node,
        {"stateOverrides": code, "calls": [call, call]},
        {"calls": [call]},
        {"stateOverrides": {CONTRACT: {"stateDiff": {"0x0": "0x9"}}}, "calls": [call]},
    )
    returned = [[int(it["returnData"], 16) for it in block["calls"]] for block in blocks]
    assert returned == [[1, 2], [3], [10]]
    head = shared_node.result("eth_getBlockByNumber", "latest", False)
    parents = [head["hash"], *(block["hash"] for block in blocks[:-1])]
    assert [block["parentHash"] for block in blocks] == parents
    assert shared_node.result("eth_getCode", CONTRACT) == "0x"


def test_code_sees_the_simulated_block_and_those_before_it(fresh_node: Served) -> None:
    node = fresh_node
    node.result("anvil_mine", "0x3")
    program = (
        "NUMBER PUSH0 MSTORE TIMESTAMP 0x20 MSTORE BASEFEE 0x40 MSTORE BLOBBASEFEE 0x60 MSTORE"
    )
    hashes = " ".join(
        f"0x{height:02x} BLOCKHASH 0x{0x80 + 32 * at:04x} MSTORE"
        for at, height in enumerate((2, 3, 4, 6))
    )
    code = {CONTRACT: {"code": "0x" + assemble(f"{program} {hashes} 0x0100 PUSH0 RETURN").hex()}}
    call = {"to": CONTRACT}
    blocks = simulate(
        node,
        {"stateOverrides": code, "blockOverrides": {"blobBaseFee": "0x2a"}, "calls": [call]},
        {"blockOverrides": {"number": "0x7", "time": "0x7fffffff"}, "calls": [call]},
    )
    assert [int(block["number"], 16) for block in blocks] == [4, 5, 6, 7]
    chain = [node.result("eth_getBlockByNumber", hex(at), False)["hash"] for at in (2, 3)]
    seen = []
    for block in (blocks[0], blocks[3]):
        words = block["calls"][0]["returnData"][2:]
        seen.append([int(words[at : at + 64], 16) for at in range(0, len(words), 64)])
    known = [int(it, 16) for it in chain]
    assert seen[0] == [4, int(blocks[0]["timestamp"], 16), 0, 42, *known, 0, 0]
    assert seen[1] == [
        7, 0x7FFFFFFF, 0, 1, *known, int(blocks[0]["hash"], 16), int(blocks[2]["hash"], 16)
    ]  # fmt: skip


def test_a_past_block_is_a_base_as_good_as_the_head(fresh_node: Served) -> None:
    """The exchange's rows too are those of then."""
    node = fresh_node
    usdc = node.dex.tokens["USDC"]
    node.dex.cheats.deal_on_spot("USDC", OWNER, 77)
    balance = {"to": SPOT, "data": "0x" + node.dex.spot.encode("getBalance", OWNER, usdc).hex()}
    then = node.result("eth_call", balance)
    node.dex.cheats.deal_on_spot("USDC", OWNER, 88)
    now = node.result("eth_call", balance)
    assert then != now
    for block, expected in (("0x1", then), ("latest", now)):
        (found,) = simulate(node, {"calls": [balance]}, block=block)
        assert found["calls"][0]["returnData"] == expected
    assert node.dex.self_check() == []


def test_transfers_of_coins_are_logged_where_that_is_asked_for(shared_node: Served) -> None:
    code = {CONTRACT: {"code": "0x" + FORWARDS.hex()}}
    call = {"from": OWNER, "to": CONTRACT, "value": "0x5"}
    part = {"stateOverrides": code, "calls": [call, {"from": OWNER, "to": OTHER}]}
    (plain,) = simulate(shared_node, part)
    (traced,) = simulate(shared_node, part, traceTransfers=True)
    assert [it["address"] for it in plain["calls"][0]["logs"]] == [CONTRACT]
    logs = traced["calls"][0]["logs"]
    assert [it["address"] for it in logs] == [COIN, COIN, CONTRACT]
    assert [it["logIndex"] for it in logs] == ["0x0", "0x1", "0x2"]
    moved = [(*(it["topics"][1:]), int(it["data"], 16)) for it in logs[:2]]
    word = [f"0x{int(it, 16):064x}" for it in (OWNER, CONTRACT, OTHER)]
    assert moved == [(word[0], word[1], 5), (word[1], word[2], 5)]
    assert traced["calls"][1]["logs"] == []


def test_failures_are_told_in_their_call_and_the_others_go_on(shared_node: Served) -> None:
    burns = {STRANGER: {"code": "0xfe"}, CONTRACT: {"code": "0x60006000fd"}}
    cancel = "0x" + shared_node.dex.spot.encode("cancelOrder", 99).hex()
    calls = [
        {"to": CONTRACT},
        {"to": STRANGER, "gas": "0x7530"},
        {"to": SPOT, "data": cancel},
        {"from": OWNER, "to": OTHER, "value": "0x1"},
    ]
    (block,) = simulate(shared_node, {"stateOverrides": burns, "calls": calls})
    found = block["calls"]
    assert [it["status"] for it in found] == ["0x0", "0x0", "0x0", "0x1"]
    assert found[0]["error"] == {"code": 3, "message": "execution reverted", "data": "0x"}
    assert (found[1]["error"]["code"], found[1]["gasUsed"]) == (-32015, "0x7530")
    assert found[2]["error"]["message"].startswith("execution reverted: OrderNotFound")
    assert [it["returnData"] for it in found] == ["0x"] * 4


PAY = {"from": OWNER, "to": OTHER, "value": "0x1", "maxFeePerGas": hex(5 * GWEI), "gas": "0x5208"}
NEXT = {"calls": [PAY]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "parts", "options"),
    [
        (-38010, [NEXT, {"calls": [{**PAY, "nonce": "0x0"}]}], {"validation": True}),
        (-38011, [{"calls": [{**PAY, "nonce": "0x9"}]}], {"validation": True}),
        (-38012, [{"calls": [{"from": OWNER, "to": OTHER}]}], {"validation": True}),
        (
            -38012,
            [{"blockOverrides": {"baseFeePerGas": "0x2"}, "calls": [{"maxFeePerGas": "0x1"}]}],
            {},
        ),
        (-38013, [{"calls": [{**PAY, "gas": "0x5207"}]}], {}),
        (-38014, [{"calls": [{**PAY, "from": STRANGER}]}], {}),
        (-38015, [{"blockOverrides": {"gasLimit": "0xa40f"}, "calls": [PAY, PAY]}], {}),
        (-38025, [{"calls": [{"from": OWNER, "data": "0x" + "00" * 49_153}]}], {}),
        (-38020, [{"blockOverrides": {"number": "0x0"}}], {}),
        (-38021, [{"blockOverrides": {"time": "0x1"}}], {}),
        (-38026, [{}] * 257, {}),
        (-38026, [{"blockOverrides": {"number": hex(2**62)}}], {}),
        (-38026, [{"blockOverrides": {"number": "0xff"}}, *[{}] * 20], {}),
        (-32602, [], {}),
        (-32602, [[]], {}),
        (-32602, [{"calls": {}}], {}),
        (-32602, [{"calls": ["0x"]}], {}),
        (-32602, [{"calls": [{}] * 1_001}], {}),
        (-32602, [{"calls": [{"from": "me"}]}], {}),
        (-32602, [{"calls": [{"blobVersionedHashes": ["0x" + "01" * 32]}]}], {}),
        (-32602, [{"other": 1}], {}),
        (-32602, [{"blockOverrides": {"withdrawals": [1]}}], {}),
        (-32000, [{"stateOverrides": {OTHER: {"movePrecompileToAddress": OTHER}}}], {}),
        (-32602, [{}], {"validation": 1}),
        (-32602, [{}], {"other": True}),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_no_block_could_be_has_its_code(
    fresh_node: Served, code: int, parts: Any, options: Any
) -> None:
    assert refusal(fresh_node, *parts, **options)["code"] == code


def test_a_simulation_is_bounded_in_gas_and_time() -> None:
    loop = {"stateOverrides": {CONTRACT: {"code": "0x5b5f56"}}, "calls": [{"to": CONTRACT}] * 3}
    with served(Limits(call_gas=200_000)) as node:
        assert refusal(node, loop)["code"] == -38015
        assert node.dex.self_check() == []
    with served(Limits(call_seconds=0.01)) as node:
        assert "took longer" in refusal(node, loop)["message"]
        assert node.result("eth_sendTransactionSync", PAY)["status"] == "0x1"


@pytest.mark.parametrize("wrong", [None, 1, "0x", [], {}, {"blockStateCalls": None}], ids=str)
def test_what_is_no_simulation_is_refused(shared_node: Served, wrong: Any) -> None:
    assert shared_node.error("eth_simulateV1", wrong)["code"] == -32602
