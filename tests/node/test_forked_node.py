"""A node whose chain is forked: what it passes on, what it fetches ahead, and its resets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from evm_dex.node.dispatch import respond
from evm_dex.node.node import Node
from evm_dex.node.node_config import NodeConfig
from evm_dex.origin.fork import Fork
from tests.origin.fake_origin import CONTRACT, FakeOrigin, an_origin, expected_sum

ADDRESS = f"0x{CONTRACT.hex()}"


class Asked:
    """A node, asked in the test's own thread."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def response(self, method: str, *params: Any) -> dict[str, Any]:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        found: dict[str, Any] = json.loads(respond(self.node, request))
        return found

    def result(self, method: str, *params: Any) -> Any:
        found = self.response(method, *params)
        assert "error" not in found, found
        return found["result"]

    def error(self, method: str, *params: Any) -> str:
        return str(self.response(method, *params)["error"]["message"])


@pytest.fixture(scope="module")
def origin() -> Iterator[FakeOrigin]:
    with an_origin() as found:
        yield found


@pytest.fixture
def fork(origin: FakeOrigin) -> Iterator[Asked]:
    with NodeConfig(fork=Fork(url=origin.url, tries=1)).open() as (_, server):
        yield Asked(server.node)


@pytest.fixture
def there(origin: FakeOrigin) -> Asked:
    return Asked(origin.node)


def test_blocks_up_to_the_fork_are_the_origins(fork: Asked, there: Asked) -> None:
    for block in ("earliest", "0x0", "0x3", "0xa", "latest"):
        for full in (False, True):
            found = fork.result("eth_getBlockByNumber", block, full)
            assert found == there.result("eth_getBlockByNumber", block, full)
    named = there.result("eth_getBlockByNumber", "0x4", False)["hash"]
    for method in ("eth_getBlockByHash", "eth_getHeaderByHash"):
        parameters = (named, True)[: 1 + (method == "eth_getBlockByHash")]
        assert fork.result(method, *parameters) == there.result(method, *parameters)
    for method in ("eth_getBlockReceipts", "eth_getBlockTransactionCountByNumber"):
        assert fork.result(method, "0xa") == there.result(method, "0xa")
    assert fork.result("eth_blockNumber") == "0xa"
    assert fork.result("eth_getBlockByNumber", "0xb", False) is None
    fork.result("evm_mine")
    mined = fork.result("eth_getBlockByNumber", "latest", False)
    assert mined["parentHash"] == there.result("eth_getBlockByNumber", "0xa", False)["hash"]


def test_transactions_before_the_fork_are_the_origins(fork: Asked, there: Asked) -> None:
    (sent,) = there.result("eth_getBlockByNumber", "0x5", False)["transactions"]
    for method in (
        "eth_getTransactionByHash",
        "eth_getTransactionReceipt",
        "eth_getRawTransactionByHash",
        "debug_traceTransaction",
    ):
        assert fork.result(method, sent) == there.result(method, sent)
    assert fork.result("debug_traceBlockByNumber", "0x5") == there.result(
        "debug_traceBlockByNumber", "0x5"
    )
    assert fork.result("eth_getTransactionByHash", "0x" + "17" * 32) is None


def test_what_the_origin_makes_after_the_fork_is_not_there() -> None:
    with an_origin() as moving, NodeConfig(fork=Fork(url=moving.url)).open() as (_, server):
        fork = Asked(server.node)
        receipt = moving.dex.tokens["WETH"].send("transfer", moving.dex.accounts[2], 1)
        header = moving.dex.chain.head
        assert (
            fork.result("eth_getTransactionReceipt", f"0x{receipt.transaction_hash.hex()}") is None
        )
        assert fork.result("eth_getBlockByHash", f"0x{header.hash.hex()}", False) is None
        named = {"blockHash": f"0x{header.hash.hex()}"}
        assert "header not found" in fork.error("eth_getBalance", ADDRESS, named)
        query = {"fromBlock": "0x0", "toBlock": "latest"}
        assert all(int(log["blockNumber"], 16) <= 10 for log in fork.result("eth_getLogs", query))


def test_state_before_the_fork_is_the_origins(fork: Asked, there: Asked) -> None:
    account = there.node.dex.accounts[0].address if there.node.dex else ""
    named = there.result("eth_getBlockByNumber", "0x2", False)["hash"]
    for block in ("0x2", {"blockHash": named}, {"blockNumber": "0x2"}):
        for method, *parameters in (
            ("eth_getBalance", account),
            ("eth_getTransactionCount", account),
            ("eth_getStorageAt", ADDRESS, "0x5"),
            ("eth_call", {"to": ADDRESS, "data": "0x01"}),
        ):
            assert fork.result(method, *parameters, block) == there.result(
                method, *parameters, block
            )
    assert fork.result("eth_getBalance", account, "0xa") == hex(10_000 * 10**18)


def test_an_error_of_the_origin_is_told_as_its(fork: Asked) -> None:
    assert "answered by http://127.0.0.1" in fork.error(
        "eth_call", {"to": ADDRESS, "gas": "0x5300", "data": "0x01"}, "0x2"
    )


def test_logs_of_both_are_found(fork: Asked, there: Asked) -> None:
    token = fork.node.dex.tokens["WETH"] if fork.node.dex else None
    assert token is not None
    token.send("transfer", token.address, 1)
    query = {"fromBlock": "0x0", "toBlock": "latest", "address": token.address}
    found = fork.result("eth_getLogs", query)
    assert found[:-1] == there.result("eth_getLogs", query)
    assert found[-1]["blockNumber"] == "0xb"
    named = there.result("eth_getBlockByNumber", "0x5", False)["hash"]
    by_hash = {"blockHash": named}
    assert fork.result("eth_getLogs", by_hash) == there.result("eth_getLogs", by_hash)
    first = {**query, "toBlock": "0x4"}
    assert fork.result("eth_getLogs", first) == there.result("eth_getLogs", first)


def test_calls_of_both_are_found(fork: Asked, there: Asked) -> None:
    token = fork.node.dex.tokens["WETH"] if fork.node.dex else None
    assert token is not None
    token.send("transfer", token.address, 1)
    old = there.result("trace_filter", {"fromBlock": "0x0"})
    found = fork.result("trace_filter", {"fromBlock": "0x0", "toBlock": "latest"})
    assert found[: len(old)] == old
    made = found[len(old) :]
    assert made
    assert {call["blockNumber"] for call in made} == {11}
    assert fork.result("trace_filter", {}) == made
    early = {"fromBlock": "earliest", "toBlock": "0x4"}
    assert fork.result("trace_filter", early) == there.result("trace_filter", early)
    to_contract = {"fromBlock": "0x0", "toAddress": [ADDRESS], "after": "0x1", "count": "0x2"}
    assert fork.result("trace_filter", to_contract) == there.result("trace_filter", to_contract)
    assert "is after 0x1" in fork.error("trace_filter", {"fromBlock": "0x5", "toBlock": "0x1"})
    assert "is after 0x1" in there.error("trace_filter", {"fromBlock": "0x5", "toBlock": "0x1"})


def test_a_senders_transactions_of_both_are_found(fork: Asked, there: Asked) -> None:
    (sent,) = there.result("eth_getBlockByNumber", "0x5", True)["transactions"]
    named = (sent["from"], sent["nonce"])
    assert fork.result("eth_getTransactionBySenderAndNonce", *named) == sent
    following = fork.result("eth_getTransactionCount", sent["from"], "latest")
    assert fork.result("eth_getTransactionBySenderAndNonce", sent["from"], following) is None
    fork.result("anvil_impersonateAccount", sent["from"])
    made = fork.result("eth_sendTransaction", {"from": sent["from"], "to": ADDRESS})
    found = fork.result("eth_getTransactionBySenderAndNonce", sent["from"], following)
    assert found["hash"] == made
    assert fork.result("eth_getTransactionBySenderAndNonce", *named) == sent


def test_it_tells_what_it_was_forked_from(fork: Asked, there: Asked, origin: FakeOrigin) -> None:
    info = fork.result("anvil_nodeInfo")["forkConfig"]
    assert (info["forkUrl"], info["forkBlockNumber"]) == (origin.url, 10)
    assert fork.result("anvil_metadata")["forkedNetwork"] == {
        "chainId": 4242,
        "forkBlockNumber": 10,
        "forkBlockHash": there.result("eth_getBlockByNumber", "0xa", False)["hash"],
    }
    assert there.result("anvil_nodeInfo")["forkConfig"]["forkBlockNumber"] is None
    assert there.result("hardhat_metadata")["forkedNetwork"] is None


def test_a_forked_chain_has_no_followers(fork: Asked) -> None:
    assert "evm-dex node --fork-url" in fork.error("dex_head")


def test_proofs_up_to_the_fork_are_the_origins_and_later_ones_refused(
    fork: Asked, there: Asked
) -> None:
    for block in ("0x3", "0xa", "latest"):
        found = fork.result("eth_getProof", ADDRESS, ["0x5"], block)
        assert found == there.result("eth_getProof", ADDRESS, ["0x5"], block)
    fork.result("evm_mine")
    assert "state roots here cover only" in fork.error("eth_getProof", ADDRESS, [], "latest")
    assert fork.result("eth_getProof", f"0x{'0d01':0>40}", ["0x0"], "latest")["storageProof"]


def test_fees_go_back_to_the_fork_only(fork: Asked) -> None:
    fork.result("evm_mine")
    found = fork.result("eth_feeHistory", "0x20", "latest", [50])
    assert found["oldestBlock"] == "0xa"
    assert len(found["gasUsedRatio"]) == 2


def test_without_a_node_named_what_is_not_here_is_not_there(tmp_path: Path) -> None:
    with an_origin() as origin:
        config = NodeConfig(path=tmp_path / "fork", fork=Fork(url=origin.url, block=1))
        with config.open() as (_, server):
            head = Asked(server.node).result("eth_getBlockByNumber", "latest", True)
            assert head["transactions"] == []
    with NodeConfig(path=tmp_path / "fork").open() as (_, server):
        fork = Asked(server.node)
        assert fork.result("eth_getBlockByNumber", "latest", True) == head
        unknown = "0x" + "17" * 32
        assert fork.result("eth_getTransactionReceipt", unknown) is None
        assert fork.result("eth_getBlockByHash", unknown, False) is None
        assert fork.result("eth_feeHistory", "0x5", "latest", [])["oldestBlock"] == "0x1"
        assert "--fork-url" in fork.error("eth_getBlockByNumber", "0x0", False)
        assert "--fork-url" in fork.error("eth_getLogs", {"fromBlock": "0x0"})
        fork.result("evm_mine")


def test_a_batch_is_fetched_at_once(origin: FakeOrigin) -> None:
    with evm_dex.open(fork=origin.url) as dex:
        node = Node(dex.chain, dex=dex)
        before = origin.posts
        batch = [
            {"jsonrpc": "2.0", "id": slot, "method": "eth_getStorageAt",
             "params": [ADDRESS, hex(slot), "latest"]}
            for slot in range(400)
        ]  # fmt: skip
        found = json.loads(respond(node, batch))
        assert [int(each["result"], 16) for each in found] == [7 * slot for slot in range(400)]
        assert origin.posts == before + 1
        calls = [
            {"jsonrpc": "2.0", "id": at, "method": "eth_call",
             "params": [{"to": ADDRESS, "data": "0x01"}, "latest"]}
            for at in range(3)
        ]  # fmt: skip
        found = json.loads(respond(node, calls))
        assert {int(each["result"], 16) for each in found} == {expected_sum()}
        assert origin.posts <= before + 4


def test_a_reset_forks_another_chain_and_comes_back(origin: FakeOrigin) -> None:
    with NodeConfig().open() as (_, server):
        fork = Asked(server.node)
        assert fork.result("eth_chainId") == hex(31337)
        forking = {"forking": {"jsonRpcUrl": origin.url, "blockNumber": 6}}
        assert fork.result("hardhat_reset", forking) is True
        assert fork.result("eth_blockNumber") == "0x6"
        assert fork.result("eth_chainId") == hex(4242)
        assert int(fork.result("eth_getStorageAt", ADDRESS, "0x9", "latest"), 16) == 63
        fork.result("evm_mine")
        assert fork.result("anvil_reset", {"forking": {"blockNumber": "0x3"}}) is True
        assert fork.result("eth_blockNumber") == "0x3"
        assert fork.result("anvil_setRpcUrl", origin.url) is True
        assert fork.result("hardhat_reset") is True
        assert (fork.result("eth_blockNumber"), fork.result("eth_chainId")) == ("0x0", hex(31337))
        assert "not forked" in fork.error("anvil_setRpcUrl", origin.url)
        assert "must be given as an http" in fork.error(
            "anvil_reset", {"forking": {"jsonRpcUrl": "ws://127.0.0.1:1"}}
        )
        assert "can't be asked" in fork.error(
            "anvil_reset", {"forking": {"jsonRpcUrl": "http://127.0.0.1:9"}}
        )
        assert fork.result("eth_blockNumber") == "0x0"


def test_a_reset_sends_headers_of_its_own(origin: FakeOrigin) -> None:
    with NodeConfig().open() as (_, server):
        asked = Asked(server.node)
        options = {"jsonRpcUrl": origin.url, "httpHeaders": {"Authorization": "Bearer 1"}}
        assert asked.result("hardhat_reset", {"forking": options})
        here = server.node.chain.origin
        assert here is not None
        assert here.fork is not None
        assert here.fork.headers == {"Authorization": "Bearer 1"}
        for wrong in ("x", {"X": 5}, {"X": "a\nb"}, {"X Y": "1"}):
            told = asked.error("hardhat_reset", {"forking": {**options, "httpHeaders": wrong}})
            assert "must be" in told
            assert "eaders" in told


def test_a_reset_without_a_word_goes_back_to_the_fork(fork: Asked) -> None:
    fork.result("anvil_setBalance", ADDRESS, "0x5")
    several: tuple[tuple[Any, ...], ...] = (
        (), ({},), ({"forking": {}},), ({"forking": {"jsonRpcUrl": None}},),
    )  # fmt: skip
    for options in several:
        assert fork.result("anvil_reset", *options) is True
    assert fork.result("eth_blockNumber") == "0xa"
    assert fork.result("eth_getBalance", ADDRESS, "latest") == "0x0"


def test_subscribers_and_filters_follow_to_the_new_chain(origin: FakeOrigin) -> None:
    with NodeConfig().open() as (_, server):
        fork = Asked(server.node)
        heads: list[int] = []
        server.node.events.on_update.append(
            lambda update: heads.extend(header.block_number for header in update.headers)
        )
        fork.result("evm_mine")
        fork.result("anvil_reset", {"forking": {"jsonRpcUrl": origin.url}})
        fork.result("evm_mine")
        assert heads == [1, 11]
        identity = fork.result("eth_newBlockFilter")
        fork.result("evm_mine")
        assert len(fork.result("eth_getFilterChanges", identity)) == 1


def test_others_are_answered_while_the_origin_is_waited_for() -> None:
    may_answer = threading.Event()
    is_asked = threading.Event()

    def alter(request: dict[str, Any], _answer: dict[str, Any]) -> None:
        if request["method"] == "eth_getProof":
            is_asked.set()
            assert may_answer.wait(60)

    with an_origin() as origin, NodeConfig(fork=Fork(url=origin.url)).open() as (_, server):
        fork = Asked(server.node)
        assert int(fork.result("eth_getStorageAt", ADDRESS, "0x2", "latest"), 16) == 14
        origin.alter = alter
        with ThreadPoolExecutor(4) as threads:
            slots = ("0x64", "0x12c", "0x64")
            waiting = [
                threads.submit(fork.result, "eth_getStorageAt", ADDRESS, slot, "latest")
                for slot in slots
            ]
            assert is_asked.wait(60)
            assert int(fork.result("eth_getStorageAt", ADDRESS, "0x2", "latest"), 16) == 14
            fork.result("anvil_setStorageAt", ADDRESS, "0x2", f"{5:#066x}")
            assert fork.result("eth_blockNumber") == "0xb"
            may_answer.set()
            assert [int(each.result(60), 16) for each in waiting] == [700, 2100, 700]
        assert int(fork.result("eth_getStorageAt", ADDRESS, "0x2", "latest"), 16) == 5
        origin.alter = lambda *_: None
        assert max(origin.asked.values()) == 1
