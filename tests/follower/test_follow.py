"""A follower has what its node has: whatever is written there, and however it goes back."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import evm_dex
from evm_dex.origin.fork import Fork
from tests.follower.running import Network, ask, following, refused
from tests.node.served import Served, served

pytestmark = pytest.mark.slow
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
WHALE = "0x" + "11" * 20


@pytest.fixture
def node() -> Iterator[Served]:
    with served() as running:
        yield running


def trade(url: str, count: int, start: int = 0) -> None:
    """Orders that rest and orders that take, a block each."""
    for number in range(start, start + count):
        user, is_buy = (OWNER, False) if number % 3 else (OTHER, True)
        price = (3_000 + number % 7) * 10**6
        order = (user, "spot", "WETH", is_buy, hex(10**16), hex(price))
        for _ in range(20):  # its estimate gives way to others on a machine that is busy
            try:
                ask(url, "dex_placeOrder", *order)
                break
            except AssertionError as error:
                assert "execution aborted" in str(error)  # noqa: PT017 - all else is a failure


def cheat(url: str) -> None:
    ask(url, "dex_dealOnSpot", "WETH", WHALE, hex(10**18))
    ask(url, "anvil_setBalance", WHALE, hex(10**18))
    ask(url, "anvil_setCode", "0x" + "22" * 20, "0x6000")
    ask(url, "dex_setOraclePrice", "WETH", hex(2_100 * 10**6))
    ask(url, "anvil_setNextBlockBaseFeePerGas", "0x7")
    ask(url, "evm_mine")
    ask(url, "anvil_impersonateAccount", WHALE)
    ask(url, "eth_sendTransaction", {"from": WHALE, "to": OWNER, "value": "0x1"})


def same(one: str, other: str) -> None:
    """Both answer the same, about all there is."""
    questions: tuple[tuple[Any, ...], ...] = (
        ("dex_head",),
        ("eth_getBlockByNumber", "latest", True),
        ("eth_getBlockReceipts", "latest"),
        ("dex_account", OWNER),
        ("dex_account", WHALE),
        ("dex_depth", "spot", "WETH", 20),
        ("dex_markets",),
        ("eth_getBalance", WHALE, "latest"),
        ("eth_getProof", OWNER, [], "latest"),
        ("dex_selfCheck",),
    )
    for method, *params in questions:
        assert ask(one, method, *params) == ask(other, method, *params), method


def test_a_follower_answers_for_its_node(node: Served, tmp_path: Path) -> None:
    trade(node.url, 5)
    with following(node.url, tmp_path / "chain") as follower:
        trade(node.url, 10, 5)
        cheat(node.url)
        follower.wait_for(ask(node.url, "dex_head")["hash"])
        same(node.url, follower.url)
        # What is written here goes to the node, and can be read here with the answer.
        trade(follower.url, 3)
        assert ask(node.url, "dex_head") == follower.ask("dex_head")
        sent = follower.ask("eth_sendTransaction", {"from": OWNER, "to": OTHER, "value": "0x1"})
        assert follower.ask("eth_getTransactionReceipt", sent)["status"] == "0x1"
        told = follower.ask("dex_following")
        assert (told["connected"], told["blocksBehind"], told["problem"]) == (True, 0, None)
        assert ask(node.url, "dex_following") is None
        assert follower.ask("eth_syncing") is False
        # Snapshots, rollbacks and reorganisations.
        snapshot = follower.ask("evm_snapshot")
        trade(follower.url, 4)
        assert follower.ask("evm_revert", snapshot) is True
        same(node.url, follower.url)
        ask(node.url, "anvil_reorg", 3, [])
        follower.wait_for(ask(node.url, "dex_head")["hash"])
        same(node.url, follower.url)
        waiting_is_the_nodes(node, follower.url)


def waiting_is_the_nodes(node: Served, url: str) -> None:
    ask(node.url, "evm_setAutomine", False)
    ask(url, "eth_sendTransaction", {"from": OWNER, "to": OTHER, "value": "0x1"})
    assert ask(url, "txpool_status") == ask(node.url, "txpool_status")
    latest, pending = (
        int(ask(url, "eth_getTransactionCount", OWNER, tag), 16) for tag in ("latest", "pending")
    )
    assert pending == latest + 1


def batch(url: str, *requests: tuple[Any, ...]) -> list[Any]:
    body = json.dumps(
        [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, *params) in enumerate(requests)
        ]
    )
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        found: list[Any] = json.load(answer)
    assert [each["id"] for each in found] == list(range(len(requests)))
    return found


def test_of_a_batch_each_request_goes_where_it_belongs(node: Served, tmp_path: Path) -> None:
    with following(node.url, tmp_path / "chain") as follower:
        made, sent, height, told, waiting, odd = batch(
            follower.url,
            ("eth_newBlockFilter",),
            ("eth_sendTransaction", {"from": OWNER, "to": OTHER, "value": "0x1"}),
            ("eth_blockNumber",),
            ("dex_following",),
            ("eth_getTransactionCount", OWNER, "pending"),
            ("no_method",),
        )
        assert follower.ask("eth_getTransactionReceipt", sent["result"])["status"] == "0x1"
        assert height["result"] == node.result("eth_blockNumber")
        assert told["result"]["node"] == node.url
        assert waiting["result"] == node.result("eth_getTransactionCount", OWNER, "pending")
        assert odd["error"]["code"] == -32601
        # The filter is this server's: the node has none of its id.
        head = node.result("dex_head")["hash"]
        assert follower.ask("eth_getFilterChanges", made["result"]) == [head]
        with pytest.raises(AssertionError):
            ask(node.url, "eth_getFilterChanges", made["result"])

        async def over_a_web_socket() -> list[Any]:
            requests = [
                {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]},
                {"jsonrpc": "2.0", "id": 2, "method": "evm_mine", "params": []},
                {"jsonrpc": "2.0", "method": "evm_mine", "params": []},
            ]
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(follower.url) as socket,
            ):
                await socket.send_json(requests)
                return [json.loads((await socket.receive(timeout=60)).data) for _ in range(3)]

        found = asyncio.run(over_a_web_socket())
        (answers,) = (each for each in found if isinstance(each, list))
        assert [each["id"] for each in answers] == [1, 2]
        heads = [each["params"]["result"]["number"] for each in found if isinstance(each, dict)]
        first = int(height["result"], 16) + 1
        assert heads == [hex(first), hex(first + 1)]


def test_heads_are_told_over_a_web_socket_which_takes_writes_too(
    node: Served, tmp_path: Path
) -> None:
    async def heads(url: str) -> list[str]:
        found: list[str] = []
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            for number, (method, params) in enumerate(
                (("eth_subscribe", ["newHeads"]), ("evm_mine", []), ("evm_mine", []))
            ):
                await socket.send_json(
                    {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
                )
            while len(found) < 2:
                told = json.loads((await socket.receive(timeout=60)).data)
                if told.get("method") == "eth_subscription":
                    found.append(told["params"]["result"]["hash"])
        return found

    with following(node.url, tmp_path / "chain") as follower:
        found = asyncio.run(heads(follower.url))
        assert found == [
            ask(node.url, "eth_getBlockByNumber", hex(height), False)["hash"] for height in (1, 2)
        ]


def test_followers_follow_followers_and_one_is_promoted(node: Served, tmp_path: Path) -> None:
    with (
        Network(node.port) as network,
        following(network.url, tmp_path / "first") as first,
        following(first.url, tmp_path / "second") as second,
    ):
        trade(second.url, 4)
        cheat(second.url)
        second.wait_for(ask(node.url, "dex_head")["hash"])
        same(node.url, second.url)
        network.cut()
        before = first.ask("dex_head")
        with pytest.raises(AssertionError, match="does not answer"):
            first.ask("evm_mine")
        assert first.ask("dex_promote") is True
        trade(second.url, 2)  # goes to the first now
        assert first.ask("dex_head")["number"] == before["number"] + 2
        same(first.url, second.url)
        first.stop()
        assert "was promoted" in refused(network.url, tmp_path / "first")


def test_a_node_that_begins_anew_is_followed_from_an_archive(tmp_path: Path) -> None:
    with served() as node, served() as other, Network(node.port) as network:
        trade(node.url, 6)
        with following(network.url, tmp_path / "chain") as follower:
            trade(node.url, 6, 6)
            cheat(other.url)
            trade(other.url, 1)
            network.cut()
            network.mend(other.port)
            follower.wait_for(ask(other.url, "dex_head")["hash"])
            same(other.url, follower.url)
        left = sorted(path.name for path in tmp_path.iterdir())
        assert left == ["chain"]


def test_writes_are_refused_by_a_switch(node: Served, tmp_path: Path) -> None:
    with following(node.url, tmp_path / "chain", forwards=False) as follower:
        with pytest.raises(AssertionError, match="takes no writes: send them there"):
            follower.ask("evm_mine")
        assert follower.ask("eth_blockNumber") == "0x0"


def test_what_can_not_be_followed_is_refused_with_nothing_begun(
    node: Served, tmp_path: Path
) -> None:
    target = tmp_path / "chain"
    assert "does not answer" in refused("http://127.0.0.1:1", target)
    assert "must begin with http" in refused("localhost:8545", target)
    with served() as older:
        for name in [name for name in older.node.methods if name.startswith("dex_head")]:
            del older.node.methods[name]
        assert "does not know dex_head: it must be evm-dex of this" in refused(older.url, target)
    with served(fork=Fork(url=node.url)) as fork:
        assert "a forked chain can't be followed" in refused(fork.url, target)
    assert list(tmp_path.iterdir()) == []
    # A store of another genesis, and one with blocks of its own.
    with evm_dex.open(target, genesis={"chain_id": 77}):
        pass
    assert "has chain 31337 with genesis" in refused(node.url, target)
    own = tmp_path / "own"
    with evm_dex.open(own) as dex:
        dex.mine(3)
        head = dex.chain.head.hash
    said = refused(node.url, own)
    assert "has block 3, which the node does not have" in said or "with genesis" in said
    with evm_dex.open(own) as dex:
        assert dex.chain.head.hash == head
    files = tmp_path / "files"
    files.mkdir()
    (files / "notes.txt").write_text("mine")
    assert "has other files" in refused(node.url, files)
    assert "must be a directory, got a file" in refused(node.url, files / "notes.txt")
    assert (files / "notes.txt").read_text() == "mine"
    assert list(files.iterdir()) == [files / "notes.txt"]
    for beside in ("new.incoming", "new.outgoing"):
        files.rename(tmp_path / beside)
        assert f"{beside} has other files" in refused(node.url, tmp_path / "new")
        files = tmp_path / beside
        assert (files / "notes.txt").read_text() == "mine"
