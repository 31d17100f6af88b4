"""Bulk load of a new database directory in bounded batches, from a stream."""

from __future__ import annotations

from pathlib import Path

from checkpoint.commit_marker import Commit
from checkpoint.families import HEAD_KEY, Family
from checkpoint.head import Head
from checkpoint.rocks.bookkeeping import Bookkeeping
from checkpoint.rocks.database import Database

_BATCH_BYTES = 1 << 22


class BulkLoader:
    """A database to be filled; before `finish` it has no head and opens as damaged."""

    def __init__(self, directory: Path) -> None:
        """Make it in a directory that must not exist. Raises StoreFailed."""
        self._database = Database(directory, create=True)
        self._changes: dict[str, dict[bytes, bytes | None]] = {}
        self._size = 0

    def put(self, family: Family, key: bytes, value: bytes) -> None:
        """Add one entry. Raises StoreFailed."""
        self._changes.setdefault(family, {})[key] = value
        self._size += len(key) + len(value)
        if self._size >= _BATCH_BYTES:
            self._flush(sync=False)

    def finish(self, head: Head, origin: int) -> Commit:
        """Write the head and force all to the disk; return the commit for the marker.

        `origin` is the height from which on every block is listed. Raises StoreFailed.
        """
        bookkeeping = Bookkeeping(sequence=1, origin=origin)
        self.put(Family.HEAD, HEAD_KEY, head.encode())
        for family, pairs in bookkeeping.as_changes().items():
            self._changes.setdefault(family, {}).update(pairs)
        self._flush(sync=True)
        return Commit(bookkeeping.sequence, head.height, head.block_hash)

    def close(self) -> None:
        """Let go of the files; closing twice does no harm."""
        self._database.close()

    def _flush(self, *, sync: bool) -> None:
        self._database.write(self._changes, sync=sync)
        self._changes = {}
        self._size = 0
