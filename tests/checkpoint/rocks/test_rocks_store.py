"""What only the store on disk does: syncing, reading from several threads, counting batches."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from checkpoint.commit_marker import Commit, read_commit_marker
from checkpoint.families import Family
from checkpoint.rocks import RocksStore, SyncPolicy
from checkpoint.rocks.database import Database
from tests.checkpoint.fake_chain import FakeChain, contents, many_rows


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RocksStore]:
    with closing(RocksStore(tmp_path)) as store:
        yield store


@pytest.mark.parametrize(
    ("sync", "expected"),
    [
        ("never", [False] * 7),
        ("block", [True] * 7),
        (1, [True] * 7),
        (3, [False, False, True, False, False, True, False]),
    ],
)
def test_sync_policy_decides_which_blocks_are_forced_to_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: SyncPolicy, expected: list[bool]
) -> None:
    synced = []
    write = Database.write

    def noted(database: Database, changes: Any, *, sync: bool) -> None:
        synced.append(sync)
        write(database, changes, sync=sync)

    chain = FakeChain()
    with closing(RocksStore(tmp_path, sync=sync)) as store:
        monkeypatch.setattr(Database, "write", noted)
        for _ in expected:
            store.write(chain.block({}))
    assert synced == expected


@pytest.mark.parametrize("sync", [0, -1, "always", ""])
def test_unknown_sync_policy_is_refused(tmp_path: Path, sync: Any) -> None:
    with pytest.raises(ValueError, match="'block', 'never' or a number"):
        RocksStore(tmp_path / "store", sync=sync)
    assert not (tmp_path / "store").exists()


def test_block_is_one_write(store: RocksStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything of a block, its bookkeeping and expired undo rows, reaches RocksDB at once."""
    writes = []
    monkeypatch.setattr(store._database, "write", lambda changes, **_: writes.append(changes))
    store.write(FakeChain().block({(6, b"a"): b"\x01"}))
    (changes,) = writes
    assert set(changes) == {*Family, "default"} - {Family.ORIGIN}


def test_every_batch_is_counted_and_witnessed(store: RocksStore) -> None:
    chain = FakeChain()
    for sequence in (1, 2):
        store.write(chain.block({}))
        assert chain.head is not None
        expected = Commit(sequence, chain.height, chain.head.block_hash)
        assert store.sequence == sequence
        assert read_commit_marker(store.layout.commit_marker) == expected
    store.set_active({b"order": True})
    assert store.sequence == 3
    assert read_commit_marker(store.layout.commit_marker) == Commit(3, 1, expected.block_hash)


def test_reading_from_many_threads_while_blocks_are_written(store: RocksStore) -> None:
    chain = FakeChain()
    store.write(chain.block(many_rows(500)))
    keys = [key for _, key in chain.rows]

    def read(_: int) -> int:
        assert all(store.row(6, key) is not None for key in keys)
        return sum(1 for _ in store.rows(6))

    with ThreadPoolExecutor(4) as threads:
        counts = threads.map(read, range(8))
        for _ in range(20):
            store.write(chain.block(many_rows(1, first=10**6 + chain.height)))
        assert all(500 <= count <= 520 for count in counts)


@pytest.mark.slow
def test_rows_reach_files_and_are_found_there(tmp_path: Path) -> None:
    """More than a write buffer holds, so that some blocks are in files and some in the log."""
    chain = FakeChain()
    with closing(RocksStore(tmp_path)) as store:
        for height in range(40):
            store.write(chain.block(many_rows(1000, first=1000 * height)))
        assert any(store.layout.database.glob("*.sst"))
    with closing(RocksStore(tmp_path)) as store:
        assert contents(store) == chain.state
