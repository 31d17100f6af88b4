"""A record kind that makes RocksDB read for ever is refused before RocksDB sees it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from checkpoint.errors import StoreDamaged
from checkpoint.rocks import RocksStore
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.rocks.wal import check_wal
from tests.checkpoint.fake_chain import FakeChain, contents, many_rows

BLOCK, HEADER = 32 * 1024, 7
LAST = 30


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a kill leaves it; block 29 is in several blocks of the log."""
    path, chain = tmp_path_factory.mktemp("original"), FakeChain()
    with closing(RocksStore(path / "live")) as store:
        for height in range(LAST):
            rows = 2_000 if height == LAST - 1 else 40
            store.write(chain.block(many_rows(rows, first=1_000 * height)))
            if height == 10:
                store.checkpoint(path / "flushed")
        return Path(shutil.copytree(path / "live", path / "store"))


def records(content: bytes) -> Iterator[tuple[int, int]]:
    """(offset, kind) of each record, by the published format."""
    at = 0
    while at + HEADER <= len(content):
        room = BLOCK - at % BLOCK
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        if room < HEADER or kind == 0:
            at += room
            continue
        yield at, kind
        at += HEADER + length


def damaged(
    original: Path, tmp_path: Path, pattern: str, which: int, kind: int
) -> tuple[Path, int]:
    """A copy of the store, one record of which has another kind; and where that is."""
    store = Path(shutil.copytree(original, tmp_path / "store"))
    (file,) = (store / "db").glob(pattern)
    content = bytearray(file.read_bytes())
    offset, _ = list(records(bytes(content)))[which]
    content[offset + 6] = kind
    file.write_bytes(content)
    return store, offset


@pytest.mark.parametrize("pattern", ["*.log", "MANIFEST-*"])
@pytest.mark.parametrize("which", [0, 5, -1])
@pytest.mark.parametrize("kind", [5, 6, 7, 8, 11])
def test_records_of_reused_logs_are_refused_with_file_and_place(
    original: Path, tmp_path: Path, pattern: str, which: int, kind: int
) -> None:
    store, offset = damaged(original, tmp_path, pattern, which, kind)
    for opening in (RocksStore, ReadOnlyStore):
        with pytest.raises(StoreDamaged, match=rf"record at byte {offset} is of no known") as error:
            opening(store)
        assert pattern.strip("*-") in error.value.where


@pytest.mark.parametrize("which", [1, 5, -1])
def test_accepting_the_loss_goes_on_from_the_block_before_it(
    original: Path, tmp_path: Path, which: int
) -> None:
    store, _ = damaged(original, tmp_path, "*.log", which, 5)
    with closing(RocksStore(store, accept_loss=True)) as opened:
        head, chain = opened.head(), FakeChain()
        assert head is not None
        assert 10 <= head.height < LAST - 1
        for height in range(head.height + 1):
            chain.block(many_rows(40, first=1_000 * height))
        assert contents(opened) == chain.state


def test_logs_of_an_undamaged_store_pass_wherever_they_end(original: Path, tmp_path: Path) -> None:
    """A kill may cut the log anywhere, and space taken beforehand is zeros."""
    (log,) = (original / "db").glob("*.log")
    content = log.read_bytes()
    kinds = {kind for _, kind in records(content)}
    assert {1, 2, 3, 4} <= kinds, "whole records and all parts of one over several blocks"
    for end in (0, 3, 7, 100, BLOCK - 3, BLOCK, BLOCK + 5, len(content)):
        (tmp_path / "000001.log").write_bytes(content[:end])
        check_wal(tmp_path)
        (tmp_path / "000001.log").write_bytes(content[:end] + bytes(3 * BLOCK))
        check_wal(tmp_path)
