"""The plainest row storage: dictionaries."""

from __future__ import annotations

from collections.abc import Iterator

from precompiles.factory import Precompiles, get_precompiles_with_storage
from precompiles.ledger.storage import Commitment, LedgerChanges


class DictStorage:
    """Rows by (table, key), with an active-order index and a commitment beside them."""

    def __init__(self) -> None:
        self.values: dict[tuple[int, bytes], bytes] = {}
        self.active: set[bytes] = set()
        self.claim: Commitment | None = None
        self.knows_ended = False
        """Say what ended rows add up to, so that opening need not read them."""
        self.counted: Commitment | None = None

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
        self.claim, self.counted = changes.commitment, changes.ended

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

    def active_keys(self) -> Iterator[bytes]:
        return iter(sorted(self.active))

    def ended(self) -> Commitment | None:
        return self.counted if self.knows_ended else None


def open_both_ways(storage: DictStorage) -> Precompiles:
    """The precompiles over a storage, opened without its ended rows; with them it is the same."""
    in_full = get_precompiles_with_storage(storage)
    storage.knows_ended = True
    opened = get_precompiles_with_storage(storage)
    storage.knows_ended = False
    assert in_full.report.repairs == {}
    assert opened.report.in_full == (storage.counted is None)
    for number, table in in_full.ledger.tables.items():
        assert opened.ledger.tables[number].rows == table.rows
    assert opened.ledger.ended == in_full.ledger.ended
    assert opened.ledger.commitment == in_full.ledger.commitment
    in_full.ledger.close()
    return opened
