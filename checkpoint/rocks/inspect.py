"""Inspection of a store before it is opened for writing.

RocksDB tidies up as it opens: it drops what a damaged log or file list does not lead to. So a
store is first looked at without changing a file, and one that is not whole stays as it was.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from checkpoint.chain_identity import ChainIdentity
from checkpoint.commit_marker import Commit
from checkpoint.errors import CommitsLost, StoreDamaged
from checkpoint.head_checks import check_blocks, check_opening
from checkpoint.rocks.reader import RocksReader
from checkpoint.rocks.wal import truncate_wal


def inspect_database(
    directory: Path,
    seen: Commit | None,
    chain_id: int | None,
    identity: ChainIdentity | None,
    accept_loss: bool,
) -> None:
    """Refuse a database that is damaged, of another chain, or behind what was committed.

    `seen` is the commit in the marker. Raises StoreDamaged (CommitsLost), WrongFormat,
    WrongChain.
    """
    if accept_loss:
        truncate_wal(directory)
    with closing(RocksReader(directory, accept_loss=accept_loss)) as reader:
        check_database(reader, None if accept_loss else seen, chain_id, identity)


def check_database(
    reader: RocksReader,
    seen: Commit | None,
    chain_id: int | None,
    identity: ChainIdentity | None,
) -> None:
    """Refuse what is not whole, of another chain, or behind `seen`. Raises as `inspect` does."""
    if identity is not None:
        identity.check(reader, str(reader.directory))
    if seen is not None:
        _compare(reader, seen)
    check_opening(reader, chain_id)
    check_blocks(reader, reader.bookkeeping.origin)


def _compare(reader: RocksReader, seen: Commit) -> None:
    """Refuse a database behind its commit marker; the marker may be behind."""
    head = reader.head()
    if reader.bookkeeping.sequence < seen.sequence:
        found = head.height if head else None
        raise CommitsLost(str(reader.directory), found, seen.height)
    if reader.bookkeeping.sequence == seen.sequence and head and head.block_hash != seen.block_hash:
        raise StoreDamaged(
            f"it is at block {head.block_hash.hex()} but {seen.block_hash.hex()} was "
            "committed: this is another store's database",
            str(reader.directory),
        )
