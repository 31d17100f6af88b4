"""Reading a database directory that this process does not write, such as a checkpoint's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checkpoint.errors import StoreError
from checkpoint.families import HEAD_KEY, Family
from checkpoint.head import Head
from checkpoint.rocks.bookkeeping import Bookkeeping
from checkpoint.rocks.database import Database
from checkpoint.rocks.wal import check_wal
from checkpoint.store import StoreReader


class RocksReader(StoreReader):
    """A database directory as a store to read; changes none of its files."""

    def __init__(self, directory: Path, *, accept_loss: bool = False) -> None:
        """Open a database directory, not a store's root. Raises StoreDamaged, WrongFormat.

        It shows what is there now. Where another process writes meanwhile, that may fail or miss
        the last commits; see `checkpoint.rocks.read_only_store`.
        """
        self.directory = directory
        check_wal(directory)
        self._database = Database(directory, read_only=True, accept_loss=accept_loss)
        try:
            self._head = read_head(self._database)
            self.bookkeeping = Bookkeeping.read(self._database)
        except StoreError:
            self._database.close()
            raise

    def head(self) -> Head | None:
        return self._head

    def get(self, family: Family, key: bytes) -> bytes | None:
        return self._database.get(family, key)

    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._database.iterate(family, prefix, max(prefix, start or b""))

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()


def read_head(database: Database) -> Head | None:
    """The head record; None in a new database. Raises WrongFormat, StoreDamaged."""
    value = database.get(Family.HEAD, HEAD_KEY)
    return None if value is None else Head.decode(value)
