"""Logs that a rollback takes away: those who follow the chain hear that they are gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType
from hypothesis import given
from hypothesis import strategies as st

import evm_dex
from checkpoint.trie import rlp
from evm_dex.errors import InvalidBlock
from evm_dex.node.log_query import LogQuery, find_logs
from evm_dex.node.node import Node
from evm_dex.node.request_limits import Limits
from evm_dex.node.subscriptions import Subscriptions
from tests.node.served import OTHER, OWNER, Served, served
from tests.node.test_connection import Client, with_client

STATE_ROOT = 3
EVERYTHING = LogQuery(first="earliest")


class Follower:
    """A client that keeps a list of logs by what it is told."""

    def __init__(self) -> None:
        self.logs: list[Any] = []
        self.removals = 0

    def hear(self, log: Any) -> None:
        known = {**log, "removed": False}
        if log["removed"]:
            self.logs.remove(known)  # a ValueError where it was never told of
            self.removals += 1
        else:
            assert known not in self.logs
            self.logs.append(known)


class World:
    """A chain with a token, a filter and a subscription on its logs."""

    def __init__(self, dex: evm_dex.Dex, limits: Limits | None = None) -> None:
        self.dex = dex
        self.token = dex.tokens["WETH"]
        self.node = Node(dex.chain, dex=dex, limits=limits)
        self.filter = self.node.filters.add_logs(LogQuery())
        self.polling, self.subscribed = Follower(), Follower()
        self.ended = 0
        self.subscriptions = Subscriptions(self.node, self._hear, self._end)
        self.subscriptions.to_logs(LogQuery())

    def transfer(self) -> None:
        self.token.send("transfer", self.dex.accounts[1], 1, sender=self.dex.accounts[0])

    def poll(self) -> None:
        for log in self.node.filters.changes(self.filter):
            self.polling.hear(log)

    def _hear(self, message: bytes) -> None:
        self.subscribed.hear(json.loads(message)["params"]["result"])

    def _end(self) -> None:
        self.ended += 1


@contextmanager
def world(limits: Limits | None = None) -> Iterator[World]:
    with evm_dex.open() as dex:
        yield World(dex, limits)


ACTIONS = st.one_of(
    st.sampled_from(["transfer", "mine", "poll", "branch"]),
    st.tuples(st.just("rollback"), st.integers(0, 5)),
)


@pytest.mark.slow
@given(st.lists(ACTIONS, max_size=25))
def test_whoever_follows_has_the_logs_of_the_chain(actions: list[Any]) -> None:
    """Whatever happens, and whenever a filter is asked: added and removed make what there is."""
    with world() as it:
        for action in actions:
            match action:
                case "transfer":
                    it.transfer()
                case "mine":
                    it.dex.mine()
                case "poll":
                    it.poll()
                case "branch":
                    refused_branch(it)
                case _, back:
                    it.dex.rollback(max(0, it.dex.head.number - back))
        it.poll()
        expected = find_logs(it.node.chain, it.node.limits, EVERYTHING)
        assert it.polling.logs == it.subscribed.logs == expected
        assert it.ended == 0


def refused_branch(it: World) -> None:
    """A longer branch that is taken back to the old head, as its last block is not sound."""
    chain = it.dex.chain
    with evm_dex.open() as elsewhere:
        elsewhere.mine(chain.head.block_number + 1, timestamp=2_000_000_000)
        *blocks, last = elsewhere.chain.export_blocks(1)
    header, *rest = rlp.decode(last)
    header[STATE_ROOT] = bytes(32)
    with pytest.raises(InvalidBlock, match="state_root"):
        chain.import_blocks([*blocks, rlp.encode([header, *rest])])


def test_a_filter_tells_of_what_came_and_went_between_two_questions() -> None:
    with world() as it:
        it.transfer()
        it.poll()
        it.transfer()
        it.transfer()
        it.dex.rollback(0)
        it.transfer()
        told = it.node.filters.changes(it.filter)
        assert [(log["blockNumber"], log["removed"]) for log in told] == [
            ("0x2", False), ("0x3", False), ("0x1", True), ("0x2", True), ("0x3", True),
            ("0x1", False),
        ]  # fmt: skip
        assert it.node.filters.changes(it.filter) == []


def test_only_logs_that_were_asked_for_are_told() -> None:
    with world() as it:
        other = it.node.filters.add_logs(LogQuery(addresses=(it.dex.tokens["USDC"].raw_address,)))
        it.transfer()
        it.dex.rollback(0)
        assert it.node.filters.changes(other) == []


def test_a_branch_that_takes_over_removes_the_logs_of_the_other() -> None:
    with world() as it, evm_dex.open() as elsewhere:
        it.transfer()
        elsewhere.mine(2)
        it.dex.chain.import_blocks(elsewhere.chain.export_blocks(1))
        assert (it.subscribed.logs, it.subscribed.removals) == ([], 1)
        it.poll()
        assert (it.polling.logs, it.polling.removals) == ([], 1)


def test_more_than_can_be_kept_ends_who_followed_and_not_the_rollback() -> None:
    with world(Limits(log_results=2)) as it:
        for _ in range(3):
            it.transfer()
        it.dex.rollback(0)
        assert (it.dex.head.number, it.ended) == (0, 1)
        with pytest.raises(Exception, match="make a new filter"):
            it.poll()
        fresh = it.node.filters.add_logs(LogQuery())
        it.transfer()
        assert len(it.node.filters.changes(fresh)) == 1


@pytest.mark.parametrize("method", ["evm_revert", "dex_rollback", "anvil_rollback"])
def test_methods_that_go_back_tell_too(fresh_node: Served, method: str) -> None:
    node = fresh_node
    token = node.dex.tokens["WETH"].address
    data = "0xa9059cbb" + OTHER[2:].rjust(64, "0") + "1".rjust(64, "0")
    snapshot = node.result("evm_snapshot")
    identity = node.result("eth_newFilter", {"address": token})
    blocks = node.result("eth_newBlockFilter")
    node.result("eth_sendTransaction", {"from": OWNER, "to": token, "data": data})
    assert [log["removed"] for log in node.result("eth_getFilterChanges", identity)] == [False]
    node.result("eth_getFilterChanges", blocks)
    arguments = {"evm_revert": snapshot, "dex_rollback": "0x0", "anvil_rollback": "0x1"}
    node.result(method, arguments[method])
    assert [log["removed"] for log in node.result("eth_getFilterChanges", identity)] == [True]
    assert node.result("eth_getFilterChanges", blocks) == []
    node.result("evm_mine")
    assert len(node.result("eth_getFilterChanges", blocks)) == 1


def test_a_socket_that_would_miss_logs_is_closed() -> None:
    with served(Limits(log_results=0)) as node:
        token = node.dex.tokens["WETH"]

        async def work(client: Client) -> None:
            await client.ask("eth_subscribe", "logs", {})
            token.send("transfer", OTHER, 1, sender=OWNER)
            assert not (await client.next())["result"]["removed"]
            node.dex.rollback(0)
            assert (await client.socket.receive(timeout=60)).type is WSMsgType.CLOSE

        with_client(node, work)


def test_a_subscriber_hears_of_logs_that_went_and_of_the_blocks_that_came(
    fresh_node: Served,
) -> None:
    token = fresh_node.dex.tokens["WETH"]

    async def work(client: Client) -> None:
        heads = await client.ask("eth_subscribe", "newHeads")
        logs = await client.ask("eth_subscribe", "logs", {"address": token.address})
        token.send("transfer", OTHER, 1, sender=OWNER)
        assert await client.ask("anvil_reorg", "0x1") is None
        told = [await client.next() for _ in range(4)]
        head, came, gone, other = [item["result"] for item in told]
        assert [item["subscription"] for item in told] == [heads, logs, logs, heads]
        assert gone == {**came, "removed": True}
        assert (came["blockHash"], other["number"]) == (head["hash"], "0x1")
        assert other["hash"] != head["hash"]

    with_client(fresh_node, work)
