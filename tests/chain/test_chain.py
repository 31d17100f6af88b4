"""Blocks: what gets in, in which order, and what happens when something breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checkpoint.errors import StoreFailed
from checkpoint.families import Family
from checkpoint.head import Head
from checkpoint.memory_store import MemoryStore
from checkpoint.rocks import RocksStore
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.chain.block_store import LogEntry
from evm_dex.errors import (
    ChainStopped,
    StateMissing,
    TransactionRejected,
    UnknownTransaction,
)
from precompiles.types import SPOT_ADDRESS, Address
from tests.bytecode import assemble, deployment
from tests.chain.support import (
    ADD,
    ADD_AND_FAIL,
    EMIT,
    Bug,
    World,
    contents,
    state_of_everything,
    word,
)

ALICE, BOB, CAROL = default_accounts()[:3]


@pytest.fixture
def world() -> World:
    return World()


def test_automine_makes_a_block_per_transaction_one_second_apart(world: World) -> None:
    world.send(BOB.address, value=1)
    world.send(BOB.address, value=1)
    heights = [world.chain.header(height) for height in range(3)]
    assert [header.block_number for header in heights] == [0, 1, 2]
    assert [header.timestamp - heights[0].timestamp for header in heights] == [0, 1, 2]
    assert world.chain.state.get_balance(BOB.address) == 10_000 * 10**18 + 2


def test_mining_on_demand_puts_all_that_wait_into_one_block_in_order(world: World) -> None:
    world.chain.automine = False
    sent = [world.chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x01")) for _ in range(3)]
    assert world.balance() == 0
    block = world.chain.mine(timestamp=2_000_000_000)
    assert block.transaction_hashes == tuple(transaction.hash for transaction in sent)
    assert block.header.timestamp == 2_000_000_000
    assert world.balance() == 3


def test_what_does_not_fit_waits_and_holds_back_only_its_own_sender(world: World) -> None:
    world.chain.automine = False
    half = world.chain.head.gas_limit * 6 // 10
    first = world.chain.send(world.signed(BOB.address, gas=half))
    second = world.chain.send(world.signed(BOB.address, gas=half))
    third = world.chain.send(world.signed(BOB.address, gas=21_000))
    other = world.chain.send(world.signed(ALICE.address, gas=21_000, account=BOB))
    # What a transaction reserves counts while it is put in, not what it turns out to use.
    assert world.chain.mine().transaction_hashes == (
        first.hash,
        second.hash,
        third.hash,
        other.hash,
    )
    burner = world.chain
    for _ in range(2):
        burner.send(world.signed(b"", assemble("INVALID"), gas=half))
    late = burner.send(world.signed(BOB.address, gas=21_000))
    free = burner.send(world.signed(ALICE.address, gas=21_000, account=BOB))
    block = burner.mine()
    assert free.hash in block.transaction_hashes
    assert late.hash not in block.transaction_hashes
    assert late.hash in burner.mine().transaction_hashes


def test_a_transaction_that_became_invalid_is_dropped_and_reported(world: World) -> None:
    """Both are affordable alone; after the first the second is not."""
    world.chain.automine = False
    most = 6_000 * 10**18
    kept = world.chain.send(world.signed(BOB.address, value=most))
    gone = world.chain.send(world.signed(BOB.address, value=most))
    block = world.chain.mine()
    assert block.transaction_hashes == (kept.hash,)
    assert [dropped.transaction_hash for dropped in block.dropped] == [gone.hash]
    assert "balance" in block.dropped[0].reason
    assert len(world.chain.mempool) == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chain_id": 1}, "signed for chain 1, this is chain 31337"),
        ({"nonce": 1_000_002}, "nonce too high: it is 1000002, the sender's next is 1"),
        ({"nonce": 0}, "nonce too low: it is 0, the sender's next is 1"),
        ({"gas": 20_999}, "gas limit 20999 is below the 21000"),
        ({"gas": 30_000_001}, "above the block's 30000000"),
        ({"max_fee_per_gas": 1}, "max fee per gas 1 is below the next base fee"),
        ({"max_priority_fee_per_gas": 10**10}, "priority fee 10000000000 is above the max fee"),
        ({"value": 10**23}, "wei, gas at the max fee and value come to"),
        ({"data": b"\x01" * 1000, "gas": 40_000}, "below the 61000"),
        ({"to": b"", "data": b"\x00" * 49_153}, "at most 49152"),
    ],
)
def test_what_can_not_be_mined_is_refused_with_the_reason(
    world: World, changes: dict[str, Any], reason: str
) -> None:
    world.send(BOB.address)
    before = state_of_everything(world)
    with pytest.raises(TransactionRejected, match=reason):
        world.chain.send(world.signed(**{"to": BOB.address, **changes}))
    assert state_of_everything(world) == before


def test_the_same_transaction_is_not_taken_twice(world: World) -> None:
    world.chain.automine = False
    transaction = world.signed(BOB.address)
    world.chain.send(transaction)
    with pytest.raises(TransactionRejected, match="waiting already"):
        world.chain.send(transaction)
    world.chain.mine()
    with pytest.raises(TransactionRejected, match="nonce too low"):
        world.chain.send(transaction)


def test_block_time_only_moves_forward(world: World) -> None:
    with pytest.raises(ValueError, match="only moves forward"):
        world.chain.mine(timestamp=world.chain.head.timestamp)


def test_a_bug_discards_its_block_and_the_chain_goes_on(world: World) -> None:
    """What was executed before it in the block is undone too, and waits for the next block."""
    world.send(SPOT_ADDRESS, ADD + b"\x01")
    world.chain.automine = False
    good = world.chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x02"))
    world.chain.send(world.signed(SPOT_ADDRESS, ADD_AND_FAIL + b"\x04"))
    other = world.chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x08", account=BOB))
    before = state_of_everything(world)
    with pytest.raises(Bug):
        world.chain.mine()
    assert state_of_everything(world) == before
    block = world.chain.mine()
    assert block.transaction_hashes == (good.hash, other.hash)
    assert (world.balance(), world.balance(BOB.address)) == (3, 8)


def test_a_bug_in_automine_leaves_nothing_waiting(world: World) -> None:
    with pytest.raises(Bug):
        world.send(SPOT_ADDRESS, ADD_AND_FAIL + b"\x04")
    assert len(world.chain.mempool) == 0
    world.send(SPOT_ADDRESS, ADD + b"\x01")
    assert world.balance() == 1


class FailingStore(MemoryStore):
    """Refuses to write once told so, before or after the batch is in."""

    fails: str = ""

    def write(self, batch: BlockBatch) -> None:
        if self.fails == "before":
            raise StoreFailed("no space left")
        super().write(batch)
        if self.fails == "after":
            raise StoreFailed("lost the answer")


@pytest.mark.parametrize(("fails", "height"), [("before", 1), ("after", 2)])
def test_a_failed_write_stops_the_chain_and_reopening_goes_on_from_what_is_durable(
    fails: str, height: int
) -> None:
    store = FailingStore()
    world = World(store)
    world.send(SPOT_ADDRESS, ADD + b"\x01")
    store.fails = fails
    with pytest.raises(ChainStopped, match="stopped after block 1: StoreFailed"):
        world.send(SPOT_ADDRESS, ADD + b"\x02")
    for attempt in (world.chain.mine, lambda: world.send(BOB.address), lambda: world.chain.state):
        with pytest.raises(ChainStopped, match="reopen"):
            attempt()
    store.fails = ""
    again = World(store)
    assert again.chain.head.block_number == height
    assert again.balance() == (1 if height == 1 else 3)
    again.send(SPOT_ADDRESS, ADD + b"\x04")
    twin = World()
    for amount in (1, 2, 4) if height == 2 else (1, 4):
        twin.send(SPOT_ADDRESS, ADD + bytes((amount,)))
    assert again.chain.head.hash == twin.chain.head.hash


def _lose_state(world: World) -> None:
    """All nodes and code but the root."""
    batch = BlockBatch()
    for key in contents(world.store)[Family.NODES]:
        if key != world.chain.head.state_root:
            batch.delete(Family.NODES, key)
    world.store.write(batch)


def test_a_store_that_lost_state_does_not_open_and_names_the_node(world: World) -> None:
    """A trie node that is gone is damage, not an empty account."""
    _lose_state(world)
    with pytest.raises(StateMissing, match=r"missing node for hash 0x.*restore a checkpoint"):
        World(world.store)


def test_state_lost_under_a_running_chain_stops_it(world: World) -> None:
    transaction = world.signed(Address(b"\x31" * 20), value=1)
    _lose_state(world)
    with pytest.raises(ChainStopped, match="missing node for hash 0x"):
        world.chain.send(transaction)
    with pytest.raises(ChainStopped, match="reopen"):
        world.chain.mine()


def test_listeners_hear_of_each_block_once_it_is_durable(world: World) -> None:
    heard: list[tuple[int, bool]] = []

    def listen(head: Head) -> None:
        stored = world.store.head()
        heard.append((head.height, stored == head))

    world.chain.add_listener(listen)
    world.send(BOB.address)
    world.chain.mine()
    assert heard == [(1, True), (2, True)]


def _busy(world: World, rounds: int) -> None:
    store = world.deploy(deployment(assemble("PUSH0 CALLDATALOAD DUP1 SSTORE STOP")))
    for index in range(rounds):
        world.send(SPOT_ADDRESS, ADD + bytes((index,)))
        world.send(store, word(index))
        world.send(CAROL.address, account=BOB, value=index)


def test_same_transactions_give_the_same_chain_in_memory_and_on_disk(tmp_path: Path) -> None:
    """Also when the chain on disk is closed and opened in between."""
    memory = World()
    _busy(memory, 4)
    _busy(memory, 4)
    disk = World(RocksStore(tmp_path / "chain"))
    _busy(disk, 4)
    disk.store.close()
    reopened = World(RocksStore(tmp_path / "chain"))
    _busy(reopened, 4)
    try:
        assert reopened.chain.head == memory.chain.head
        assert reopened.ledger.commitment == memory.ledger.commitment
        assert contents(reopened.store) == contents(memory.store)
    finally:
        reopened.store.close()


def test_readers_find_transactions_and_receipts_by_hash(world: World) -> None:
    world.chain.automine = False
    sent = [world.chain.send(world.signed(SPOT_ADDRESS, EMIT + b"x")) for _ in range(3)]
    world.chain.mine()
    included = world.chain.blocks.included(sent[2].hash)
    assert included.transaction == sent[2]
    assert (included.header.block_number, included.index) == (1, 2)
    assert included.first_log_index == 2
    assert included.gas_used == world.chain.blocks.included(sent[0].hash).gas_used
    with pytest.raises(UnknownTransaction):
        world.chain.blocks.included(b"\x00" * 32)


def test_logs_are_found_by_address_and_topics(world: World) -> None:
    logger = world.deploy(deployment(assemble("PUSH0 CALLDATALOAD 0x07 PUSH0 PUSH0 LOG2 STOP")))
    world.send(logger, word(42))
    world.send(SPOT_ADDRESS, EMIT + b"x")
    world.send(BOB.address)

    def found(addresses: list[Address], topics: list[Any], first: int = 0) -> list[LogEntry]:
        last = world.chain.head.block_number
        return list(world.chain.blocks.logs(first, last, addresses, topics))

    assert [entry.log.address for entry in found([], [])] == [logger, SPOT_ADDRESS]
    assert [entry.height for entry in found([logger], [])] == [2]
    assert [entry.height for entry in found([], [word(7), word(42)])] == [2]
    assert [entry.height for entry in found([], [None, [word(42), word(2)]])] == [2, 3]
    assert found([], [word(42)]) == []
    assert found([logger], [], first=3) == []
    assert found([], [word(7), word(42), None]) == []
