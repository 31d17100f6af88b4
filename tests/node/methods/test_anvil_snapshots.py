"""Going back by JSON-RPC: rollbacks, and other blocks in the place of the newest."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.served import OTHER, OWNER, Served

STRANGER = "0x" + "57" * 20
PAYMENT = {"from": OWNER, "to": STRANGER, "value": "0x1", "gas": "0x5208"}


def height(node: Served) -> int:
    return int(node.result("eth_blockNumber"), 16)


def balance(node: Served) -> int:
    return int(node.result("eth_getBalance", STRANGER, "latest"), 16)


def hashes(node: Served) -> list[str]:
    return [
        node.result("eth_getBlockByNumber", hex(number), False)["hash"]
        for number in range(height(node) + 1)
    ]


def pay(node: Served, times: int) -> None:
    for _ in range(times):
        node.result("eth_sendTransaction", PAYMENT)


def test_a_rollback_takes_back_one_block_or_several_or_to_a_block(fresh_node: Served) -> None:
    node = fresh_node
    pay(node, 5)
    assert node.result("anvil_rollback") is None
    assert (height(node), balance(node)) == (4, 4)
    node.result("anvil_rollback", 2)
    assert (height(node), balance(node)) == (2, 2)
    assert node.result("dex_rollback", "0x1") == "0x1"
    assert (height(node), balance(node)) == (1, 1)
    assert "depth must be at most 1" in node.error("anvil_rollback", "0x2")["message"]
    assert "header not found" in node.error("dex_rollback", "0x2")["message"]
    assert height(node) == 1


def test_a_reorganisation_has_other_blocks_up_to_the_old_height(fresh_node: Served) -> None:
    node = fresh_node
    pay(node, 4)
    old = hashes(node)
    raw = node.result("eth_signTransaction", {**PAYMENT, "nonce": "0x3", "value": "0x10"})["raw"]
    first = {**PAYMENT, "value": "0x100"}
    node.result("anvil_reorg", 3, [[first, 0], [{**first, "value": "0x200"}, 0], [raw, 2]])
    new = hashes(node)
    assert (len(new), new[:2]) == (5, old[:2])
    assert not set(new[2:]) & set(old)
    assert balance(node) == 0x1 + 0x100 + 0x200 + 0x10
    counts = [
        int(node.result("eth_getBlockTransactionCountByNumber", hex(number)), 16)
        for number in (2, 3, 4)
    ]
    assert counts == [2, 0, 1]
    pay(node, 1)
    assert height(node) == 5


def test_a_reorganisation_that_can_not_be_made_says_where_the_chain_ends(
    fresh_node: Served,
) -> None:
    node = fresh_node
    pay(node, 3)
    bad = {**PAYMENT, "nonce": "0x63"}
    error = node.error("anvil_reorg", "0x2", [[PAYMENT, 0], [bad, 1]])
    assert "the chain ends at block 2 now: nonce too high" in error["message"]
    error = node.error("anvil_reorg", "0x1", [[{**PAYMENT, "from": STRANGER}, 0]])
    assert "the chain ends at block 1 now: unknown account" in error["message"]
    assert node.result("txpool_status") == {"pending": "0x0", "queued": "0x0"}
    pay(node, 1)
    assert (height(node), balance(node)) == (2, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        ["0x9"],
        [],
        [-1],
        ["0x1", "all"],
        ["0x1", [PAYMENT]],
        ["0x1", [[PAYMENT]]],
        ["0x1", [[PAYMENT, 1]]],
        ["0x1", [["0xzz", 0]]],
        ["0x1", [[{"form": OTHER}, 0]]],
        ["0x1", [[7, 0]]],
        ["0x1", [[PAYMENT, 0, 0]]],
    ],
    ids=str,
)
def test_wrong_parameters_leave_the_chain_alone(fresh_node: Served, wrong: list[Any]) -> None:
    pay(fresh_node, 2)
    before = hashes(fresh_node)
    assert fresh_node.error("anvil_reorg", *wrong)["code"] == -32602
    assert hashes(fresh_node) == before
