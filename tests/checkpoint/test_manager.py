"""Making, listing and removing checkpoints."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from checkpoint.errors import StoreDamaged, StoreError, UndoExpired
from checkpoint.manager import CheckpointManager, set_pinned
from checkpoint.manifest import CheckpointInfo, Manifest, check_files, list_checkpoints
from checkpoint.restore import restore
from checkpoint.rocks import RocksStore
from checkpoint.rocks.reader import RocksReader
from precompiles.ledger.commitment import digest
from tests.checkpoint.fake_chain import FakeChain, contents, many_rows


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RocksStore]:
    with closing(RocksStore(tmp_path / "store", undo_window=3)) as store:
        yield store


def run(manager: CheckpointManager, chain: FakeChain, until: int) -> None:
    """Blocks up to a height, each with its call to the manager."""
    while chain.height < until:
        manager.store.write(chain.block({(1, b"k"): b"%d" % chain.height}))
        assert chain.head is not None
        manager.committed(chain.head)


def heights(manager: CheckpointManager) -> list[int]:
    return [info.height for info in manager.list()]


def test_checkpoint_is_made_at_every_nth_height_and_the_last_are_kept(store: RocksStore) -> None:
    manager, chain = CheckpointManager(store, interval=3, keep=2), FakeChain()
    run(manager, chain, 2)
    assert heights(manager) == []
    run(manager, chain, 11)
    assert heights(manager) == [6, 9]
    assert sorted(path.name for path in manager.directory.iterdir()) == [
        "000000000006",
        "000000000009",
    ]


def restart(store: RocksStore, chain: FakeChain) -> FakeChain:
    """Bring a fresh chain to the store's head."""
    head = store.head()
    while head is not None and chain.height < head.height:
        chain.block({(1, b"k"): b"%d" % chain.height})
    return chain


def test_manifest_says_what_the_checkpoint_holds(store: RocksStore) -> None:
    chain = FakeChain()
    store.write(chain.block({(6, b"a"): b"\x01", (6, b"b"): b"\x01", (5, b"c"): b"1"}))
    info = CheckpointManager(store).create()
    manifest, head = info.manifest, chain.head
    assert manifest is not None
    assert head is not None
    assert (manifest.format, manifest.chain_id, manifest.height) == (1, 1337, 0)
    assert manifest.block_hash == head.block_hash.hex()
    assert manifest.state_root == head.state_root.hex()
    assert manifest.digest == digest(chain.commitment).hex()
    assert manifest.rows == {"5": 1, "6": 2}
    assert manifest.sequence == store.sequence
    assert set(manifest.versions) == {"python", "rocksdict"}
    assert manifest.made_at.endswith("+00:00")
    assert json.loads((info.path / "manifest.json").read_text())["height"] == 0


def test_checkpoint_holds_exactly_the_block_of_its_manifest(store: RocksStore) -> None:
    """Nothing of it is lost though it was only in the log, nothing later gets in."""
    chain, manager = FakeChain(), CheckpointManager(store)
    run(manager, chain, 4)
    info = manager.create()
    with closing(RocksReader(info.database)) as reader:
        expected = contents(reader)
    assert expected == contents(store)
    run(manager, chain, 8)
    with closing(RocksReader(info.database)) as reader:
        assert contents(reader) == expected
        assert reader.head() is not None
    check_files(info)


def test_checkpoint_is_not_changed_by_reading_it(store: RocksStore) -> None:
    chain, manager = FakeChain(), CheckpointManager(store)
    run(manager, chain, 2)
    info = manager.create()
    before = {path.name: path.read_bytes() for path in info.database.iterdir()}
    with closing(RocksReader(info.database)) as reader:
        contents(reader)
    assert {path.name: path.read_bytes() for path in info.database.iterdir()} == before


def test_row_files_are_shared_with_the_store(store: RocksStore) -> None:
    store.write(FakeChain().block(many_rows(100)))
    info = CheckpointManager(store).create()
    files = list(info.database.glob("*.sst"))
    assert files
    for file in files:
        assert file.samefile(store.layout.database / file.name)


def test_digests_of_shared_files_are_those_of_their_bytes(store: RocksStore) -> None:
    """They are taken over from the checkpoint before, unread."""
    chain, manager = FakeChain(), CheckpointManager(store)
    for _ in range(3):
        store.write(chain.block({}))
        check_files(manager.create())


def test_creating_again_at_the_same_block_gives_the_same(store: RocksStore) -> None:
    store.write(FakeChain().block({}))
    manager = CheckpointManager(store)
    assert manager.create() == manager.create()
    assert len(manager.list()) == 1


def test_incomplete_checkpoint_of_the_block_is_made_anew(store: RocksStore) -> None:
    store.write(FakeChain().block({}))
    manager = CheckpointManager(store)
    next(manager.create().database.glob("*.sst")).unlink()
    check_files(manager.create())


def test_empty_store_has_nothing_to_keep(store: RocksStore) -> None:
    manager = CheckpointManager(store)
    with pytest.raises(StoreError, match="no block yet"):
        manager.create()
    assert list(manager.directory.iterdir()) == []


@pytest.mark.parametrize(("interval", "keep"), [(0, 1), (1, 0), (-5, 3)])
def test_senseless_settings_are_refused(store: RocksStore, interval: int, keep: int) -> None:
    with pytest.raises(ValueError, match=f"{interval} and {keep}"):
        CheckpointManager(store, interval=interval, keep=keep)


def test_pinned_checkpoints_stay_and_are_not_counted(store: RocksStore) -> None:
    manager, chain = CheckpointManager(store, interval=1, keep=2), FakeChain()
    run(manager, chain, 2)
    set_pinned(manager.list()[0], pinned=True)
    run(manager, chain, 6)
    assert heights(manager) == [1, 5, 6]
    assert [info.pinned for info in manager.list()] == [True, False, False]
    set_pinned(manager.list()[0], pinned=False)
    manager.remove_old()
    assert heights(manager) == [5, 6]


def test_dry_run_says_what_would_go(store: RocksStore) -> None:
    manager, chain = CheckpointManager(store, interval=1, keep=9), FakeChain()
    run(manager, chain, 4)
    manager.keep = 1
    assert [info.height for info in manager.remove_old(dry_run=True)] == [1, 2, 3]
    assert heights(manager) == [1, 2, 3, 4]
    assert [info.height for info in manager.remove_old()] == [1, 2, 3]
    assert heights(manager) == [4]


def test_leftovers_of_a_kill_are_removed_on_start(store: RocksStore) -> None:
    for name in (".making-17", ".removing-000000000003"):
        (store.layout.checkpoints / name / "db").mkdir(parents=True)
    manager = CheckpointManager(store)
    assert list(manager.directory.iterdir()) == []


def break_manifest(info: CheckpointInfo, how: str) -> None:
    manifest = info.path / "manifest.json"
    if how == "missing":
        manifest.unlink()
    elif how == "empty":
        manifest.write_bytes(b"")
    elif how == "cut off":
        os.truncate(manifest, manifest.stat().st_size // 2)
    elif how == "altered":
        manifest.write_text(manifest.read_text().replace('"height": 1', '"height": 2'))
    elif how == "newer":
        manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 9'))
    elif how == "a directory":
        manifest.unlink()
        manifest.mkdir()


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("missing", "No such file"),
        ("empty", "does not decode"),
        ("cut off", "does not decode"),
        ("altered", "altered"),
        ("newer", "format 9"),
        ("a directory", "directory"),
    ],
)
def test_directory_without_a_valid_manifest_is_no_checkpoint(
    store: RocksStore, how: str, problem: str
) -> None:
    """It is listed with the reason, not removed, not counted and not restored."""
    manager, chain = CheckpointManager(store, interval=1, keep=2), FakeChain()
    run(manager, chain, 2)
    break_manifest(manager.list()[0], how)
    broken = next(info for info in manager.list() if info.height == 1)
    assert problem in (broken.problem or "")
    with pytest.raises(StoreDamaged):
        check_files(broken)
    run(manager, chain, 4)
    assert [(info.height, info.problem is None) for info in manager.list()] == [
        (1, False),
        (3, True),
        (4, True),
    ]


def test_manifest_of_another_height_is_a_problem(store: RocksStore) -> None:
    manager, chain = CheckpointManager(store, interval=1), FakeChain()
    run(manager, chain, 1)
    info = manager.list()[0]
    shutil.copytree(info.path, info.path.with_name("000000000007"))
    (moved,) = [info for info in manager.list() if info.height == 7]
    assert moved.problem == "its manifest is for height 1"


def test_strangers_among_the_checkpoints_are_ignored(store: RocksStore) -> None:
    manager = CheckpointManager(store)
    (manager.directory / "notes").mkdir()
    (manager.directory / "12").mkdir()
    assert manager.list() == ()


def test_store_without_checkpoints_lists_none(tmp_path: Path) -> None:
    assert list_checkpoints(tmp_path) == ()


def test_expired_undo_names_the_nearest_checkpoint(store: RocksStore) -> None:
    manager, chain = CheckpointManager(store, interval=2, keep=10), FakeChain()
    run(manager, chain, 10)
    with pytest.raises(UndoExpired, match="nearest checkpoint at or below it is at height 4") as e:
        store.undo(5)
    assert (e.value.height, e.value.oldest, e.value.nearest_checkpoint) == (5, 8, 4)
    with pytest.raises(UndoExpired, match="no checkpoint at or below"):
        store.undo(1)


def test_checkpoints_of_two_branches_live_side_by_side(tmp_path: Path) -> None:
    """After a restore and another future: newest is what was made last, and removal goes by it."""
    path, first, second = tmp_path / "store", FakeChain(), FakeChain()
    with closing(RocksStore(path)) as store:
        run(CheckpointManager(store, interval=2, keep=3), first, 6)
    restore(path, 2)
    with closing(RocksStore(path)) as store:
        restart(store, second)
        manager = CheckpointManager(store, interval=2, keep=3)
        assert heights(manager) == [2, 4, 6]
        for height in (3, 4):
            store.write(second.block({(9, b"other"): b"%d" % height}))
        assert second.head is not None
        manager.committed(second.head)
        assert heights(manager) == [4, 6, 4]
        newest = manager.list()[-1]
        assert newest.path.name == f"000000000004-{second.head.block_hash.hex()[:8]}"
        assert newest.manifest is not None
        assert newest.manifest.block_hash == second.head.block_hash.hex()
    assert restore(path, 4).path == newest.path
    assert restore(path).path == newest.path
    assert restore(path, 6).height == 6


def test_manifest_round_trips(store: RocksStore) -> None:
    store.write(FakeChain().block({}))
    manifest = CheckpointManager(store).create().manifest
    assert manifest is not None
    assert Manifest.decode(manifest.encode(), "again") == manifest
