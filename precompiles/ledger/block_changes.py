"""Change set and commitments of a block, collected from its journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from precompiles.engine.journal import Entry
from precompiles.ledger.commitment import SetHash, expand
from precompiles.ledger.storage import Commitment, LedgerChanges, RowChange
from precompiles.ledger.table import Table, active_key

Tables = Mapping[int, Table[Any, Any]]


def collect_changes(
    entries: Sequence[Entry], tables: Tables, commitment: Commitment, ended: Commitment
) -> LedgerChanges:
    """Reduce entries of a journal to one change per row, and the commitments after the changes.

    The first entry of a row has its value before the block, the table its value now.
    Rows that are back at their earlier value are left out.
    """
    rows: list[RowChange] = []
    ends = _Ends()
    for (number, key), before in _first_entries(entries).items():
        table = tables[number]
        after = table.get(key)
        if before == after:
            continue
        row = RowChange(
            number,
            table.codec.encode(key),
            None if before is None else before.encode(),
            None if after is None else after.encode(),
        )
        rows.append(row)
        if table.has_ended_rows:
            ends.add(row, is_live(table, before), is_live(table, after))
    return _changes(rows, ends, commitment, ended)


def changes_from_rows(
    rows: list[RowChange], tables: Tables, commitment: Commitment, ended: Commitment
) -> LedgerChanges:
    """Return the changes of stored rows, for a move between blocks without a journal."""
    ends = _Ends()
    for row in rows:
        table = tables[row.table]
        if table.has_ended_rows:
            was_live, lives = (
                value is not None and is_live(table, table.decode(value))
                for value in (row.old, row.new)
            )
            ends.add(row, was_live, lives)
    return _changes(rows, ends, commitment, ended)


def joined(first: LedgerChanges, then: LedgerChanges) -> LedgerChanges:
    """Return the changes that two steps come to; the commitments are those after the second."""
    rows = {(row.table, row.key): row for row in first.rows}
    activations = dict(first.activations)
    for row in then.rows:
        name = row.table, row.key
        old = rows[name].old if name in rows else row.old
        if old == row.new:
            del rows[name]
        else:
            rows[name] = RowChange(row.table, row.key, old, row.new)
    for key, lives in then.activations.items():
        if key in activations:
            del activations[key]  # it is what it was
        else:
            activations[key] = lives
    return LedgerChanges(tuple(rows.values()), activations, then.commitment, then.ended)


def is_live(table: Table[Any, Any], record: Any) -> bool:
    """Return whether a record is one that its table keeps in memory; None is not."""
    return record is not None and table.is_live(record)


def commit(commitment: Commitment, rows: list[RowChange]) -> Commitment:
    """Return the commitment after changes of rows."""
    if not rows:
        return commitment
    total = SetHash(commitment.accumulator)
    total.remove(expand(row.table, row.key, row.old) for row in rows if row.old is not None)
    total.add(expand(row.table, row.key, row.new) for row in rows if row.new is not None)
    counts = dict(commitment.counts)
    for row in rows:
        counts[row.table] = counts.get(row.table, 0) + (row.new is not None) - (row.old is not None)
    return Commitment(total.accumulator(), {table: n for table, n in sorted(counts.items()) if n})


class _Ends:
    """Changes of the active index, and of the set of ended rows, by those of rows."""

    def __init__(self) -> None:
        self.activations: dict[bytes, bool] = {}
        self.rows: list[RowChange] = []
        """The changes as the set of ended rows sees them, which live rows are not in."""

    def add(self, row: RowChange, was_live: bool, lives: bool) -> None:
        if was_live != lives:
            self.activations[active_key(row.table, row.key)] = lives
        old, new = None if was_live else row.old, None if lives else row.new
        if old != new:
            self.rows.append(RowChange(row.table, row.key, old, new))


def _changes(
    rows: list[RowChange], ends: _Ends, commitment: Commitment, ended: Commitment
) -> LedgerChanges:
    return LedgerChanges(
        tuple(rows), ends.activations, commit(commitment, rows), commit(ended, ends.rows)
    )


def _first_entries(entries: Sequence[Entry]) -> dict[tuple[int, Any], Any]:
    """Return each changed row's value at the start, in the order of first change."""
    first: dict[tuple[int, Any], Any] = {}
    for structure, subject, before in entries:
        if isinstance(structure, Table):
            first.setdefault((structure.number, subject), before)
    return first
