"""A disk that refuses: the store stops with a word, and is whole when it is opened again."""

from __future__ import annotations

import multiprocessing
import os
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from checkpoint.errors import StoreFailed, StoreSuspended
from checkpoint.families import Family
from checkpoint.manager import CheckpointManager
from checkpoint.rocks import RocksStore
from checkpoint.rocks.database import Changes, Database
from tests.checkpoint.fake_chain import FakeChain, contents
from tests.checkpoint.victims import grow, write_until_the_disk_is_full
from tests.conftest import fuller


def refuse(*_: object, **__: object) -> None:
    raise StoreFailed("db: IO error: No space left on device")


def test_failed_write_changes_nothing_and_the_store_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = FakeChain()
    with closing(RocksStore(tmp_path)) as store:
        store.write(chain.block({(1, b"a"): b"1"}))
        before, head = contents(store), chain.head
        refused = chain.block({(1, b"a"): b"2"})

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(Database, "write", refuse)
            with pytest.raises(StoreSuspended, match=r"No space left.*make room.*by itself"):
                store.write(refused)
            patch.setattr(store, "_try_room", full)
            for _ in range(3):
                with pytest.raises(StoreSuspended, match="No space left"):
                    store.write(refused)
        assert (contents(store), store.head()) == (before, head)
        store.write(refused)
        assert store.head() == chain.head
        store.write(chain.block({(1, b"a"): b"3"}))
        after = contents(store)
        assert not (tmp_path / "room").exists()
    with closing(RocksStore(tmp_path)) as store:
        assert (contents(store), store.head()) == (after, chain.head)


def test_a_batch_that_is_in_after_all_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the log took it and only forcing it to the disk failed."""
    chain = FakeChain()
    write = Database.write

    def refuse_after_writing(database: Database, changes: Changes, *, sync: bool) -> None:
        write(database, changes, sync=sync)
        raise StoreFailed("db: IO error: No space left on device")

    with closing(RocksStore(tmp_path)) as store:
        store.write(chain.block({(1, b"a"): b"1"}))
        with monkeypatch.context() as patch:
            patch.setattr(Database, "write", refuse_after_writing)
            with pytest.raises(StoreSuspended):
                store.write(chain.block({(1, b"a"): b"2"}))
        for _ in range(2):
            with pytest.raises(StoreFailed, match=r"open the store again|open it again"):
                store.write(chain.block({(1, b"a"): b"3"}))
    with closing(RocksStore(tmp_path)) as store:
        assert store.row(1, b"a") == b"2"


def test_interrupt_in_the_middle_of_a_write_stops_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C may come after the batch is in, which the store cannot know."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with closing(RocksStore(tmp_path)) as store:
        with monkeypatch.context() as patch:
            patch.setattr(Database, "write", interrupted)
            with pytest.raises(KeyboardInterrupt):
                store.write(FakeChain().block({}))
        with pytest.raises(StoreFailed, match="KeyboardInterrupt"):
            store.write(FakeChain().block({}))


def test_witness_that_cannot_be_written_stops_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = FakeChain()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with closing(RocksStore(tmp_path)) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            with pytest.raises(StoreFailed, match=r"witness.*No space left"):
                store.write(chain.block({}))
        with pytest.raises(StoreFailed, match="nothing more"):
            store.write(chain.block({}))
    with closing(RocksStore(tmp_path)) as store:
        assert [key for key, _ in store.iterate(Family.HASHES)] == [bytes(8)]


def test_unreadable_value_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(RocksStore(tmp_path)) as store:
        store.write(FakeChain().block({}))
        monkeypatch.setattr(store._database, "_reader", lambda _: FailingReader())
        with pytest.raises(StoreFailed, match=r"family bodies, key abcd: IO error: input"):
            store.get(Family.BODIES, b"\xab\xcd")


class FailingReader:
    """Raises what RocksDB's binding does."""

    def get(self, _: bytes) -> bytes:
        raise Exception("IO error: input/output error")


def test_checkpoint_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = FakeChain()
    with closing(RocksStore(tmp_path)) as store:
        store.write(chain.block({}))
        manager = CheckpointManager(store)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(StoreFailed, match=r"checkpoint.*No space left"):
                manager.create()
        assert list(manager.directory.iterdir()) == []
        store.write(chain.block({}))
        assert manager.create().height == 1


@pytest.mark.parametrize("room", [3_000, *fuller(60_000, 150_000)])
def test_full_disk_loses_no_block_that_was_told(tmp_path: Path, room: int) -> None:
    """Files may not grow beyond `room`: hits the log, a file of rows, or a checkpoint's."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.checkpoint.victims"])
    ours, theirs = context.Pipe(duplex=False)
    arguments = (tmp_path, 5, room, theirs)
    process = context.Process(target=write_until_the_disk_is_full, args=arguments)
    process.start()
    theirs.close()
    heights, errors = received(ours)
    process.join()
    assert process.exitcode == 0
    assert all("File too large" in error for error in errors)
    assert errors[0].startswith("StoreSuspended: ")
    assert len(errors) == 1
    with closing(RocksStore(tmp_path)) as store:
        head = store.head()
        at = head.height if head else -1
        assert at in (max(heights, default=-1), max(heights, default=-1) + 1)
        assert contents(store) == regrown(5, at).state


def received(pipe: Connection) -> tuple[list[int], list[str]]:
    heights: list[int] = []
    errors: list[str] = []
    try:
        while True:
            message = pipe.recv()
            if isinstance(message, int):
                heights.append(message)
            else:
                errors.append(message)
    except EOFError:
        return heights, errors


def regrown(seed: int, height: int) -> FakeChain:
    chain, rng = grow(seed, -1)
    for _ in range(height + 1):
        chain.random_block(rng, 40)
    return chain
