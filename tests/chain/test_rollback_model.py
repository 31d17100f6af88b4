"""Any mixture of trading, going back, branches and reopening, against a twin told only the result.

The model is a list of blocks. After each step that went back, and at the end, a fresh chain is
given those blocks from the beginning and must be the same in everything but spare trie nodes.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    precondition,
    rule,
)

from evm_dex.client.dex import Dex
from tests.chain.trading import RememberingStore, open_on, state_of
from tests.conftest import PROFILE

Block = tuple[int, tuple[bytes, ...]]
"""Timestamp and raw transactions."""
WETH, PRICE = 10**18, 3_000 * 10**6
NAMES = ("clean", "traded")
CLIENT_IDS = 3

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(("buy", "sell", "buy", "sell", "named", "cancel", "cancel all", "replace")),
        st.integers(0, 3),
        st.integers(1, 5),
    ),
    max_size=4,
)
"""What to do, whose account, and a number that stands for price, amount or order."""


def submit(dex: Dex, action: tuple[str, int, int]) -> None:
    """Send one transaction, which the exchange may well refuse."""
    kind, who, number = action
    weth = dex.tokens["WETH"]
    price = PRICE + (number - 3) * 10_000
    amount = number * WETH // 4
    match kind:
        case "buy" | "sell":
            call: tuple[Any, ...] = ("placeOrder", weth, amount, price, kind == "buy")
        case "named":
            name = 1 + number % CLIENT_IDS
            call = ("placeOrderWithOptions", weth, amount, price, who % 2 == 0, 0, name)
        case "cancel":
            call = ("cancelOrder", number)
        case "replace":
            call = ("replaceOrder", number, amount, price)
        case _:
            call = ("cancelAllOrders", weth)
    account, fee = dex.accounts[who], 10**11
    dex.spot.submit(*call, sender=account, gas=2 * 10**6, max_fee_per_gas=fee)


def mined(dex: Dex, delay: int = 1) -> Block:
    """Make a block of all that waits."""
    block = dex.chain.mine(dex.head.timestamp + delay)
    raws = tuple(dex.transaction(name).raw for name in block.transaction_hashes)
    return block.header.timestamp, raws


def replayed(blocks: list[Block]) -> Dex:
    """A chain that was given these blocks and nothing else."""
    dex = open_on(automine=False)
    for timestamp, raws in blocks:
        for raw in raws:
            dex.send_raw(raw)
        dex.mine(timestamp=timestamp)
    return dex


pytestmark = pytest.mark.slow


class TimeTravel(RuleBasedStateMachine):
    """A chain, the blocks it should have, and what it should remember."""

    numbers = Bundle("numbers")

    @initialize()
    def begin(self) -> None:
        self.dex = open_on(RememberingStore(), automine=False)
        self.blocks: list[Block] = []
        self.kept: dict[int | str, tuple[list[Block], list[bytes]]] = {}

    @rule(actions=ACTIONS, delay=st.sampled_from((1, 1, 13)))
    def trade(self, actions: list[tuple[str, int, int]], delay: int) -> None:
        for action in actions:
            submit(self.dex, action)
        self.blocks.append(mined(self.dex, delay))

    @rule(action=ACTIONS)
    def wait(self, action: list[tuple[str, int, int]]) -> None:
        for one in action[:1]:
            submit(self.dex, one)

    @rule(back=st.integers(0, 12))
    def rollback(self, back: int) -> None:
        height = max(0, len(self.blocks) - back)
        self.dex.rollback(height)
        del self.blocks[height:]
        assert len(self.dex.chain.mempool) == 0
        self.compare()

    @rule(target=numbers)
    def snapshot(self) -> int | str:
        number = self.dex.snapshot()
        self.kept[number] = self.present()
        return number

    @rule(name=st.sampled_from(NAMES))
    def snapshot_with_a_name(self, name: str) -> None:
        self.dex.snapshot(name)
        self.kept[name] = self.present()

    @rule(number=consumes(numbers))
    def revert(self, number: int) -> None:
        if self.can_revert(number):
            self.go_back(number)
            kept = self.kept.items()
            self.kept = {k: v for k, v in kept if isinstance(k, str) or k < number}

    @rule(name=st.sampled_from(NAMES))
    def revert_to_a_name(self, name: str) -> None:
        if self.can_revert(name):
            self.go_back(name)

    @precondition(lambda self: self.blocks)
    @rule(back=st.integers(1, 6), actions=ACTIONS)
    def reorganise(self, back: int, actions: list[tuple[str, int, int]]) -> None:
        fork = max(0, len(self.blocks) - back)
        other = replayed(self.blocks[:fork])
        branch: list[Block] = []
        while fork + len(branch) <= len(self.blocks):
            for action in actions:
                submit(other, action)
            branch.append(mined(other, 7))
        self.dex.chain.import_blocks(other.chain.export_blocks(fork))
        self.blocks[fork:] = branch
        self.compare()

    @rule()
    def reopen(self) -> None:
        """Snapshots and what waits end with the process."""
        self.dex = open_on(self.dex.store, automine=False)
        self.kept.clear()
        assert self.dex.repairs == ()
        assert not self.dex.chain.recovery.in_full
        self.compare()

    def present(self) -> tuple[list[Block], list[bytes]]:
        return list(self.blocks), [waiting.raw for waiting in self.dex.chain.mempool]

    def can_revert(self, name: int | str) -> bool:
        """Whether the snapshot is there and its blocks are a beginning of ours."""
        blocks, _ = self.kept.get(name, (None, []))
        return blocks is not None and self.blocks[: len(blocks)] == blocks

    def go_back(self, name: int | str) -> None:
        self.blocks, waiting = list(self.kept[name][0]), self.kept[name][1]
        self.dex.revert(name)
        assert [transaction.raw for transaction in self.dex.chain.mempool] == waiting
        self.compare()

    def compare(self) -> None:
        found = state_of(self.dex)
        assert found == state_of(replayed(self.blocks))
        assert found["violations"] == []

    def teardown(self) -> None:
        if hasattr(self, "dex"):
            self.compare()


TestTimeTravel = TimeTravel.TestCase
TestTimeTravel.settings = settings(
    max_examples=200 if PROFILE == "nightly" else 12,
    stateful_step_count=60 if PROFILE == "nightly" else 25,
)
