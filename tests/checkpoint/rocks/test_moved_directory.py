"""A store whose directory was moved or removed leaves alone whatever takes its place."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from checkpoint.errors import StoreError, StoreMoved
from checkpoint.lock import StoreLock
from checkpoint.manager import CheckpointManager
from checkpoint.restore import verify_checkpoint
from checkpoint.rocks import RocksStore
from checkpoint.verify import verify_store
from tests.checkpoint.fake_chain import FakeChain, contents, many_rows


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


def remove(path: Path) -> None:
    shutil.rmtree(path)


def do_nothing(_store: RocksStore, _chain: FakeChain) -> None:
    """Closing follows; it removes files too."""


def write(store: RocksStore, chain: FakeChain) -> None:
    with pytest.raises(StoreMoved, match="must stay where it was opened"):
        store.write(chain.random_block(random.Random(2)))


def make_checkpoint(store: RocksStore, _chain: FakeChain) -> None:
    manager_of_nothing = CheckpointManager.__new__(CheckpointManager)
    manager_of_nothing.store, manager_of_nothing.keep = store, 1
    manager_of_nothing.directory = store.layout.checkpoints
    with pytest.raises(StoreMoved):
        manager_of_nothing.create()
    with pytest.raises(StoreMoved):
        store.checkpoint(store.layout.checkpoints / "000000000009")


def compact(store: RocksStore, _chain: FakeChain) -> None:
    with pytest.raises(StoreMoved):
        store.compact()


@pytest.mark.parametrize("use", [do_nothing, write, make_checkpoint, compact])
@pytest.mark.parametrize("leave", [move, remove])
@pytest.mark.parametrize(
    "is_copy",
    [
        pytest.param(False, id="another chain", marks=pytest.mark.slow),
        pytest.param(True, id="a copy"),
    ],
)
def test_the_store_that_takes_the_place_is_not_touched(
    tmp_path: Path,
    leave: Callable[[Path], None],
    use: Callable[[RocksStore, FakeChain], None],
    is_copy: bool,
) -> None:
    """Another chain there, and one that began as a copy, whose files have the same names."""
    path, chain = tmp_path / "chain", FakeChain()
    forgotten = RocksStore(path)
    forgotten.write(chain.block(many_rows(300)))
    forgotten.write(chain.random_block(random.Random(1)))
    if is_copy:
        shutil.copytree(path, tmp_path / "copy")
    leave(path)
    successor = FakeChain(salt=b"successor")
    if is_copy:
        (tmp_path / "copy").rename(path)
        successor = FakeChain()
        successor.block(many_rows(300))
        successor.random_block(random.Random(1))
    with closing(RocksStore(path)) as store:
        manager = CheckpointManager(store, interval=2, keep=3)
        for seed in range(4):
            store.write(successor.random_block(random.Random(seed)))
            manager.create()
        use(forgotten, chain)
        store.write(successor.random_block(random.Random(9)))
        forgotten.close()
        store.write(successor.random_block(random.Random(10)))
        made = manager.list()
    with closing(RocksStore(path)) as store:
        assert contents(store) == successor.state
        assert verify_store(store).difference is None
    assert len(made) == 4
    for info in made:
        verify_checkpoint(info)
    if leave is move:
        with closing(RocksStore(tmp_path / "moved")) as store:
            assert store.head() == chain.head or use is write


def test_a_store_can_be_moved_back(tmp_path: Path) -> None:
    """It has stopped by then, but closes properly and loses nothing."""
    path, chain = tmp_path / "chain", FakeChain()
    with closing(RocksStore(path)) as store:
        store.write(chain.block(many_rows(5)))
        before = chain.head
        move(path)
        with pytest.raises(StoreMoved):
            store.write(chain.random_block(random.Random(1)))
        (tmp_path / "moved").rename(path)
        with suppress(StoreError):
            store.write(chain.random_block(random.Random(1)))
    with closing(RocksStore(path)) as store:
        assert store.head() == before


def test_a_lock_knows_its_place(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    path.mkdir()
    with StoreLock(path / "lock") as lock:
        lock.check()
        (path / "file").write_text("first")
        assert lock.follow(path / "file").read_text() == "first"
        move(path)
        with pytest.raises(StoreMoved):
            lock.check()
        path.mkdir()
        (path / "lock").touch()
        with pytest.raises(StoreMoved):
            lock.check()
        assert lock.follow(path / "file").read_text() == "first"
