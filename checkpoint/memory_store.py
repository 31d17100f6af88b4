"""A store that lives as long as its process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping

from sortedcontainers import SortedDict

from checkpoint.errors import StoreClosed
from checkpoint.families import HASHED, Family, height_key, prefix_end
from checkpoint.head import Head
from checkpoint.store import DEFAULT_UNDO_WINDOW, Store
from checkpoint.store_batch import BlockBatch


class MemoryStore(Store):
    """The same store as on disk, without the disk."""

    def __init__(self, *, undo_window: int = DEFAULT_UNDO_WINDOW) -> None:
        """Make an empty store."""
        self.path = None
        self.undo_window = undo_window
        # Hashes are looked up, rarely gone through: keeping them in order takes longer than a trie.
        self._families: dict[Family, MutableMapping[bytes, bytes]] = {
            family: {} if family in HASHED else SortedDict() for family in Family
        }
        self._head: Head | None = None
        self._oldest_undo = 0

    def head(self) -> Head | None:
        return self._head

    def get(self, family: Family, key: bytes) -> bytes | None:
        value: bytes | None = self._family(family).get(key)
        return value

    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        pairs = self._family(family)
        first, end = max(prefix, start or b""), prefix_end(prefix)
        keys: Iterable[bytes]
        if isinstance(pairs, SortedDict):
            keys = pairs.irange(first, end, (True, False))
        else:
            keys = sorted(key for key in pairs if first <= key and (end is None or key < end))
        # A copy, since a sorted dict may not change while it is iterated.
        yield from [(key, pairs[key]) for key in keys]

    def write(self, batch: BlockBatch) -> None:
        expiring = self._expiring(batch)
        for family, changes in batch.changes.items():
            pairs = self._family(family)
            for key, value in changes.items():
                if value is None:
                    pairs.pop(key, None)
                else:
                    pairs[key] = value
        for height in expiring:
            self._family(Family.UNDO).pop(height_key(height), None)
        self._expired(batch, expiring)
        self._head = batch.head or self._head

    def close(self) -> None:
        self._families = {}

    def _family(self, family: Family) -> MutableMapping[bytes, bytes]:
        try:
            return self._families[family]
        except KeyError:
            raise StoreClosed("the store in memory is closed") from None
