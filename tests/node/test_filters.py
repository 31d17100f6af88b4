"""Filters and early transactions: how long they live, and in what order things come."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from evm_dex.node import filters
from evm_dex.node.request_limits import Limits
from tests.node.served import OTHER, OWNER, Served, served


def test_a_filter_that_nobody_asks_is_gone_and_one_that_is_asked_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000.0
    monkeypatch.setattr(filters, "time", SimpleNamespace(monotonic=lambda: now))
    with served(Limits(filter_seconds=4)) as node:
        asked, forgotten = node.result("eth_newBlockFilter"), node.result("eth_newBlockFilter")
        for _ in range(6):
            now += 1
            assert node.result("eth_getFilterChanges", asked) == []
        assert "filter not found" in node.error("eth_getFilterChanges", forgotten)["message"]


def test_filters_are_bounded_and_can_be_ended() -> None:
    with served(Limits(filters=2)) as node:
        first = node.result("eth_newBlockFilter")
        node.result("eth_newPendingTransactionFilter")
        assert node.error("eth_newFilter", {})["code"] == -32005
        assert node.result("eth_uninstallFilter", first) is True
        assert node.result("eth_uninstallFilter", first) is False
        node.result("eth_newFilter", {})


def test_all_logs_of_a_filter_are_those_of_its_range(fresh_node: Served) -> None:
    token = fresh_node.dex.tokens["WETH"].address
    transfer = "0xa9059cbb" + OTHER[2:].rjust(64, "0") + "1".rjust(64, "0")
    request = {"from": OWNER, "to": token, "data": transfer}
    first = fresh_node.result("eth_sendTransaction", request)
    query = {"address": token, "fromBlock": "0x0", "toBlock": "latest"}
    identity = fresh_node.result("eth_newFilter", query)
    second = fresh_node.result("eth_sendTransaction", request)
    told = [
        [log["transactionHash"] for log in fresh_node.result(method, identity)]
        for method in ("eth_getFilterLogs", "eth_getFilterChanges", "eth_getFilterChanges")
    ]
    assert told == [[first, second], [second], []]


def test_transactions_that_come_early_wait_for_their_turn(fresh_node: Served) -> None:
    def signed(nonce: int) -> str:
        fields = {"from": OWNER, "to": OTHER, "value": "0x1", "nonce": hex(nonce), "gas": "0x5208"}
        raw = fresh_node.result("eth_signTransaction", fields)["raw"]
        assert isinstance(raw, str)
        return raw

    sent = {nonce: fresh_node.result("eth_sendRawTransaction", signed(nonce)) for nonce in (2, 1)}
    assert fresh_node.result("eth_blockNumber") == "0x0"
    assert fresh_node.result("txpool_status") == {"pending": "0x0", "queued": "0x2"}
    assert fresh_node.result("eth_getTransactionByHash", sent[2])["blockHash"] is None
    fresh_node.result("eth_sendRawTransaction", signed(0))
    heights = [
        fresh_node.result("eth_getTransactionReceipt", sent[it])["blockNumber"] for it in (1, 2)
    ]
    assert heights == ["0x2", "0x3"]
    assert fresh_node.result("txpool_status") == {"pending": "0x0", "queued": "0x0"}
    assert "nonce too low" in fresh_node.error("eth_sendRawTransaction", signed(1))["message"]
