"""JSON-RPC itself: batches, errors, bounds, and that nothing sent can end the node."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evm_dex.node.request_limits import Limits
from tests.node.served import OTHER, OWNER, SPOT, Served, served

LOOP = "0x5b600056"
ENDLESS = 10**11
"""Gas that no loop uses up in a few seconds."""
"""JUMPDEST PUSH1 0 JUMP: until the gas is gone."""


def asked(method: Any, params: Any = (), identity: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}


def code_of(node: Served, body: str | bytes) -> int:
    status, _, response = node.post(body)
    assert status == 200
    code = response["error"]["code"]
    assert isinstance(code, int)
    return code


def test_each_mistake_has_its_code(shared_node: Served) -> None:
    assert code_of(shared_node, "{") == -32700
    assert code_of(shared_node, b"\xff\xfe") == -32700
    assert code_of(shared_node, "[]") == -32600
    assert code_of(shared_node, "3") == -32600
    assert code_of(shared_node, '{"id": 1}') == -32600
    assert code_of(shared_node, json.dumps(asked("eth_chainId", "no list"))) == -32600
    assert code_of(shared_node, json.dumps(asked("eth_chainId", [], {"an": "object"}))) == -32600
    assert code_of(shared_node, json.dumps(asked("eth_none"))) == -32601
    assert code_of(shared_node, json.dumps(asked("eth_subscribe", ["newHeads"]))) == -32601
    assert code_of(shared_node, json.dumps(asked("eth_chainId", [1]))) == -32602
    assert code_of(shared_node, json.dumps(asked("eth_getBalance", ["0x12"]))) == -32602
    assert code_of(shared_node, json.dumps(asked("eth_getBalance", [OWNER, "0x99"]))) == -32000


def test_a_wrong_parameter_is_told_with_what_was_expected(shared_node: Served) -> None:
    error = shared_node.error("eth_getBalance", "0x12")
    assert "parameter 0 (address)" in error["message"]
    assert "an address of 20 bytes in hex" in error["message"]


def test_parameters_go_by_name_too(shared_node: Served) -> None:
    by_name = asked("eth_getBalance", {"address": OWNER, "block": "latest"})
    by_place = asked("eth_getBalance", [OWNER, "latest"])
    answers = [shared_node.post(json.dumps(it))[2] for it in (by_name, by_place)]
    assert answers[0] == answers[1]
    assert code_of(shared_node, json.dumps(asked("eth_getBalance", {"adress": OWNER}))) == -32602


def test_a_batch_is_answered_in_order_and_notifications_are_not(shared_node: Served) -> None:
    batch = [asked("eth_chainId", identity="a"), {"jsonrpc": "2.0", "method": "eth_chainId"}, 5]
    _, _, answers = shared_node.post(json.dumps(batch))
    assert [answer.get("id") for answer in answers] == ["a", None]
    assert answers[0]["result"] == "0x7a69"
    assert answers[1]["error"]["code"] == -32600
    assert shared_node.post(json.dumps(batch[1:2]))[::2] == (200, None)


def test_a_batch_is_bounded_in_requests_and_in_bytes_of_answers() -> None:
    with served(Limits(batch_requests=10, batch_answer_bytes=3_000)) as node:
        assert code_of(node, json.dumps([asked("eth_chainId")] * 11)) == -32600
        blocks = [asked("eth_getBlockByNumber", ["latest"])] * 10
        _, _, answers = node.post(json.dumps(blocks))
        codes = [answer.get("error", {}).get("code") for answer in answers]
        assert codes[:2] == [None, None]
        assert set(codes[2:]) == {-32005}


def test_a_body_is_bounded(shared_node: Served) -> None:
    most = shared_node.node.limits.body_bytes
    status, _, response = shared_node.post(b" " * (most + 1))
    assert (status, response["error"]["code"]) == (413, -32600)
    assert (
        shared_node.post(b" " * (most - 100) + json.dumps(asked("eth_chainId")).encode())[0] == 200
    )


def test_searching_logs_is_bounded_in_blocks_and_results() -> None:
    with served(Limits(log_blocks=3, log_results=2)) as node:
        token = node.dex.tokens["WETH"].address
        transfer = "0xa9059cbb" + OTHER[2:].rjust(64, "0") + "1".rjust(64, "0")
        for _ in range(3):
            node.result("eth_sendTransaction", {"from": OWNER, "to": token, "data": transfer})
        error = node.error("eth_getLogs", {"fromBlock": "0x0", "toBlock": "0x3"})
        assert (error["code"], "blocks 0x0 to 0x2 first" in error["message"]) == (-32005, True)
        error = node.error("eth_getLogs", {"fromBlock": "0x1", "toBlock": "0x3"})
        assert (error["code"], "up to block 0x2" in error["message"]) == (-32005, True)
        assert len(node.result("eth_getLogs", {"fromBlock": "0x1", "toBlock": "0x2"})) == 2


def test_a_filter_with_too_much_to_tell_tells_nothing_and_loses_nothing() -> None:
    with served(Limits(log_results=2)) as node:
        token = node.dex.tokens["WETH"].address
        identity = node.result("eth_newFilter", {"address": token})
        transfer = "0xa9059cbb" + OTHER[2:].rjust(64, "0") + "1".rjust(64, "0")
        for _ in range(3):
            node.result("eth_sendTransaction", {"from": OWNER, "to": token, "data": transfer})
        assert node.error("eth_getFilterChanges", identity)["code"] == -32005
        node.dex.rollback(2)
        told = [
            (log["blockNumber"], log["removed"])
            for log in node.result("eth_getFilterChanges", identity)
        ]
        assert told == [("0x1", False), ("0x2", False), ("0x3", False), ("0x3", True)]


def test_a_call_is_bounded_in_time_and_in_gas_and_leaves_the_node_alive() -> None:
    with served(Limits(call_seconds=0.5, call_gas=ENDLESS)) as node:
        started = time.process_time()
        call, block = {"to": OTHER, "gas": hex(ENDLESS)}, {"gasLimit": hex(ENDLESS)}
        error = node.error("eth_call", call, "latest", {OTHER: {"code": LOOP}}, block)
        assert (error["code"], "longer than 0.5 s" in error["message"]) == (-32000, True)
        assert time.process_time() - started < 5
        assert node.result("eth_call", {"to": OTHER}) == "0x"
    with served(Limits(call_gas=50_000)) as node:
        error = node.error("eth_call", {"to": OTHER}, "latest", {OTHER: {"code": LOOP}})
        assert "out of gas" in error["message"]


def test_calls_inside_calls_go_as_deep_as_the_gas_allows(shared_node: Served) -> None:
    calls_itself = "0x5f5f5f5f5f305af1"  # with all the gas there is
    call = {"to": OTHER, "gas": hex(30_000_000)}
    assert shared_node.result("eth_call", call, "latest", {OTHER: {"code": calls_itself}}) == "0x"


def test_a_refusal_of_the_exchange_is_told_by_name(shared_node: Served) -> None:
    error = shared_node.error("eth_call", {"to": SPOT, "data": "0x12345678"})
    assert error["code"] == 3
    assert error["message"] == "execution reverted: UnknownMethod(selector=0x12345678)"
    assert error["data"].startswith("0x78e76246")


def test_a_call_with_a_fee_needs_the_wei_for_it(shared_node: Served) -> None:
    poor = {"from": "0x" + "12" * 20, "to": OTHER, "maxFeePerGas": "0x77359400"}
    for more in ({}, {"gas": "0x5208"}, {"value": "0x1"}):
        message = shared_node.error("eth_estimateGas", {**poor, **more})["message"]
        assert message.startswith("insufficient funds for gas * price + value")
    assert shared_node.result("eth_estimateGas", {**poor, "from": OWNER}) == "0x5208"
    cheap = {**poor, "from": OWNER, "maxFeePerGas": "0x1"}
    assert "less than block base fee" in shared_node.error("eth_call", cheap)["message"]


def test_overrides_hold_for_one_call_alone(shared_node: Served) -> None:
    returns_slot = "0x60005460005260206000f3"
    overrides = {OTHER: {"code": returns_slot, "stateDiff": {"0x0": "0x2a"}}}
    call = ({"to": OTHER}, "latest")
    assert shared_node.result("eth_call", *call, overrides) == "0x" + "2a".rjust(64, "0")
    assert shared_node.result("eth_call", *call) == "0x"
    assert shared_node.error("eth_call", *call, {OTHER: {"cod": "0x"}})["code"] == -32602


def test_pages_from_elsewhere_and_strange_names_are_refused(shared_node: Served) -> None:
    request = json.dumps(asked("eth_chainId"))
    assert shared_node.post(request, {"Host": "evil.example"})[0] == 403
    assert shared_node.post(request, {"Host": "127.0.0.1.evil.example:80"})[0] == 403
    assert shared_node.post(request, {"Origin": "http://evil.example"})[0] == 403
    assert shared_node.post(request, {"Origin": "null"})[0] == 403
    assert shared_node.post(request, {"Host": f"localhost:{shared_node.port}"})[0] == 200
    assert shared_node.post(request, {"Origin": shared_node.url})[0] == 200


def test_an_origin_that_was_allowed_may_ask() -> None:
    request = json.dumps(asked("eth_chainId"))
    with served(origins=("http://app.example",)) as node:
        status, headers, _ = node.post(request, {"Origin": "http://app.example"})
        assert (status, headers["access-control-allow-origin"]) == (200, "http://app.example")
        assert node.post(request, {"Origin": "http://other.example"})[0] == 403


def test_connections_that_never_ask_are_ended_and_others_served() -> None:
    with served(Limits(idle_seconds=0.4, connections=20)) as node:
        silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(30)]
        silent[0].sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n")  # and never ends
        assert node.result("eth_chainId") == "0x7a69"
        for one in silent:
            one.settimeout(60)
            with suppress(ConnectionResetError):  # ended as well
                assert one.recv(1) == b""
            one.close()


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    with served(Limits(body_seconds=0.3)) as node:
        with socket.create_connection(("127.0.0.1", node.port)) as slow:
            slow.settimeout(60)
            slow.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
            assert b"408" in slow.recv(1_000)
        assert node.result("eth_chainId") == "0x7a69"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.sampled_from([OWNER, SPOT, "latest", "pending", "0x0", "0x", "0x1", "0x" + "00" * 32]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["from", "to", "data", "gas", "value", "address", "topics", "blockHash",
                         "fromBlock", "accessList", "nonce", "type", "x"]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
HARMLESS = ("eth_call", "eth_estimateGas", "eth_createAccessList", "eth_sendRawTransaction",
            "eth_getLogs", "eth_newFilter", "eth_getBlockByNumber", "eth_getStorageAt",
            "eth_feeHistory", "eth_signTypedData_v4", "eth_fillTransaction", "eth_getProof",
            "eth_getStorageValues", "eth_getFilterChanges", "eth_getTransactionByHash")  # fmt: skip


@given(st.sampled_from(HARMLESS) | st.text(max_size=20), json_values)
def test_any_parameters_get_an_answer(shared_node: Served, method: str, params: Any) -> None:
    status, _, response = shared_node.post(json.dumps(asked(method, params)))
    assert status == 200
    assert ("result" in response) != ("error" in response)
    if "error" in response:
        assert response["error"]["code"] != -32603, response
        assert response["error"]["message"]


@given(json_values | st.binary(max_size=300))
def test_any_body_gets_an_answer(shared_node: Served, content: Any) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    status, _, response = shared_node.post(body)
    assert status == 200
    answers = response if isinstance(response, list) else [response]
    assert all(answer["error"]["code"] in (-32700, -32600) for answer in answers)


def test_depth_and_size_of_json_are_survived(shared_node: Served) -> None:
    for deep in ("[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900):
        _, _, response = shared_node.post(deep)
        found = response if isinstance(response, list) else [response]
        assert [item["error"]["code"] in (-32700, -32600) for item in found] == [True]
    assert code_of(shared_node, json.dumps(asked("eth_getBalance", ["0x" + "f" * 10**6]))) == -32602
    assert code_of(shared_node, '{"id":' + "9" * 10_000 + "}") in (-32700, -32600)
    assert shared_node.result("eth_chainId") == "0x7a69"
