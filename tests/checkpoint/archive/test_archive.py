"""Export and import: the same state, whatever store it was in, and the same bytes for it."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.archive import container, export_archive, import_archive
from checkpoint.archive.record_types import RECENT_BLOCKS
from checkpoint.errors import (
    AlreadyThere,
    NoCheckpoint,
    NotAStore,
    StoreDamaged,
    StoreError,
    StoreLocked,
    UndoExpired,
    UnexpectedBlock,
    WrongChain,
)
from checkpoint.families import Family, height_key
from checkpoint.lock import StoreLock
from checkpoint.manager import CheckpointManager
from checkpoint.memory_store import MemoryStore
from checkpoint.restore import restore
from checkpoint.rocks import RocksStore
from checkpoint.verify import verify_store
from tests.checkpoint.archive.archives import big, export, filled, inspect, load, moved
from tests.checkpoint.fake_chain import CHAIN_ID, FakeChain, contents
from tests.checkpoint.victims import grow


@pytest.mark.slow
@settings(max_examples=15)
@given(st.integers(min_value=0, max_value=2**32), st.integers(min_value=1, max_value=12))
def test_what_is_imported_is_what_was_exported_and_exports_to_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, blocks: int
) -> None:
    base = tmp_path_factory.mktemp("round")
    chain, store = filled(seed, blocks)
    summary = export(store, base / "first")
    assert load(base / "first", base / "store") == summary
    assert summary.head == chain.head
    assert (summary.blocks, summary.accounts, summary.slots) == (blocks, 21, 1)
    assert summary.rows == len(chain.rows)
    with closing(RocksStore(base / "store", chain_id=CHAIN_ID)) as imported:
        assert moved(contents(imported)) == moved(chain.state)
        for family in (Family.HEADERS, Family.BODIES, Family.RECEIPTS, Family.HASHES):
            assert dict(imported.iterate(family)) == chain.state[family]
        assert dict(imported.iterate(Family.NODES)).items() <= chain.state[Family.NODES].items()
        assert verify_store(imported).difference is None
        export(imported, base / "second")
    assert (base / "first").read_bytes() == (base / "second").read_bytes()


@pytest.mark.slow
def test_many_frames_give_the_same_state(tmp_path: Path) -> None:
    chain, store = big(20_000)
    export(store, tmp_path / "archive")
    assert (tmp_path / "archive").stat().st_size > 4 * container.FRAME_BYTES
    load(tmp_path / "archive", tmp_path / "store")
    with closing(RocksStore(tmp_path / "store")) as imported:
        assert moved(contents(imported)) == moved(chain.state)


def test_bytes_do_not_depend_on_where_the_state_is_kept_or_how_it_came_about(
    tmp_path: Path,
) -> None:
    """In memory, on disk, in a checkpoint, after a restore and the same blocks again."""
    chain, memory = filled(3, 9)
    expected = export(memory, tmp_path / "memory")
    with closing(RocksStore(tmp_path / "store")) as store:
        manager, (same, rng) = CheckpointManager(store, interval=4), grow(3, -1)
        for _ in range(13):
            store.write(same.random_block(rng))
            assert same.head is not None
            manager.committed(same.head)
            if same.height == 8:
                export(store, tmp_path / "open")
        export(tmp_path / "store", tmp_path / "held", 8)
    restore(tmp_path / "store", 4)
    with closing(RocksStore(tmp_path / "store")) as store:
        same, rng = grow(3, 4)
        while same.height < 8:
            store.write(same.random_block(rng))
    assert export(tmp_path / "store", tmp_path / "restored") == expected
    exported = {(tmp_path / name).read_bytes() for name in ("memory", "open", "held", "restored")}
    assert len(exported) == 1
    assert chain.head == expected.head


def test_another_state_gives_other_bytes(tmp_path: Path) -> None:
    export(filled(3, 9)[1], tmp_path / "one")
    export(filled(4, 9)[1], tmp_path / "other")
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_blocks_that_travel_are_the_first_and_those_a_contract_can_ask_for(tmp_path: Path) -> None:
    chain, store = filled(5, RECENT_BLOCKS + 20, size=1)
    summary = export(store, tmp_path / "archive")
    assert summary.blocks == RECENT_BLOCKS + 1
    load(tmp_path / "archive", tmp_path / "store")
    with closing(RocksStore(tmp_path / "store")) as imported:
        hashes = dict(imported.iterate(Family.HASHES))
        expected = [0, *range(chain.height - RECENT_BLOCKS + 1, chain.height + 1)]
        assert hashes == {
            height_key(at): chain.state[Family.HASHES][height_key(at)] for at in expected
        }
        # It goes on, and what it exports later is what the original would.
        rng = random.Random(6)
        for _ in range(3):
            batch = chain.random_block(rng, 1)
            imported.write(batch)
            store.write(batch)
        export(imported, tmp_path / "one")
        export(store, tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_undo_window_begins_after_the_imported_block(tmp_path: Path) -> None:
    chain, store = filled(7, 5)
    export(store, tmp_path / "archive")
    load(tmp_path / "archive", tmp_path / "store")
    with closing(RocksStore(tmp_path / "store")) as imported:
        with pytest.raises(UndoExpired, match="the oldest are those of block 5"):
            imported.undo(4)
        imported.write(chain.random_block(random.Random(8)))
        assert imported.undo(5)


def test_a_state_without_rows_can_be_moved(tmp_path: Path) -> None:
    chain, store = FakeChain(), MemoryStore()
    store.write(chain.block({}))
    export(store, tmp_path / "archive")
    assert load(tmp_path / "archive", tmp_path / "store").rows == 0


def test_a_store_without_a_block_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no block yet"):
        export(MemoryStore(), tmp_path / "archive")
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way_is_left_alone(tmp_path: Path) -> None:
    _, store = filled(1, 2)
    export(store, tmp_path / "archive")
    with pytest.raises(AlreadyThere, match="archive exists; choose another name"):
        export(store, tmp_path / "archive")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(AlreadyThere, match="full is not empty"):
        load(tmp_path / "archive", tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]
    (tmp_path / "file").touch()
    with pytest.raises(AlreadyThere, match="file is not empty"):
        load(tmp_path / "archive", tmp_path / "file")
    (tmp_path / "empty").mkdir()
    load(tmp_path / "archive", tmp_path / "empty")
    with pytest.raises(AlreadyThere, match="empty is not empty"):
        load(tmp_path / "archive", tmp_path / "empty")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_only_one_import_to_a_place_at_a_time(tmp_path: Path) -> None:
    _, store = filled(1, 2)
    export(store, tmp_path / "archive")
    building = tmp_path / ".store.importing"
    building.mkdir()
    with StoreLock(building / "lock"), pytest.raises(StoreLocked):
        load(tmp_path / "archive", tmp_path / "store")
    load(tmp_path / "archive", tmp_path / "store")


def test_the_block_and_chain_that_were_asked_for(tmp_path: Path) -> None:
    chain, store = filled(1, 2)
    export(store, tmp_path / "archive")
    assert chain.head is not None

    def load_expecting(path: Path, chain_id: int, block_hash: bytes) -> None:
        import_archive(
            tmp_path / "archive", path, inspect=inspect, chain_id=chain_id, block_hash=block_hash
        )

    with pytest.raises(WrongChain, match="chain 1337, not 1"):
        load_expecting(tmp_path / "store", 1, chain.head.block_hash)
    with pytest.raises(UnexpectedBlock, match=chain.head.block_hash.hex()):
        load_expecting(tmp_path / "store", CHAIN_ID, bytes(32))
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]
    load_expecting(tmp_path / "store", CHAIN_ID, chain.head.block_hash)


def test_what_is_no_store_or_no_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotAStore, match="nothing"):
        export(tmp_path / "nothing", tmp_path / "archive")
    chain, _ = filled(1, 1)
    with closing(RocksStore(tmp_path / "store")) as store:
        store.write(chain.random_block(random.Random(1)))
    with pytest.raises(NoCheckpoint, match="at height 7"):
        export(tmp_path / "store", tmp_path / "archive", 7)
    with pytest.raises(ValueError, match="path"):
        export(MemoryStore(), tmp_path / "archive", 7)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_damaged_store_is_not_exported(tmp_path: Path) -> None:
    """Neither with a row altered, nor with a node lost, nor with a body of another block."""
    for family, expected in (
        (Family.ROWS, "at least one was altered"),
        (Family.NODES, "missing or altered"),
        (Family.BODIES, "another block"),
    ):
        _, store = filled(2, 4)
        pairs = store._families[family]
        altered = next(
            key for key in pairs if family is not Family.NODES or key == store_root(store)
        )
        pairs[altered] = pairs[altered][:-1] + b"?" if family is not Family.BODIES else b"?"
        with pytest.raises(StoreDamaged, match=expected):
            export(store, tmp_path / "archive")
        assert list(tmp_path.iterdir()) == []


def test_progress_ends_at_the_number_of_rows_and_of_bytes(tmp_path: Path) -> None:
    chain, store = filled(2, 4)
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    export_archive(store, tmp_path / "archive", inspect=inspect, progress=progress)
    assert (len(chain.rows), len(chain.rows)) in seen
    seen.clear()
    import_archive(tmp_path / "archive", tmp_path / "s", inspect=inspect, progress=progress)
    size = (tmp_path / "archive").stat().st_size
    assert seen
    assert all(done <= total == size for done, total in seen)


def store_root(store: MemoryStore) -> bytes:
    head = store.head()
    assert head is not None
    return head.state_root
