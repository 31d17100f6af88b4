"""Going back to an earlier block: as if the later ones had never been."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path

import pytest

from checkpoint.errors import StoreDamaged, StoreFailed, UndoExpired
from checkpoint.families import Family, height_key
from checkpoint.manager import CheckpointManager
from checkpoint.memory_store import MemoryStore
from checkpoint.record_codec import encode_undo
from checkpoint.restore import restore
from checkpoint.rocks import RocksStore
from checkpoint.store_batch import BlockBatch
from evm_dex.client.dex import Dex
from evm_dex.errors import ChainStopped, StateMissing, UnknownBlock, UnknownTransaction
from evm_dex.evm.calls import Call
from precompiles.types import SPOT_ADDRESS
from tests.chain.support import ADD, World, state_of_everything
from tests.chain.trading import open_on, state_of, transactions
from tests.checkpoint.processes import run


def grown(blocks: int, dex: Dex | None = None) -> Dex:
    """A chain with the first so many of the transactions, a block each."""
    dex = open_on() if dex is None else dex
    for raw in transactions(seed=3, count=60)[dex.head.number : blocks]:
        dex.send_raw(raw)
    return dex


@pytest.mark.slow
@pytest.mark.parametrize("back", [0, 11, 37, 39, 40])
def test_a_rollback_leaves_the_chain_as_one_that_never_went_further(back: int) -> None:
    dex, twin = grown(40), grown(back)
    assert dex.chain.rollback(back).hash == twin.chain.head.hash
    assert state_of(dex) == state_of(twin)
    assert state_of(grown(60, dex)) == state_of(grown(60, twin))


def test_after_a_rollback_the_chain_goes_on_to_another_future() -> None:
    dex, twin = grown(40), grown(20)
    dex.chain.rollback(20)
    for chain in (dex, twin):
        chain.mine(3, timestamp=chain.chain.head.timestamp + 100)
        chain.spot.send("placeOrder", chain.tokens["WETH"], 10**18, 10**9, True)
    assert state_of(dex) == state_of(twin)


def test_blocks_can_be_named_by_hash_by_height_and_from_the_end() -> None:
    dex = grown(30)
    hashes = {height: dex.block(height).hash for height in (10, 15, 20)}
    dex.chain.rollback(hashes[20])
    assert dex.head.number == 20
    dex.chain.rollback(-6)
    assert dex.head.hash == hashes[15]
    assert dex.chain.rollback("earliest").block_number == 0


def test_the_blocks_left_behind_are_unknown_by_every_name() -> None:
    """Otherwise a call at an abandoned hash would mix its EVM state with our ledger."""
    dex = grown(40)
    gone = dex.block(30)
    dex.chain.rollback(29)
    for name in (30, gone.hash):
        with pytest.raises(UnknownBlock):
            dex.spot.call("owner", block=name)
        with pytest.raises(UnknownBlock):
            dex.chain.rollback(name)
    with pytest.raises(UnknownTransaction):
        dex.receipt(gone.transactions[0])


def test_a_rollback_to_the_head_changes_no_row_and_empties_the_mempool() -> None:
    world = World(automine=False)
    world.chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x01"))
    before = state_of_everything(world)
    world.chain.rollback("latest")
    assert state_of_everything(world) == before
    assert len(world.chain.mempool) == 0
    assert world.chain.next_nonce(world.account.address) == 0


def test_calls_see_every_block_in_the_window_after_a_rollback() -> None:
    dex, twin = grown(40), grown(0)
    dex.chain.rollback(25)
    weth = dex.tokens["WETH"]
    for height in range(1, 26):
        grown(height, twin)
        assert dex.spot.call("getDepth", weth, 9, block=height) == twin.spot.call(
            "getDepth", weth, 9
        )
        assert dex.balance(dex.accounts[0], height) == twin.balance(twin.accounts[0])


def test_outside_the_window_the_nearest_checkpoint_of_this_chain_is_named(tmp_path: Path) -> None:
    """One of a branch that was left is not named, though it is nearer."""
    with closing(RocksStore(tmp_path, undo_window=5)) as store:
        manager = CheckpointManager(store, interval=8)
        dex = open_on(store)
        dex.chain.add_listener(manager.committed)
        grown(16, dex)
        dex.chain.rollback(13)
        dex.mine(8)
        assert [info.height for info in manager.list()] == [8, 16, 16]
        assert dex.head.number == 21
        for asked, nearest in ((15, 8), (13, 8), (8, 8), (7, None)):
            named = f"at height {nearest}$" if nearest else "no checkpoint at or below it"
            before = state_of(dex)
            with pytest.raises(UndoExpired, match=named) as error:
                dex.chain.rollback(asked)
            assert error.value.height == asked
            with pytest.raises(UndoExpired, match=named):
                dex.spot.call("owner", block=asked)
            assert state_of(dex) == before
        dex.chain.rollback(16)
        with pytest.raises(UndoExpired, match=r"at height 8$"):
            dex.chain.rollback(15)


def test_a_checkpoint_of_each_branch_can_be_restored(tmp_path: Path) -> None:
    with closing(RocksStore(tmp_path)) as store:
        manager = CheckpointManager(store, interval=10)
        dex = open_on(store)
        dex.chain.add_listener(manager.committed)
        grown(30, dex)
        dex.chain.rollback(15)
        dex.mine(5)
        other = dex.head.hash
        branches = [info for info in manager.list() if info.height == 20]
    assert len({info.path for info in branches}) == 2
    assert [info.problem for info in branches] == [None, None]
    restore(tmp_path, 20)
    with closing(RocksStore(tmp_path)) as store:
        dex = open_on(store)
        assert (dex.head.hash, dex.self_check()) == (other, [])


def test_a_checkpoint_the_rollback_lands_on_is_not_made_twice(tmp_path: Path) -> None:
    with closing(RocksStore(tmp_path)) as store:
        manager = CheckpointManager(store, interval=10)
        dex = open_on(store)
        dex.chain.add_listener(manager.committed)
        grown(25, dex)
        dex.chain.rollback(10)
        assert [info.height for info in manager.list()] == [10, 20]


def test_undo_rows_that_lead_elsewhere_are_refused_before_any_change() -> None:
    dex = grown(20)
    batch = BlockBatch()
    batch.put(Family.UNDO, height_key(20), encode_undo(()))
    dex.store.write(batch)
    before = state_of(dex)
    with pytest.raises(StoreDamaged, match="the state of block 19 commits to"):
        dex.chain.rollback(19)
    assert state_of(dex) == before


def test_a_state_that_is_not_there_is_refused_before_any_change() -> None:
    world = World()
    world.send(SPOT_ADDRESS, ADD + b"\x01")
    world.send(SPOT_ADDRESS, ADD + b"\x02")
    batch = BlockBatch()
    batch.delete(Family.NODES, world.chain.header(1).state_root)
    world.store.write(batch)
    before = state_of_everything(world)
    with pytest.raises(StateMissing, match="block 1"):
        world.chain.rollback(1)
    with pytest.raises(StateMissing, match="block 1"):
        world.chain.state_at(1)
    with pytest.raises(StateMissing, match="block 1"):
        world.chain.call(Call(to=SPOT_ADDRESS, data=ADD + b"\x01"), 1)
    assert state_of_everything(world) == before


def test_the_window_grows_again_after_a_rollback() -> None:
    dex = open_on(MemoryStore(undo_window=10))
    grown(40, dex)
    dex.chain.rollback(32)
    grown(38, dex)
    dex.chain.rollback(30)
    assert state_of(dex)["head"] == grown(30).head.hash.hex()
    with pytest.raises(UndoExpired):
        dex.chain.rollback(29)


def test_a_disk_that_refuses_stops_the_chain_at_what_is_durable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dex = grown(20)

    def refuse(_: BlockBatch) -> None:
        raise StoreFailed("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(dex.store, "write", refuse)
        with pytest.raises(ChainStopped, match="disk full"):
            dex.rollback(10)
        with pytest.raises(ChainStopped):
            dex.mine()
    assert state_of(open_on(dex.store)) == state_of(grown(20))


KILLED = """
import os, signal, sys
from pathlib import Path
from checkpoint.rocks import RocksStore
from checkpoint.rocks.database import Database
from tests.chain.test_rollback import grown
from tests.chain.trading import open_on
dex = grown(40, open_on(RocksStore(Path(sys.argv[1]))))
write = Database.write
def dying(self, changes, *, sync):
    if sys.argv[2] == "after":
        write(self, changes, sync=sync)
    os.kill(os.getpid(), signal.SIGKILL)
Database.write = dying
dex.chain.rollback(25)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "height"), [("before", 40), ("after", 25)])
def test_a_kill_leaves_the_old_head_or_the_new_one(
    tmp_path: Path, moment: str, height: int
) -> None:
    assert run(KILLED, tmp_path, moment)[0] == -signal.SIGKILL
    with closing(RocksStore(tmp_path)) as store:
        dex = open_on(store)
        assert state_of(dex) == state_of(grown(height))
        assert state_of(grown(50, dex)) == state_of(grown(50))


def test_a_rollback_on_disk_is_there_after_reopening(tmp_path: Path) -> None:
    with closing(RocksStore(tmp_path)) as store:
        grown(40, open_on(store)).chain.rollback(33)
    with closing(RocksStore(tmp_path)) as store:
        dex = open_on(store)
        assert dex.repairs == ()
        assert state_of(dex) == state_of(grown(33))
