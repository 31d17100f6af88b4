"""Read-only access to a store that another process holds."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from checkpoint.chain_identity import read_identity
from checkpoint.commit_marker import read_commit_marker
from checkpoint.errors import NotAStore, StoreDamaged, StoreError
from checkpoint.families import Family
from checkpoint.head import Head
from checkpoint.layout import StoreLayout
from checkpoint.lock import holder_of
from checkpoint.manifest import usable_heights
from checkpoint.rocks.ended_record import EndedRecord, read_ended_record
from checkpoint.rocks.inspect import check_database
from checkpoint.rocks.reader import RocksReader
from checkpoint.store import Store
from checkpoint.store_batch import BlockBatch
from precompiles.ledger.storage import Commitment

_TRIES = 40
_PAUSE = 0.05
"""Seconds: a writer is done with replacing files in less."""


class ReadOnlyStore(Store):
    """A store as it was at the moment of opening, read beside the process that writes it.

    Needs no lock and changes no file; a store that no process holds can be read too. The files are
    opened one after the other while the writer may replace them, so what was opened is compared
    with the commit marker and the list of blocks, and opened again if it does not add up.
    (RocksDB's secondary instance follows a writer without that, but goes through all files there
    ever were: it takes seconds where this takes a fraction of one.)
    """

    path: Path

    def __init__(self, path: str | Path) -> None:
        """Open it. Raises NotAStore, StoreDamaged (CommitsLost), WrongFormat."""
        self.path = Path(path)
        self.layout = StoreLayout(self.path)
        if not self.layout.readable_database().is_dir():
            raise NotAStore(
                f"{self.path} has no database; restore a checkpoint, or give the path of a store"
            )
        self.undo_window = 0
        self._ended: EndedRecord | None = None
        self._reader = self._open()
        self._oldest_undo = self._find_oldest_undo()

    def _open(self) -> RocksReader:
        """Look until it adds up; what does not, with no writer and no change, is damage.

        A writer in another process namespace has no process here: then only its files tell.
        """
        for _ in range(_TRIES):
            before = self._traces()
            try:
                return self._look()
            except StoreDamaged:
                if self._traces() == before and holder_of(self.layout.lock) is None:
                    raise
            time.sleep(_PAUSE)
        return self._look()

    def _traces(self) -> tuple[object, ...]:
        """Return what a writer changes with every commit, flush and merge."""
        marker = read_commit_marker(self.layout.commit_marker)
        found = []
        for path in (self.layout.root, self.layout.readable_database()):
            with suppress(FileNotFoundError), os.scandir(path) as entries:
                found += [_trace(entry) for entry in entries]
        return marker, *sorted(found)

    def _look(self) -> RocksReader:
        """Open what is there now, if it adds up."""
        seen = read_commit_marker(self.layout.commit_marker)
        record = read_ended_record(self.layout.ended)
        if record is not None and not record.describes(self.layout.readable_database()):
            record = None
        self._ended = record
        reader = RocksReader(self.layout.readable_database(), is_written=True)
        try:
            check_database(reader, seen, None, read_identity(self.layout.identity))
        except BaseException:
            reader.close()
            raise
        return reader

    def head(self) -> Head | None:
        return self._reader.head()

    def ended(self) -> Commitment | None:
        return self._ended.at_head(self) if self._ended else None

    def get(self, family: Family, key: bytes) -> bytes | None:
        return self._reader.get(family, key)

    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._reader.iterate(family, prefix=prefix, start=start)

    def write(self, batch: BlockBatch) -> None:  # noqa: ARG002 - refused, whatever it is
        raise StoreError(f"{self.path} is open read-only; to write, open it when it is free")

    def set_active(self, activations: Mapping[bytes, bool]) -> None:
        """Do nothing: the process that holds the store repairs the index."""

    def close(self) -> None:
        self._reader.close()

    def _checkpoint_heights(self) -> list[int]:
        return usable_heights(self.path)


def _trace(entry: os.DirEntry[str]) -> tuple[str, int, int, int]:
    try:
        status = entry.stat()
    except FileNotFoundError:
        return entry.name, 0, 0, 0
    return entry.name, status.st_ino, status.st_size, status.st_mtime_ns
