"""Change set and commitment of a block, collected from its journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from precompiles.engine.journal import Journal
from precompiles.ledger.commitment import SetHash, expand
from precompiles.ledger.spot import Order
from precompiles.ledger.storage import Commitment, LedgerChanges, RowChange
from precompiles.ledger.table import Table


def collect_changes(
    journal: Journal, tables: Mapping[int, Table[Any, Any]], commitment: Commitment
) -> LedgerChanges:
    """Reduce a journal to one change per row, and the commitment after the changes.

    The first entry of a row has its value before the block, the table its value now.
    Rows that are back at their earlier value are left out.
    """
    rows: list[RowChange] = []
    activations: dict[bytes, bool] = {}
    for (number, key), before in _first_entries(journal).items():
        table = tables[number]
        after = table.get(key)
        if before == after:
            continue
        stored_key = table.codec.encode(key)
        rows.append(
            RowChange(
                number,
                stored_key,
                None if before is None else before.encode(),
                None if after is None else after.encode(),
            )
        )
        if _is_active(before) != _is_active(after):
            activations[stored_key] = _is_active(after)
    return LedgerChanges(tuple(rows), activations, commit(commitment, rows))


def changes_from_rows(
    rows: list[RowChange], tables: Mapping[int, Table[Any, Any]], commitment: Commitment
) -> LedgerChanges:
    """Return the changes of stored rows, for a move between blocks without a journal."""
    activations: dict[bytes, bool] = {}
    for row in rows:
        decode = tables[row.table].decode
        was_active = row.old is not None and _is_active(decode(row.old))
        is_active = row.new is not None and _is_active(decode(row.new))
        if was_active != is_active:
            activations[row.key] = is_active
    return LedgerChanges(tuple(rows), activations, commit(commitment, rows))


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


def _is_active(record: Any) -> bool:
    return isinstance(record, Order) and record.is_active


def _first_entries(journal: Journal) -> dict[tuple[int, Any], Any]:
    """Return each changed row's value at the start, in the order of first change."""
    first: dict[tuple[int, Any], Any] = {}
    for structure, subject, before in journal.entries:
        if isinstance(structure, Table):
            first.setdefault((structure.number, subject), before)
    return first
