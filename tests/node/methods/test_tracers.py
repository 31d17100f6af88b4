"""Tracers by name, and their options: go-ethereum's shapes and words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bytecode import assemble, deployment
from tests.node.served import OTHER, OWNER, SPOT, Served

CALLER, CALLED, HEIR = ("0x" + pair * 20 for pair in ("ca", "cb", "cc"))
WORD_1 = f"{1:#066x}"
LOGS_AROUND_A_CALL = assemble(
    f"PUSH0 PUSH0 LOG0 PUSH0 PUSH0 0x04 PUSH0 PUSH0 {CALLED} GAS CALL POP PUSH0 PUSH0 LOG0"
)


@pytest.fixture
def node(fresh_node: Served) -> Served:
    """With a contract that logs, calls another and logs, which counts in slot 1."""
    fresh_node.result("anvil_setCode", CALLER, f"0x{LOGS_AROUND_A_CALL.hex()}")
    counts = assemble("0x01 SLOAD 0x01 ADD 0x01 SSTORE PUSH0 PUSH0 LOG0")
    fresh_node.result("anvil_setCode", CALLED, f"0x{counts.hex()}")
    fresh_node.result("anvil_setStorageAt", CALLED, WORD_1, WORD_1)
    return fresh_node


def sent(node: Served, **fields: Any) -> str:
    transaction = {"from": OWNER, "to": CALLER, "gas": hex(200_000), **fields}
    return str(node.result("eth_sendTransaction", transaction))


def traced(node: Served, name: str, tracer: str, **config: Any) -> Any:
    options = {"tracer": tracer, "tracerConfig": config}
    return node.result("debug_traceTransaction", name, options)


def test_logs_say_between_which_calls_they_are(node: Served) -> None:
    name = sent(node)
    whole = traced(node, name, "callTracer", withLog=True)
    assert [(log["index"], log["position"]) for log in whole["logs"]] == [
        ("0x0", "0x0"),
        ("0x2", "0x1"),
    ]
    (call,) = whole["calls"]
    assert [(log["index"], log["position"]) for log in call["logs"]] == [("0x1", "0x0")]
    assert "logs" not in traced(node, name, "callTracer")
    alone = traced(node, name, "callTracer", withLog=True, onlyTopCall=True)
    assert alone == {key: item for key, item in whole.items() if key != "calls"}
    receipt = node.result("eth_getTransactionReceipt", name)
    assert (whole["gas"], whole["gasUsed"]) == (hex(200_000), receipt["gasUsed"])


def test_what_ends_and_what_never_begins_are_calls_too(node: Served) -> None:
    """A contract that destroys itself, and calls without the wei for them."""
    ends = assemble(f"{HEIR} SELFDESTRUCT")
    node.result("anvil_setCode", CALLED, f"0x{ends.hex()}")
    node.result("anvil_setBalance", CALLED, "0x5")
    calls = traced(node, sent(node), "callTracer")["calls"]
    assert calls[0]["calls"] == [
        {
            **{"type": "SELFDESTRUCT", "from": CALLED, "to": HEIR, "value": "0x5"},
            **{"gas": "0x0", "gasUsed": "0x0", "input": "0x"},
        }
    ]
    too_much = assemble(
        f"PUSH0 PUSH0 PUSH0 PUSH0 0xffff {CALLED} GAS CALL POP PUSH0 PUSH0 0xffff CREATE"
    )
    node.result("anvil_setCode", CALLER, f"0x{too_much.hex()}")
    call, creation = traced(node, sent(node), "callTracer")["calls"]
    for refused, kind in ((call, "CALL"), (creation, "CREATE")):
        assert refused["type"] == kind
        assert refused["error"] == "insufficient balance for transfer"
        assert (refused["value"], refused["gasUsed"]) == ("0xffff", "0x0")
    assert call["to"] == CALLED
    assert "to" not in creation


def test_a_contract_where_one_is_already(node: Served) -> None:
    twice = "PUSH0 PUSH0 PUSH0 PUSH0 CREATE2 POP"
    node.result("anvil_setCode", CALLER, f"0x{assemble(f'{twice} {twice}').hex()}")
    first, second = traced(node, sent(node), "callTracer")["calls"]
    assert "error" not in first
    assert second["error"] == "contract address collision"
    assert second["gas"] == second["gasUsed"] != "0x0"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("0x01 POP POP", "stack underflow (0 <=> 1)"),
        ("PUSH0 JUMP", "invalid jump destination"),
        ("INVALID", "invalid opcode: INVALID"),
        ("0x20 PUSH0 PUSH0 RETURNDATACOPY", "return data out of bounds"),
        ("0xffffff MLOAD", "out of gas"),
        ("PUSH0 PUSH0 REVERT", "execution reverted"),
    ],
)
def test_errors_are_told_in_go_ethereum_s_words(node: Served, code: str, error: str) -> None:
    node.result("anvil_setCode", CALLED, f"0x{assemble(code).hex()}")
    (call,) = traced(node, sent(node), "callTracer")["calls"]
    assert call["error"] == error


def test_accounts_before_and_what_changes_of_them(node: Served) -> None:
    name = sent(node)
    before = traced(node, name, "prestateTracer")
    assert before[CALLED]["storage"] == {WORD_1: WORD_1}
    assert before[OWNER].keys() == {"balance"}
    assert set(before) == {OWNER, CALLER, CALLED}
    bare = traced(node, name, "prestateTracer", disableCode=True, disableStorage=True)
    assert bare[CALLED] == {"balance": "0x0"}
    changes = traced(node, name, "prestateTracer", diffMode=True)
    assert changes["post"][CALLED] == {"storage": {WORD_1: f"{2:#066x}"}}
    assert changes["pre"][CALLED]["storage"] == {WORD_1: WORD_1}
    assert CALLER not in changes["pre"]
    assert changes["post"][OWNER]["nonce"] == 1
    with_empty = traced(node, name, "prestateTracer", includeEmpty=True)
    assert set(with_empty) > set(before)


def test_a_created_contract_has_no_account_before(node: Served) -> None:
    code = assemble("0x01 PUSH0 SSTORE")
    init = f"0x{deployment(code).hex()}"
    name = str(node.result("eth_sendTransaction", {"from": OWNER, "data": init, "gas": "0x30d40"}))
    created = node.result("eth_getTransactionReceipt", name)["contractAddress"]
    changes = traced(node, name, "prestateTracer", diffMode=True)
    assert created not in changes["pre"]
    assert changes["post"][created] == {"code": f"0x{code.hex()}", "nonce": 1}
    assert created not in traced(node, name, "prestateTracer")


def test_words_of_an_access_list_are_told_of_where_they_are_used(node: Served) -> None:
    listed = [{"address": CALLED, "storageKeys": [WORD_1, f"{7:#066x}"]}]
    listed.append({"address": HEIR, "storageKeys": []})
    node.result("anvil_setBalance", HEIR, "0x5")
    before = traced(node, sent(node, accessList=listed), "prestateTracer")
    assert before[CALLED]["storage"] == {WORD_1: WORD_1}
    assert HEIR not in before


def test_selectors_are_counted_and_several_tracers_answer_at_once(node: Served) -> None:
    name = sent(node, data="0x12345678" + "00" * 32)
    counts = {"0x00000000-0": 1, "0x12345678-32": 1}
    assert traced(node, name, "4byteTracer") == counts
    assert traced(node, name, "noopTracer") == {}
    config = {"4byteTracer": {}, "prestateTracer": {"diffMode": True}, "muxTracer": {}}
    several = traced(node, name, "muxTracer", **config)
    assert several == {
        "4byteTracer": counts,
        "prestateTracer": traced(node, name, "prestateTracer", diffMode=True),
        "muxTracer": {},
    }


def test_calls_one_after_another(node: Served) -> None:
    name = sent(node)
    receipt = node.result("eth_getTransactionReceipt", name)
    flat = traced(node, name, "flatCallTracer")
    assert [(it["traceAddress"], it["subtraces"], it["type"]) for it in flat] == [
        ([], 1, "call"),
        ([0], 0, "call"),
    ]
    assert flat[0]["result"]["gasUsed"] == receipt["gasUsed"]
    mined = node.result("trace_transaction", name)
    assert [it["action"]["to"] for it in mined] == [CALLER, CALLED]
    assert mined[0]["blockHash"] == receipt["blockHash"]
    assert mined[0]["blockNumber"] == int(receipt["blockNumber"], 16)
    assert node.result("trace_block", receipt["blockNumber"]) == mined
    assert node.result("trace_get", name, ["0x0"]) == mined[1]
    assert node.result("trace_transaction", "0x" + "00" * 32) == []


def test_calls_by_who_makes_and_who_gets_them(node: Served) -> None:
    first = node.result("eth_blockNumber")
    names = [sent(node), sent(node, **{"from": OTHER})]
    ask = {"fromBlock": first, "toBlock": "latest"}
    to_called = node.result("trace_filter", {**ask, "toAddress": [CALLED]})
    assert [it["transactionHash"] for it in to_called] == names
    of_other = {**ask, "fromAddress": [OTHER], "toAddress": [CALLED]}
    assert len(node.result("trace_filter", of_other)) == 3
    assert node.result("trace_filter", {**of_other, "mode": "intersection"}) == []
    page = node.result("trace_filter", {**ask, "after": "0x1", "count": "0x2"})
    assert page == node.result("trace_filter", ask)[1:3]
    assert "must be" in node.error("trace_filter", {**ask, "mode": "both"})["message"]


def test_executing_again_tells_output_calls_and_changes(node: Served) -> None:
    name = sent(node, to=CALLED)
    replay = node.result("trace_replayTransaction", name, ["trace", "stateDiff"])
    assert replay["stateDiff"][CALLED] == {
        "balance": "=",
        "code": "=",
        "nonce": "=",
        "storage": {WORD_1: {"*": {"from": WORD_1, "to": f"{2:#066x}"}}},
    }
    assert replay["trace"][0]["action"]["to"] == CALLED
    (in_block,) = node.result("trace_replayBlockTransactions", "latest", ["trace", "stateDiff"])
    assert in_block == {**replay, "transactionHash": name}
    tried = node.result("trace_call", {"to": CALLED, "from": OWNER}, ["trace"], "latest")
    assert tried["stateDiff"] is None
    assert len(tried["trace"]) == 1
    assert (
        "vmTrace is not served"
        in node.error("trace_replayTransaction", name, ["vmTrace"])["message"]
    )


def test_a_call_is_traced_on_pretended_accounts_in_a_pretended_block(node: Served) -> None:
    options = {
        "tracer": "prestateTracer",
        "stateOverrides": {CALLED: {"stateDiff": {WORD_1: f"{9:#066x}"}}},
        "blockOverrides": {"feeRecipient": HEIR},
    }
    told = node.result("debug_traceCall", {"from": OWNER, "to": CALLED}, "latest", options)
    assert told[CALLED]["storage"] == {WORD_1: f"{9:#066x}"}
    paying = {"from": OWNER, "to": OTHER, "gas": "0x5208", "gasPrice": hex(10**10)}
    options = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
    changes = node.result("debug_traceCall", paying, "latest", options)
    spent = int(changes["pre"][OWNER]["balance"], 16) - int(changes["post"][OWNER]["balance"], 16)
    assert spent == 21_000 * 10**10


def test_steps_are_as_many_and_as_full_as_is_asked_for(node: Served) -> None:
    name = sent(node)
    every = node.result("debug_traceTransaction", name)["structLogs"]
    some = node.result("debug_traceTransaction", name, {"limit": 4})
    assert some["structLogs"] == every[:4]
    assert some["gas"] == int(node.result("eth_getTransactionReceipt", name)["gasUsed"], 16)
    bare = {"disableStack": True, "disableStorage": True}
    for step in node.result("debug_traceTransaction", name, bare)["structLogs"]:
        assert step.keys() <= {"pc", "op", "gas", "gasCost", "depth", "refund", "error"}
    call = next(step for step in every if step["op"] == "CALL")
    inside = next(step for step in every if step["depth"] == 2)
    assert call["gasCost"] == 2_600 + 3 + inside["gas"]


def test_refunds_are_counted_as_they_come_and_go(node: Served) -> None:
    """One of a word that is cleared, which is gone where the call fails."""
    clears = assemble("PUSH0 0x01 SSTORE PUSH0 PUSH0 REVERT")
    node.result("anvil_setCode", CALLED, f"0x{clears.hex()}")
    steps = node.result("debug_traceTransaction", sent(node))["structLogs"]
    refunds = {step["op"]: step.get("refund", 0) for step in steps if step["depth"] == 2}
    assert refunds["REVERT"] == 4_800
    assert "refund" not in steps[-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tracer": "unknownTracer"}, "tracer not found: 'unknownTracer'"),
        ({"tracer": "{result: function() {}}"}, "JavaScript are not run"),
        (
            {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": "yes"}},
            "json: cannot unmarshal string into Go struct field callTracerConfig.onlyTopCall of "
            "type bool",
        ),
        (
            {"tracer": "prestateTracer", "tracerConfig": []},
            "json: cannot unmarshal array into Go value of type prestateTracerConfig",
        ),
        (
            {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True, "includeEmpty": True}},
            "cannot use diffMode with includeEmpty",
        ),
        ({"tracer": "muxTracer", "tracerConfig": {"noTracer": {}}}, "tracer not found"),
        ({"limit": "many"}, "cannot unmarshal string into Go struct field TraceConfig.limit"),
        ({"tracer": 5}, "must be an object: tracer"),
    ],
)
def test_wrong_options_are_told_in_words(node: Served, options: Any, words: str) -> None:
    assert words in node.error("debug_traceTransaction", sent(node), options)["message"]


def test_many_calls_are_bounded_by_bytes(node: Served) -> None:
    forever = assemble(f"JUMPDEST PUSH0 PUSH0 0xffff PUSH0 {HEIR} GAS STATICCALL POP PUSH0 JUMP")
    node.result("anvil_setCode", CALLER, f"0x{forever.hex()}")
    call = {"from": OWNER, "to": CALLER, "gas": hex(30_000_000)}
    refused = node.error("debug_traceCall", call, "latest", {"tracer": "callTracer"})
    assert "bytes of calls" in refused["message"]


def test_an_exchange_s_call_is_told_with_its_account(node: Served) -> None:
    usdc = node.dex.tokens["USDC"]
    data = "0x" + node.dex.spot.encode("deposit", usdc, 10**6).hex()
    approve = "0x" + usdc.encode("approve", SPOT, 10**6).hex()
    sent(node, to=usdc.address, data=approve)
    name = sent(node, to=SPOT, data=data, gas=hex(300_000))
    assert SPOT in traced(node, name, "prestateTracer")
    assert usdc.address.lower() in traced(node, name, "prestateTracer", diffMode=True)["post"]
