"""The plainest row storage: dictionaries."""

from __future__ import annotations

from collections.abc import Iterator

from precompiles.ledger.storage import Commitment, LedgerChanges


class DictStorage:
    """Rows by (table, key), with an active-order index and a commitment beside them."""

    def __init__(self) -> None:
        self.values: dict[tuple[int, bytes], bytes] = {}
        self.active: set[bytes] = set()
        self.claim: Commitment | None = None

    def apply(self, changes: LedgerChanges) -> None:
        """Take in a block, checking that each row was what the change says it was."""
        for row in changes.rows:
            place = (row.table, row.key)
            assert self.values.get(place) == row.old
            if row.new is None:
                del self.values[place]
            else:
                self.values[place] = row.new
        for key, active in changes.activations.items():
            assert (key in self.active) != active
            (self.active.add if active else self.active.remove)(key)
        self.claim = changes.commitment

    def commitment(self) -> Commitment | None:
        return self.claim

    def row(self, table: int, key: bytes) -> bytes | None:
        return self.values.get((table, key))

    def rows(self, table: int) -> Iterator[tuple[bytes, bytes]]:
        for (number, key), value in sorted(self.values.items()):
            if number == table:
                yield key, value

    def tables(self) -> frozenset[int]:
        return frozenset(table for table, _ in self.values)

    def active_orders(self) -> Iterator[bytes]:
        return iter(sorted(self.active))
