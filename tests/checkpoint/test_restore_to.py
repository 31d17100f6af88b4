"""A second store made of a checkpoint: whole or not there, and the first is only read."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from contextlib import closing
from pathlib import Path

import pytest

import evm_dex
from checkpoint.errors import (
    AlreadyThere,
    CommitsLost,
    NoCheckpoint,
    NotAStore,
    StoreDamaged,
    StoreLocked,
)
from checkpoint.layout import StoreLayout
from checkpoint.lock import StoreLock
from checkpoint.manager import CheckpointManager
from checkpoint.restore import restore_to
from checkpoint.rocks import RocksStore
from checkpoint.verify import verify_store
from evm_dex.cli.demo import flow
from tests.checkpoint.fake_chain import contents
from tests.checkpoint.victims import grow, restore_until_killed

SEED, LAST = 22, 7


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store at height 7 with checkpoints at 3 and 6."""
    path = tmp_path_factory.mktemp("original") / "store"
    chain, rng = grow(SEED, -1)
    with closing(RocksStore(path)) as store:
        manager = CheckpointManager(store, interval=3)
        for _ in range(LAST + 1):
            store.write(chain.random_block(rng))
            assert chain.head is not None
            manager.committed(chain.head)
    return path


def test_the_new_store_is_at_the_checkpoint_and_the_old_one_where_it_was(
    original: Path, tmp_path: Path
) -> None:
    with closing(RocksStore(original)) as running:
        assert restore_to(original, tmp_path / "branch", 3).height == 3
        assert contents(running) == grow(SEED, LAST)[0].state
    with closing(RocksStore(tmp_path / "branch")) as store:
        assert contents(store) == grow(SEED, 3)[0].state
    assert [path.name for path in tmp_path.iterdir()] == ["branch"]


def test_the_new_store_makes_and_keeps_checkpoints_as_the_old_one_does(
    original: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(original, source)
    with closing(RocksStore(source)) as store:
        CheckpointManager(store, 7, 2)
    restore_to(source, tmp_path / "branch", 3)
    with closing(RocksStore(tmp_path / "branch")) as store:
        branch = CheckpointManager(store)
        assert (branch.interval, branch.keep) == (7, 2)
        assert branch.list() == ()
    StoreLayout(source).retention.unlink()
    restore_to(source, tmp_path / "plain", 3)
    assert not StoreLayout(tmp_path / "plain").retention.exists()


def test_an_empty_directory_is_taken_and_a_full_one_left_alone(
    original: Path, tmp_path: Path
) -> None:
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    restore_to(original, empty)
    full.mkdir()
    (full / "thesis.tex").write_text("precious")
    for target in (full, full / "thesis.tex", original, empty):
        with pytest.raises(AlreadyThere, match="choose a new or empty directory"):
            restore_to(original, target)
    assert [path.name for path in full.iterdir()] == ["thesis.tex"]


def test_what_cannot_be_restored_leaves_no_directory(original: Path, tmp_path: Path) -> None:
    with pytest.raises(NoCheckpoint, match="there are: 3, 6"):
        restore_to(original, tmp_path / "branch", 5)
    with pytest.raises(NotAStore, match="does not exist"):
        restore_to(tmp_path / "nowhere", tmp_path / "branch")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_leaves_no_directory(original: Path, tmp_path: Path) -> None:
    restore_to(original, tmp_path / "source")
    with closing(RocksStore(tmp_path / "source")) as store:
        info = CheckpointManager(store).create()
    (info.database / "CURRENT").write_text("MANIFEST-000001\n")
    with pytest.raises(StoreDamaged, match="CURRENT"):
        restore_to(tmp_path / "source", tmp_path / "branch")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_second_process_at_the_same_target_is_refused(original: Path, tmp_path: Path) -> None:
    (tmp_path / ".branch.restoring").mkdir()
    with (
        StoreLock(tmp_path / ".branch.restoring" / "lock"),
        pytest.raises(StoreLocked),
    ):
        restore_to(original, tmp_path / "branch")
    restore_to(original, tmp_path / "branch")


def test_a_log_deleted_from_the_new_store_is_noticed(original: Path, tmp_path: Path) -> None:
    restore_to(original, tmp_path / "branch", 3)
    with closing(RocksStore(tmp_path / "branch")) as store:
        chain, rng = grow(SEED, 3)
        store.write(chain.random_block(rng))
    for log in (tmp_path / "branch" / "db").glob("*.log"):
        log.unlink()
    with pytest.raises(CommitsLost, match="is at height 3 but height 4 was committed"):
        RocksStore(tmp_path / "branch")


@pytest.mark.slow
def test_killed_at_any_step_there_is_a_whole_store_or_none(original: Path, tmp_path: Path) -> None:
    """Killed before every step that changes the disk, until one run survives; run again each."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.checkpoint.victims"])
    target, step, code, nothing = tmp_path / "branch", 0, -signal.SIGKILL, 0
    while code == -signal.SIGKILL:
        step += 1
        process = context.Process(target=restore_until_killed, args=(original, 3, step, target))
        process.start()
        process.join()
        code = process.exitcode or 0
        if not target.exists():
            nothing += 1
            continue
        with closing(RocksStore(target)) as store:
            assert verify_store(store).difference is None
            assert contents(store) == grow(SEED, 3)[0].state
        target.rename(tmp_path / f"whole-{step}")
    assert code == 0
    assert nothing > 3
    assert {path.name[:5] for path in tmp_path.iterdir()} == {"whole"}


def test_another_future_from_the_same_checkpoint(tmp_path: Path) -> None:
    """The branch gets the original's state roots from its transactions, or others from others."""
    with evm_dex.open(tmp_path / "chain", checkpoint_interval=30) as dex:
        steps = flow(dex, 3)
        while dex.head.number < 45:
            next(steps)
        blocks = [dex.block(height) for height in range(31, 46)]
        raw = [dex.transaction(block.transactions[0]).raw for block in blocks]
        restore_to(tmp_path / "chain", tmp_path / "same", 30)
        restore_to(tmp_path / "chain", tmp_path / "other", 30)
    with evm_dex.open(tmp_path / "same") as same, evm_dex.open(tmp_path / "other") as other:
        assert same.head.number == other.head.number == 30
        other.mine()
        for transaction, block in zip(raw, blocks, strict=True):
            same.send_raw(transaction)
            assert same.head == block
        assert other.self_check() == same.self_check() == []
        assert other.head != blocks[0]
