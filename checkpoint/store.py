"""The store: families of keys and values that move from block to block as a whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from checkpoint.errors import StoreDamaged, UndoExpired, UnknownBlock
from checkpoint.families import Family, height_key, height_of, row_key
from checkpoint.head import Head
from checkpoint.record_codec import decode_undo
from checkpoint.store_batch import BlockBatch
from precompiles.ledger.storage import Commitment, RowChange, RowStorage

DEFAULT_UNDO_WINDOW = 1024
"""Blocks whose undo rows are kept."""

Progress = Callable[[int, int], None]
"""Called with the amount done of a long operation, and its total."""


class StoreReader(RowStorage, Protocol):
    """A store as one reads it: its families, and the ledger rows among them."""

    @abstractmethod
    def head(self) -> Head | None:
        """Return the block the store is at; None where nothing was ever written."""

    @abstractmethod
    def get(self, family: Family, key: bytes) -> bytes | None:
        """Return one value, or None. Raises StoreDamaged naming family and key."""

    @abstractmethod
    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys with `prefix` and not below `start`, ascending, with their values.

        Shows the family as it is when the first pair is asked for, whatever is written
        meanwhile. Raises StoreDamaged rather than stop early.
        """

    def commitment(self) -> Commitment | None:
        """Return the commitment to the ledger rows in the head record."""
        head = self.head()
        return head.commitment if head else None

    def row(self, table: int, key: bytes) -> bytes | None:
        """Return one ledger row's value."""
        return self.get(Family.ROWS, row_key(table, key))

    def rows(self, table: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield all rows of a table, by ascending key."""
        for key, value in self.iterate(Family.ROWS, prefix=row_key(table, b"")):
            yield key[1:], value

    def tables(self) -> frozenset[int]:
        """Return the numbers of the tables that have rows, skipping from table to table."""
        found: set[int] = set()
        table = 0
        while table < 256:
            first = next(self.iterate(Family.ROWS, start=row_key(table, b"")), None)
            if first is None:
                break
            table = first[0][0]
            found.add(table)
            table += 1
        return frozenset(found)

    def active_keys(self) -> Iterator[bytes]:
        """Yield the keys in the active index, ascending."""
        for key, _ in self.iterate(Family.ACTIVE):
            yield key

    def ended(self) -> Commitment | None:
        """Return what ended rows add up to, see `RowStorage.ended`; by itself no store knows."""
        return None


class UndoReader(Protocol):
    """A reader of the rows that blocks changed."""

    @abstractmethod
    def undo(self, height: int) -> tuple[RowChange, ...]:
        """Return the rows changed by a block as they were before it, see `Store.undo`."""


def rows_before(store: UndoReader, heights: range) -> dict[tuple[int, bytes], bytes | None]:
    """Return the rows that the blocks at `heights` changed, as they were before the first.

    By table and key. Raises UndoExpired, UnknownBlock.
    """
    before: dict[tuple[int, bytes], bytes | None] = {}
    for height in reversed(heights):
        for change in store.undo(height):
            before[change.table, change.key] = change.old
    return before


class Store(StoreReader, Protocol):
    """A store one process writes, block by block."""

    path: Path | None
    """Its directory; None in memory."""
    undo_window: int
    """Number of blocks whose undo rows are kept."""
    _oldest_undo: int
    """The lowest height that has an undo row, or will have when the next block has one."""

    @abstractmethod
    def write(self, batch: BlockBatch) -> None:
        """Apply all of a batch, or nothing.

        Undo rows that leave the window go in the same step. Raises StoreFailed when the disk
        refuses, and from then on at every write.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of everything held; using the store afterwards raises StoreClosed."""

    def set_active(self, activations: Mapping[bytes, bool]) -> None:
        """Repair entries of the active index."""
        batch = BlockBatch()
        batch.set_active(activations)
        self.write(batch)

    def set_ended(self, ended: Commitment) -> None:  # noqa: ARG002 - by default it is forgotten
        """Take in what the ended rows add up to, by who has just read them; may be forgotten."""
        return

    def undo(self, height: int) -> tuple[RowChange, ...]:
        """Return the rows changed by a block as they were before it, in the order of their change.

        The `new` values are not kept and are None. Raises UnknownBlock above the head,
        UndoExpired below the window.
        """
        head = self.head()
        if head is None or not 0 <= height <= head.height:
            raise UnknownBlock(height, head.height if head else None)
        if height < self._oldest_undo:
            raise self._undo_expired(height)
        value = self.get(Family.UNDO, height_key(height))
        if value is None:
            raise StoreDamaged("the row is missing", f"family undo, block {height}")
        return decode_undo(value, height)

    def check_reach(self, height: int) -> None:
        """Refuse a block whose rows can no longer be worked out from those of the head.

        Raises UndoExpired, naming the nearest checkpoint at or below that block.
        """
        if height < self._oldest_undo - 1:
            raise self._undo_expired(height)

    @property
    def reach(self) -> int:
        """Height of the earliest block whose rows can be worked out from those of the head."""
        return max(0, self._oldest_undo - 1)

    def _undo_expired(self, height: int) -> UndoExpired:
        below = [at for at in self._checkpoint_heights() if at <= height]
        return UndoExpired(height, self._oldest_undo, max(below, default=None))

    def _checkpoint_heights(self) -> list[int]:
        """Return the heights of the checkpoints of blocks on this chain; none in memory."""
        return []

    def _find_oldest_undo(self) -> int:
        """Return `_oldest_undo` when opening."""
        first = next(self.iterate(Family.UNDO), None)
        if first is not None:
            return height_of(first[0])
        head = self.head()
        return head.height + 1 if head else 0

    def _expiring(self, batch: BlockBatch) -> range:
        """Return the heights whose undo rows leave the window with `batch`."""
        assert batch.head is not None or Family.ROWS not in batch.changes, "rows need their head"
        if batch.head is None:
            return range(0)
        oldest = self._oldest_undo if self.head() else batch.head.height
        return range(oldest, batch.head.height - self.undo_window + 1)

    def _expired(self, batch: BlockBatch, heights: range) -> None:
        """Note that `batch` was written and `heights` left the window."""
        if batch.head is not None:
            self._oldest_undo = max(heights.start, heights.stop)
