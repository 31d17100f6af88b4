"""What opening a store on disk refuses, and who is told what."""

from __future__ import annotations

import json
import os
import signal
from contextlib import closing
from pathlib import Path

import pytest
import rlp
from eth_hash.auto import keccak

from checkpoint.errors import (
    NotAStore,
    StoreClosed,
    StoreDamaged,
    StoreError,
    StoreLocked,
    WrongChain,
    WrongFormat,
)
from checkpoint.families import HEAD_KEY, Family, height_key
from checkpoint.lock import holder_of
from checkpoint.rocks import RocksStore
from checkpoint.store_batch import BlockBatch
from tests.checkpoint.fake_chain import CHAIN_ID, FakeChain, contents
from tests.checkpoint.processes import Python, start

HOLDER = """
import sys
from checkpoint.lock import holder_of
from checkpoint.rocks import RocksStore
store = RocksStore(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def holding(path: Path) -> Python:
    """A process that has the store open until its input ends."""
    process = start(HOLDER, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_second_process_is_told_who_holds_the_store(tmp_path: Path) -> None:
    with holding(tmp_path) as process:
        with pytest.raises(StoreLocked, match=rf"process {process.pid} \(.*python.*\) since 20"):
            RocksStore(tmp_path)
        process.communicate("")
    RocksStore(tmp_path).close()


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with holding(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
    assert json.loads((tmp_path / "lock").read_text())["pid"] == process.pid
    RocksStore(tmp_path).close()


def test_second_opening_in_the_same_process_is_refused(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    with pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
        RocksStore(tmp_path)
    store.close()


def test_closing_frees_the_store_though_iterators_live(tmp_path: Path) -> None:
    store, chain = RocksStore(tmp_path), FakeChain()
    store.write(chain.block({(1, b"a"): b"1", (1, b"b"): b"2"}))
    pairs = store.rows(1)
    next(pairs)
    store.close()
    with closing(RocksStore(tmp_path)) as again:
        assert again.head() == chain.head
    with pytest.raises(StoreClosed):
        next(pairs)


def test_refused_opening_frees_the_store(tmp_path: Path) -> None:
    with closing(RocksStore(tmp_path)) as store:
        store.write(FakeChain().block({}))
    with pytest.raises(WrongChain):
        RocksStore(tmp_path, chain_id=1)
    RocksStore(tmp_path, chain_id=CHAIN_ID).close()


def test_store_of_another_chain_is_refused(tmp_path: Path) -> None:
    with closing(RocksStore(tmp_path)) as store:
        store.write(FakeChain(chain_id=5).block({}))
    with pytest.raises(WrongChain, match="chain 5, not 1337"):
        RocksStore(tmp_path, chain_id=CHAIN_ID)


def test_store_of_another_format_is_refused(tmp_path: Path) -> None:
    with closing(RocksStore(tmp_path)) as store:
        batch = FakeChain().block({})
        head = batch.changes[Family.HEAD][HEAD_KEY]
        assert head is not None
        batch.put(Family.HEAD, HEAD_KEY, b"\x02" + head[1:])
        store.write(batch)
    with pytest.raises(WrongFormat, match=r"key 'head'.*format 2, this program reads format 1"):
        RocksStore(tmp_path)


def test_directory_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(NotAStore, match=r"'thesis.tex'.*choose an empty or new directory"):
        RocksStore(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_path_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(NotAStore, match="is a file"):
        RocksStore(tmp_path / "file")


def test_missing_directories_are_made(tmp_path: Path) -> None:
    RocksStore(tmp_path / "a" / "b").close()
    RocksStore(tmp_path / "a" / "b").close()


def test_reopened_store_continues(tmp_path: Path) -> None:
    chain = FakeChain()
    for _ in range(3):
        with closing(RocksStore(tmp_path, chain_id=CHAIN_ID)) as store:
            assert store.head() == chain.head
            store.write(chain.block({(1, b"a"): b"%d" % chain.height}))
    with closing(RocksStore(tmp_path)) as store:
        assert contents(store) == chain.state


def test_smaller_undo_window_takes_hold_with_the_next_block(tmp_path: Path) -> None:
    chain = FakeChain()
    with closing(RocksStore(tmp_path)) as store:
        for _ in range(10):
            store.write(chain.block({}))
    with closing(RocksStore(tmp_path, undo_window=2)) as store:
        store.write(chain.block({}))
        assert [key for key, _ in store.iterate(Family.UNDO)] == [height_key(9), height_key(10)]


def corrupt(batch: BlockBatch, chain: FakeChain, how: str) -> None:
    """Make a block contradict itself."""
    assert chain.head is not None
    block_hash, height = chain.head.block_hash, height_key(chain.height)
    if how == "no head":
        del batch.changes[Family.HEAD]
    elif how == "not listed":
        batch.delete(Family.HASHES, height)
    elif how == "other block listed":
        batch.put(Family.HASHES, height, keccak(b"other"))
    elif how == "no header":
        batch.delete(Family.HEADERS, block_hash)
    elif how == "other header":
        batch.put(Family.HEADERS, block_hash, rlp.encode([b"", b"", b"", bytes(32)]))
    elif how == "block above":
        batch.put(Family.HASHES, height_key(chain.height + 1), keccak(b"above"))
    elif how == "other root":
        header = rlp.encode([bytes(32), b"", b"", bytes(32), *[b""] * 5])
        chain.head = type(chain.head)(
            CHAIN_ID, chain.height, keccak(header), chain.head.state_root, chain.commitment
        )
        batch.put(Family.HEADERS, keccak(header), header)
        batch.put(Family.HASHES, height, keccak(header))
        batch.set_head(chain.head)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no head", "family rows: there are entries but no head record"),
        ("not listed", "head at height 0: no block is listed"),
        ("other block listed", "block .* is listed at its height"),
        ("no header", "the header of block .* is missing"),
        ("other header", "the header kept for block .* is another one"),
        ("block above", "blocks above the head"),
        ("other root", "its state root is .*, its header says 00"),
    ],
)
def test_contradictory_store_is_refused(tmp_path: Path, how: str, message: str) -> None:
    chain = FakeChain()
    with closing(RocksStore(tmp_path)) as store:
        batch = chain.block({(1, b"a"): b"1"})
        corrupt(batch, chain, how)
        store.write(batch)
    with pytest.raises(StoreDamaged, match=message):
        RocksStore(tmp_path)


def test_errors_share_one_base() -> None:
    assert issubclass(StoreLocked, StoreError)
    assert issubclass(WrongFormat, StoreError)


def test_holder_is_named_without_touching_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert holder_of(lock) is None
    with holding(tmp_path) as process:
        held = holder_of(lock)
        assert held is not None
        assert held.pid == process.pid
        assert held.holder.startswith(f"process {process.pid} (")
        process.send_signal(signal.SIGKILL)
    assert holder_of(lock) is None
    RocksStore(tmp_path).close()
    assert holder_of(lock) is None
