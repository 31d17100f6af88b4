"""Forge's calls: each on top of the block that forge is at, wherever the node is."""

from __future__ import annotations

from typing import Any

import pytest

from evm_dex.abi.abi_values import decode, encode
from tests.node.served import SPOT, Served

MAKER, TAKER = "0x" + "a1" * 20, "0x" + "a2" * 20
REQUEST = ("bytes32", "uint256", "bool", "address", "address", "uint256", "bytes")
OUTCOME = "(bytes32,bool,bytes,uint256,(address,bytes32[],bytes)[])"
ETHER, DOLLAR = 10**18, 10**6


class Forge:
    """What forge's EVM remembers of a node."""

    def __init__(self, node: Served) -> None:
        self.node = node
        self.at, tokens = decode(
            ("bytes32", "address[]"), bytes.fromhex(node.result("dex_bridgeConnect")[2:])
        )
        assert set(tokens) == {token.address.lower() for token in node.dex.tokens.values()}
        self.weth = node.dex.tokens["WETH"].address
        self.usdc = node.dex.tokens["USDC"].address

    def deal(self, token: str, user: str, amount: int) -> None:
        params = ["0x" + self.at.hex(), "dex_dealOnSpot", [token, user, hex(amount)]]
        answer = bytes.fromhex(self.node.result("dex_bridgeCheat", *params)[2:])
        self.at, _ = decode(("bytes32", "uint256"), answer)

    def call(
        self,
        name: str,
        *args: Any,
        sender: str = MAKER,
        time: int = 1,
        is_view: bool = False,
        value: int = 0,
    ) -> Any:
        data = self.node.dex.spot.encode(name, *args)
        values = (self.at, time, is_view, sender, SPOT, value, data)
        answer = self.node.result("dex_bridgeCall", "0x" + encode(REQUEST, values).hex())
        self.at, succeeded, output, paid, logs = decode((OUTCOME,), bytes.fromhex(answer[2:]))[0]
        return succeeded, output, paid, logs

    def offer(self, price: int) -> int:
        succeeded, output, _, _ = self.call("placeOrder", self.weth, ETHER, price * DOLLAR, False)
        assert succeeded
        return int.from_bytes(output, "big")

    def best_offer(self) -> int:
        _, output, _, _ = self.call("getBestPrices", self.weth, is_view=True)
        return int(decode(("uint256", "uint256"), output)[1]) // DOLLAR


@pytest.fixture
def forge(fresh_node: Served) -> Forge:
    found = Forge(fresh_node)
    found.deal(found.weth, MAKER, 10 * ETHER)
    found.deal(found.usdc, TAKER, 10_000 * DOLLAR)
    return found


def test_orders_meet_and_their_events_are_told(forge: Forge) -> None:
    offer = forge.offer(3_000)
    order = (forge.weth, 2 * ETHER, 3_000 * DOLLAR, True)
    succeeded, output, paid, logs = forge.call("placeOrder", *order, sender=TAKER)
    assert (succeeded, int.from_bytes(output, "big"), paid) == (True, offer + 1, 0)
    assert [address for address, _, _ in logs] == [SPOT, SPOT]
    assert forge.best_offer() == 0


def test_what_fails_tells_its_error_and_leaves_nothing(forge: Forge) -> None:
    before = forge.at
    succeeded, output, _, logs = forge.call("withdraw", forge.weth, 11 * ETHER)
    assert (succeeded, logs, forge.at) == (False, (), before)
    reason = forge.node.dex.spot.interface.decode_error(output)
    assert reason is not None
    assert reason.name == "InsufficientBalance"


def test_forge_goes_back_and_the_node_with_it(forge: Forge) -> None:
    set_up = forge.at
    first = forge.offer(3_000)
    forge.at = set_up
    assert forge.best_offer() == 0
    assert forge.offer(2_900) == first
    assert forge.best_offer() == 2_900


def test_two_tests_at_once_each_see_their_own(forge: Forge) -> None:
    set_up, other = forge.at, forge.at
    for price in (3_000, 2_950, 2_900):
        forge.offer(price)
        mine, forge.at = forge.at, other
        forge.offer(price - 1_000)
        other, forge.at = forge.at, mine
    assert forge.best_offer() == 2_900
    forge.at = other
    assert forge.best_offer() == 1_900
    forge.at = set_up
    assert forge.best_offer() == 0


def test_nobody_else_sees_what_forge_does(forge: Forge) -> None:
    node = forge.node
    forge.offer(3_000)
    assert node.result("eth_blockNumber") == "0x0"
    assert node.result("dex_depth", "spot", "WETH")["asks"] == []
    assert forge.best_offer() == 3_000
    node.result("evm_mine")
    assert Forge(node).best_offer() == 0
    assert node.result("eth_blockNumber") == "0x1"


def test_what_waits_goes_on_waiting(fresh_node: Served) -> None:
    fresh_node.result("evm_setAutomine", False)
    sent = fresh_node.dex.submit(to=MAKER, value=5)
    forge = Forge(fresh_node)
    forge.deal(forge.weth, MAKER, ETHER)
    forge.offer(3_000)
    fresh_node.result("evm_mine")
    assert fresh_node.dex.receipt(sent).succeeded


def test_wei_come_from_forge_and_are_told_when_they_are_paid_out(forge: Forge) -> None:
    native = "0x" + "ee" * 20
    succeeded, _, paid, _ = forge.call("depositNative", sender=TAKER, value=3 * ETHER)
    assert (succeeded, paid) == (True, 0)
    succeeded, _, paid, _ = forge.call("withdraw", native, ETHER, sender=TAKER)
    assert (succeeded, paid) == (True, ETHER)


def test_block_time_is_forges_where_that_is_later(forge: Forge) -> None:
    head = forge.node.dex.head.timestamp
    forge.call("depositNative", value=1, time=head + 5_000)
    assert forge.node.node.chain.head.timestamp == head + 5_000
    forge.call("depositNative", value=1, time=1)
    assert forge.node.node.chain.head.timestamp == head + 5_001


def test_what_forge_can_not_ask_is_said(forge: Forge) -> None:
    node = forge.node
    for request, code, said in (
        ("0x1234", -32602, "request must be ABI-encoded (bytes32, uint256, bool"),
        ("0x" + encode(REQUEST, (b"\7" * 32, 1, False, MAKER, SPOT, 0, b"")).hex(), -32000, "gone"),
    ):
        told = node.error("dex_bridgeCall", request)
        assert told["code"] == code
        assert said in told["message"]
    told = node.error("dex_bridgeCheat", "0x" + forge.at.hex(), "eth_blockNumber", [])
    assert told["message"] == "method must be one of a test chain, got 'eth_blockNumber'"
