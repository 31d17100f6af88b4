"""Several batches as one: written together at the end, or never."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from checkpoint.families import Family
from checkpoint.head import Head
from checkpoint.store import Store, StoreReader
from checkpoint.store_batch import BlockBatch
from precompiles.ledger.storage import Commitment, RowChange


class OverlayStore(StoreReader):
    """A store whose writes can be held back; readers see them at once, the disk only at the end.

    Outside of `transaction` everything goes straight to the store below.
    """

    def __init__(self, base: Store) -> None:
        self._base = base
        self._staged: BlockBatch | None = None

    @contextmanager
    def transaction(self, batch: BlockBatch) -> Iterator[None]:
        """Add what is written inside to `batch`, which the caller then writes, or drops."""
        assert self._staged is None, "only one batch is held back at a time"
        self._staged = batch
        try:
            yield
        finally:
            self._staged = None

    def head(self) -> Head | None:
        staged = self._staged.head if self._staged else None
        return staged or self._base.head()

    def ended(self) -> Commitment | None:
        """See `RowStorage.ended`; of the store below."""
        return self._base.ended()

    def get(self, family: Family, key: bytes) -> bytes | None:
        if self._staged is not None:
            changes = self._staged.changes.get(family)
            if changes is not None and key in changes:
                return changes[key]
        return self._base.get(family, key)

    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        pairs = self._base.iterate(family, prefix=prefix, start=start)
        if self._staged is None:
            return pairs
        merged: dict[bytes, bytes | None] = dict(pairs)
        first = max(prefix, start or b"")
        for key, value in self._staged.changes.get(family, {}).items():
            if key.startswith(prefix) and key >= first:
                merged[key] = value
        return iter(sorted((key, value) for key, value in merged.items() if value is not None))

    def write(self, batch: BlockBatch) -> None:
        """See `Store.write`; inside `transaction` it can't fail."""
        if self._staged is None:
            self._base.write(batch)
        else:
            self._staged.extend(batch)

    def undo(self, height: int) -> tuple[RowChange, ...]:
        """See `Store.undo`; of the store below."""
        return self._base.undo(height)

    @property
    def reach(self) -> int:
        """See `Store.reach`; of the store below."""
        return self._base.reach

    def check_reach(self, height: int) -> None:
        """See `Store.check_reach`; of the store below."""
        self._base.check_reach(height)
