"""Taking over a longer branch: both states move together, or not at all."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rlp

from checkpoint.errors import StoreFailed, UndoExpired
from checkpoint.families import Family
from checkpoint.manager import CheckpointManager
from checkpoint.memory_store import MemoryStore
from checkpoint.rocks import RocksStore
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.header import decode_header
from evm_dex.client.dex import Dex
from evm_dex.errors import (
    BranchNotLonger,
    ChainStopped,
    InvalidBlock,
    StateMissing,
    UnknownBlock,
)
from precompiles.types import SPOT_ADDRESS
from tests.chain.support import ADD, World
from tests.chain.trading import open_on, state_of, transactions
from tests.checkpoint.processes import run

FORK = 20


def grown(blocks: int, dex: Dex | None = None) -> Dex:
    """A chain with the first so many of the transactions, a block each."""
    dex = open_on() if dex is None else dex
    for raw in transactions(seed=5, count=50)[dex.head.number : blocks]:
        dex.send_raw(raw)
    return dex


def forked(blocks: int, dex: Dex | None = None) -> Dex:
    """A chain that is `grown` up to FORK and then goes a way of its own, with two per block."""
    dex = grown(FORK, dex)
    chain = dex.chain
    chain.automine = False
    for number in range(blocks):
        chain.mine(timestamp=chain.head.timestamp + 13)
        for raw in transactions(seed=5, count=50)[FORK + 2 * number : FORK + 2 * number + 2]:
            chain.send_raw(raw)
    chain.mine()
    chain.automine = True
    return dex


@pytest.mark.parametrize("first", [0, 5, FORK, FORK + 1])
def test_a_longer_branch_is_taken_over_as_if_it_had_been_ours_all_along(first: int) -> None:
    dex, other = grown(30), forked(12)
    new = dex.chain.import_blocks(other.chain.export_blocks(first))
    assert [header.block_number for header in new] == list(range(FORK + 1, FORK + 14))
    assert state_of(dex) == state_of(other)
    assert state_of(grown_both(dex)) == state_of(grown_both(other))


def grown_both(dex: Dex) -> Dex:
    for raw in transactions(seed=5, count=50)[FORK + 24 : FORK + 28]:
        dex.send_raw(raw)
    return dex


def test_a_chain_from_the_same_genesis_is_caught_up_with() -> None:
    dex, other = grown(0), grown(40)
    assert len(dex.chain.import_blocks(other.chain.export_blocks(1, 25))) == 25
    assert len(dex.chain.import_blocks(other.chain.export_blocks(0))) == 15
    assert state_of(dex) == state_of(other)


def test_there_and_back_again() -> None:
    dex, other = grown(30), forked(12)
    ours = grown(40)
    dex.chain.import_blocks(other.chain.export_blocks(0))
    dex.chain.import_blocks(ours.chain.export_blocks(0))
    assert state_of(dex) == state_of(ours)


@pytest.mark.parametrize("blocks", [0, 1, 9])
def test_a_branch_that_is_not_longer_is_refused(blocks: int) -> None:
    dex, other = grown(30), forked(blocks)
    before = state_of(dex)
    with pytest.raises(BranchNotLonger, match=rf"ends at height {FORK + blocks + 1}, the head is"):
        dex.chain.import_blocks(other.chain.export_blocks(0))
    with pytest.raises(BranchNotLonger, match="ends at height 30, the head is at 30"):
        dex.chain.import_blocks(dex.chain.export_blocks(0))
    assert state_of(dex) == before


def test_a_branch_of_another_genesis_or_from_nowhere_is_refused() -> None:
    dex, other = grown(10), forked(5)
    stranger = World(genesis={"gas_limit": 10**7})
    for _ in range(12):
        stranger.chain.mine()
    with pytest.raises(UnknownBlock, match="not on this chain"):
        dex.chain.import_blocks(stranger.chain.export_blocks(0))
    with pytest.raises(UnknownBlock, match="not on this chain"):
        dex.chain.import_blocks(other.chain.export_blocks(FORK + 2))


def test_a_branch_from_too_far_back_is_refused() -> None:
    dex = open_on(MemoryStore(undo_window=9))
    grown(30, dex)
    before = state_of(dex)
    with pytest.raises(UndoExpired):
        dex.chain.import_blocks(forked(12).chain.export_blocks(0))
    assert state_of(dex) == before


def test_a_branch_from_a_state_that_was_pruned_is_refused() -> None:
    dex, other = grown(30), forked(12)
    batch = BlockBatch()
    batch.delete(Family.NODES, dex.chain.header(FORK).state_root)
    dex.store.write(batch)
    before = state_of(dex)
    with pytest.raises(StateMissing, match=f"block {FORK}"):
        dex.chain.import_blocks(other.chain.export_blocks(0))
    assert state_of(dex) == before
    assert state_of(grown(40, dex)) == state_of(grown(40))


def test_a_disk_that_refuses_stops_the_chain_on_its_own_branch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dex, branch = grown(30), forked(12).chain.export_blocks(0)

    def refuse(_: BlockBatch) -> None:
        raise StoreFailed("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(dex.store, "write", refuse)
        with pytest.raises(ChainStopped, match="disk full"):
            dex.chain.import_blocks(branch)
        with pytest.raises(ChainStopped):
            dex.mine()
    assert state_of(open_on(dex.store)) == state_of(grown(30))


Spoil = Callable[[Any], None]


def _header(**changes: Any) -> Spoil:
    """Replace fields of a block's header, whose children then do not follow."""

    def spoil(block: Any) -> None:
        header = msgspec.structs.replace(decode_header(rlp.encode(block[0])), **changes)
        block[0] = rlp.decode(header.encoded)

    return spoil


SPOILERS: dict[str, tuple[Spoil, str]] = {
    "state root": (_header(state_root=b"\x01" * 32), "state_root is 0x0101"),
    "receipt root": (_header(receipt_root=b"\x01" * 32), "receipt_root is 0x0101"),
    "transaction root": (_header(transaction_root=b"\x01" * 32), "transaction_root is 0x0101"),
    "bloom": (_header(bloom=b"\x01" * 256), "bloom is 0x0101"),
    "gas used": (_header(gas_used=1), "gas_used is 1, execution makes it"),
    "gas limit": (_header(gas_limit=10**9), "gas_limit is 1000000000, execution makes it"),
    "base fee": (_header(base_fee_per_gas=1), "base_fee_per_gas is 1"),
    "height": (_header(block_number=7), "block_number is 7, execution makes it 33"),
    "time": (_header(timestamp=1), "timestamp must be after the parent's"),
    "transaction left out": (lambda block: block[1].pop(), "state_root is"),
    "transactions swapped": (lambda block: block[1].reverse(), "state_root is|nonce too high"),
    "transaction twice": (lambda block: block[1].append(block[1][-1]), "nonce too low"),
    "not a transaction": (lambda block: block[1].append(b"\x02junk"), "does not decode"),
    "uncle": (lambda block: block[2].append(b""), "no uncles and no withdrawals"),
    "withdrawal": (lambda block: block[3].append(b""), "no uncles and no withdrawals"),
    "header cut": (lambda block: block[0].pop(), "a header must have 21 fields, got 20"),
    "header of lists": (
        lambda block: block[0].__setitem__(3, [b"a"]),
        "header must be bytes, got a list",
    ),
    "part missing": (lambda block: block.pop(), "must be a list of header"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPOILERS)
def test_an_invalid_block_leaves_everything_as_before(name: str) -> None:
    """The last of thirteen is spoiled: twelve were executed by then."""
    spoil, message = SPOILERS[name]
    dex, other = grown(30), forked(12)
    before = state_of(dex)
    blocks = list(other.chain.export_blocks(0))
    last = rlp.decode(blocks[-1], strict=False)
    spoil(last)
    with pytest.raises(InvalidBlock, match=message):
        dex.chain.import_blocks([*blocks[:-1], rlp.encode(last)])
    assert state_of(dex) == before
    assert state_of(grown(40, dex)) == state_of(grown(40))


def test_blocks_that_are_none_or_not_in_a_row_are_refused() -> None:
    dex, other = grown(5), grown(9)
    blocks = other.chain.export_blocks(6)
    for wrong, message in (
        ((), "at least one block"),
        ((b"",), "block 0 of the branch does not decode"),
        ((blocks[0], b"\xc0"), "block 1 of the branch does not decode"),
        ((blocks[0], blocks[2]), "is not a child of"),
        ((blocks[0] + b"\x00",), "does not decode"),
    ):
        with pytest.raises(InvalidBlock, match=message):
            dex.chain.import_blocks(wrong)
    assert state_of(dex) == state_of(grown(5))


def test_what_waits_stays_where_its_nonce_still_fits() -> None:
    def sent(world: World, number: int) -> bytes:
        return world.chain.send(world.signed(SPOT_ADDRESS, ADD + bytes((number,)))).hash

    world, other = World(automine=False), World()
    waiting = [sent(world, number) for number in (1, 2, 3)]
    sent(other, 1)
    world.chain.import_blocks(other.chain.export_blocks(1))
    assert [transaction.hash for transaction in world.chain.mempool] == waiting[1:]
    world.chain.mine()
    assert world.balance() == 1 + 2 + 3


def test_an_order_that_ended_on_one_branch_only_is_read_as_the_other_has_it() -> None:
    """While a branch is executed, rows are those of the branch, not what the store still holds."""
    dex, other = open_on(), open_on()
    for chain in (dex, other):
        chain.spot.send("placeOrder", chain.tokens["WETH"], 10**18, 10**9, True, gas=10**6)
    dex.spot.send("cancelOrder", 1, gas=10**6)
    other.mine()
    other.spot.send("placeOrder", other.tokens["WETH"], 10**18, 10**9, True, gas=10**6)
    for _ in range(2):
        other.spot.send("cancelOrder", 1, gas=10**6)
        other.spot.send("cancelOrder", 2, gas=10**6)
    dex.chain.import_blocks(other.chain.export_blocks(0))
    assert state_of(dex) == state_of(other)


def test_listeners_hear_of_the_new_head_once_and_a_checkpoint_that_was_passed_is_made(
    tmp_path: Path,
) -> None:
    heights: list[int] = []
    with closing(RocksStore(tmp_path)) as store:
        manager = CheckpointManager(store, interval=25)
        dex = grown(FORK, open_on(store))
        dex.chain.add_listener(lambda head: heights.append(head.height))
        dex.chain.add_listener(manager.committed)
        dex.mine()
        dex.chain.import_blocks(forked(12).chain.export_blocks(0))
        assert heights == [FORK + 1, FORK + 13]
        assert [info.height for info in manager.list()] == [FORK + 13]


KILLED = """
import os, signal, sys
from pathlib import Path
from checkpoint.rocks import RocksStore
from checkpoint.rocks.database import Database
from tests.chain.test_block_import import forked, grown
from tests.chain.trading import open_on
dex = grown(30, open_on(RocksStore(Path(sys.argv[1]))))
write = Database.write
def dying(self, changes, *, sync):
    if sys.argv[2] == "after":
        write(self, changes, sync=sync)
    os.kill(os.getpid(), signal.SIGKILL)
branch = forked(12).chain.export_blocks(0)
Database.write = dying
dex.chain.import_blocks(branch)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_leaves_our_branch_or_the_other(tmp_path: Path, moment: str) -> None:
    assert run(KILLED, tmp_path, moment)[0] == -signal.SIGKILL
    with closing(RocksStore(tmp_path)) as store:
        dex = open_on(store)
        assert state_of(dex) == state_of(grown(30) if moment == "before" else forked(12))
