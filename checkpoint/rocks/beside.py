"""Looking at a store that another process holds, without disturbing it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from checkpoint.batch import BlockBatch
from checkpoint.checks import check_blocks, check_opening
from checkpoint.errors import CommitsLost, NotAStore, StoreError
from checkpoint.families import Family
from checkpoint.head import Head
from checkpoint.layout import StoreLayout
from checkpoint.manifest import usable_heights
from checkpoint.rocks.reader import RocksReader
from checkpoint.store import Store
from checkpoint.witness import read_witness


class BesideStore(Store):
    """A store as it was at the moment of opening, read beside whoever writes it.

    The writer's files are followed with RocksDB's secondary instance, which changes none of
    them. Needs no lock; a store that nobody holds can be read too.
    """

    path: Path

    def __init__(self, path: str | Path) -> None:
        """Raises NotAStore, StoreDamaged (CommitsLost), WrongFormat."""
        self.path = Path(path)
        self.layout = StoreLayout(self.path)
        if not self.layout.database.is_dir():
            raise NotAStore(f"{self.path} has no database; give the path of a store")
        self.undo_window = 0
        self._scratch = tempfile.TemporaryDirectory(prefix="evm-dex-beside-")
        try:
            self._open()
        except BaseException:
            self._scratch.cleanup()
            raise

    def _open(self) -> None:
        seen = read_witness(self.layout.witness)
        self._reader = RocksReader(self.layout.database, beside=Path(self._scratch.name))
        try:
            head = self._reader.head()
            if seen is not None and self._reader.bookkeeping.sequence < seen.sequence:
                raise CommitsLost(str(self.path), head.height if head else None, seen.height)
            check_opening(self._reader, None)
            check_blocks(self._reader, self._reader.bookkeeping.origin)
            self._oldest_undo = self._find_oldest_undo()
        except BaseException:
            self._reader.close()
            raise

    def head(self) -> Head | None:
        return self._reader.head()

    def get(self, family: Family, key: bytes) -> bytes | None:
        return self._reader.get(family, key)

    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._reader.iterate(family, prefix=prefix, start=start)

    def write(self, batch: BlockBatch) -> None:  # noqa: ARG002 - refused, whatever it is
        raise StoreError(f"{self.path} is only looked at; to write, open it when it is free")

    def set_active(self, activations: Mapping[bytes, bool]) -> None:
        """Left to whoever holds the store: the index only matters when it is opened."""

    def close(self) -> None:
        self._reader.close()
        self._scratch.cleanup()

    def _checkpoint_heights(self) -> list[int]:
        return usable_heights(self.path)
