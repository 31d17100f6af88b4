"""Open a ledger from storage: what is read is counted, hashed and indexed, or refused.

Rows of ended orders and positions, which only grow in number, need not be read: where the storage
knows what they add up to, the others must make up the rest of what the head commits to.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from precompiles.ledger.commitment import EMPTY_COMMITMENT, SetHash, expand
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import Commitment, RowStorage, UntrustedStorage
from precompiles.ledger.table import TableNumber, active_key, row_of


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """Result of opening a ledger."""

    rows: Mapping[str, int]
    """Rows per table, by table name."""
    active_orders: int
    repairs: Mapping[bytes, bool]
    """Keys whose entry in the active index was wrong, and what it should be."""
    is_index_new: bool = False
    """Whether the index was kept for spot orders only, as it once was."""
    in_full: bool = True
    """True if every row was read; False if rows of ended orders and positions were skipped."""

    def repair_lines(self) -> list[str]:
        """Describe the repairs, a line each."""
        return [
            _describe(key, active)
            for key, active in self.repairs.items()
            if not (self.is_index_new and active and row_of(key)[0] != TableNumber.ORDERS)
        ]


def open_ledger(storage: RowStorage, *, in_full: bool = False) -> tuple[Ledger, RecoveryReport]:
    """Restore a ledger from the rows of a storage, `in_full` by reading all of them.

    Raises UntrustedStorage, naming the table, when a row does not decode, when rows are missing
    or surplus, or when together they are not the set that the storage's commitment names. An
    active index that disagrees with the rows is reported for repair. What the storage says of
    ended rows is only taken where all adds up; otherwise every row is read.
    """
    ended = None if in_full else storage.ended()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        if ended is not None:
            with suppress(UntrustedStorage):
                return _open(storage, ended)
        return _open(storage, None)
    finally:
        if was_enabled:
            gc.enable()


def _open(storage: RowStorage, ended: Commitment | None) -> tuple[Ledger, RecoveryReport]:
    ledger = Ledger(storage)
    claimed = storage.commitment() or EMPTY_COMMITMENT
    unknown = storage.tables() - set(ledger.tables)
    if unknown:
        raise UntrustedStorage(
            f"storage has rows in unknown tables {sorted(unknown)}: "
            "it was written by a newer version of this program"
        )
    found, ledger.ended = _load_all(ledger) if ended is None else _load_live(ledger, ended)
    _compare(claimed, found)
    ledger.index_loaded()
    ledger.journal.clear()
    ledger.commitment = claimed
    names = {TableNumber(table).name.lower(): count for table, count in found.counts.items()}
    active = len(ledger.spot.orders.rows)
    if ended is not None:  # an index that is wrong would not have led to all live rows
        return ledger, RecoveryReport(names, active, {}, in_full=False)
    return ledger, RecoveryReport(names, active, *_index_repairs(ledger), in_full=True)


def _load_all(ledger: Ledger) -> tuple[Commitment, Commitment]:
    """Take in every row; return the commitments to all of them and to the ended ones."""
    steady, ending = SetHash(), SetHash()
    counts: dict[int, int] = {}
    ended: dict[int, int] = {}
    for number, table in sorted(ledger.tables.items()):
        total = ending if table.has_ended_rows else steady
        total.add(_contributions(ledger, number, ledger.storage.rows(number), counts))
        if table.has_ended_rows and (more := counts.get(number, 0) - len(table.rows)):
            ended[number] = more
    # Each row is expanded once, and the few live ones once more.
    steady.add([ending.accumulator()])
    for number, table in ledger.tables.items():
        if table.has_ended_rows:
            ending.remove(
                expand(number, table.codec.encode(key), record.encode())
                for key, record in table.rows.items()
            )
    return Commitment(steady.accumulator(), counts), Commitment(ending.accumulator(), ended)


def _load_live(ledger: Ledger, ended: Commitment) -> tuple[Commitment, Commitment]:
    """Take in the live rows; return the commitments to them with the ended ones, and to those."""
    storage, total = ledger.storage, SetHash()
    counts: dict[int, int] = {}
    indexed: dict[int, list[tuple[bytes, bytes]]] = {}
    for entry in storage.active_keys():
        number, key = row_of(entry)
        value = storage.row(number, key)
        if value is None or not _ends(ledger, number):
            raise UntrustedStorage(f"the active index has an entry without a row: {entry.hex()}")
        indexed.setdefault(number, []).append((key, value))
    for number, table in sorted(ledger.tables.items()):
        rows = iter(indexed.get(number, ())) if table.has_ended_rows else storage.rows(number)
        total.add(_contributions(ledger, number, rows, counts))
        if len(table.rows) != counts.get(number, 0):
            raise UntrustedStorage("the active index has an entry of a row that ended")
    total.add([ended.accumulator])
    for number, count in ended.counts.items():
        if not _ends(ledger, number):
            raise UntrustedStorage(f"table {number} has no rows that end")
        counts[number] = counts.get(number, 0) + count
    return Commitment(total.accumulator(), counts), ended


def _ends(ledger: Ledger, number: int) -> bool:
    return number in ledger.tables and ledger.tables[number].has_ended_rows


def _contributions(
    ledger: Ledger, table: int, rows: Iterator[tuple[bytes, bytes]], counts: dict[int, int]
) -> Iterator[bytes]:
    count = 0
    for key, value in ledger.load(table, rows):
        count += 1
        yield expand(table, key, value)
    if count:
        counts[table] = count


def _compare(claimed: Commitment, found: Commitment) -> None:
    for table in sorted({*claimed.counts, *found.counts}):
        expected, actual = claimed.counts.get(table, 0), found.counts.get(table, 0)
        if expected != actual:
            raise UntrustedStorage(
                f"table {TableNumber(table).name.lower()} has {actual} rows, "
                f"the head record says {expected}"
            )
    if claimed.accumulator != found.accumulator:
        raise UntrustedStorage(
            "the rows are not those the head record commits to: at least one was altered; "
            "restore a checkpoint"
        )


def _index_repairs(ledger: Ledger) -> tuple[dict[bytes, bool], bool]:
    """Return what is wrong with the active index, and whether it is of spot orders only."""
    live = {
        active_key(number, table.codec.encode(key))
        for number, table in ledger.tables.items()
        if table.has_ended_rows
        for key in table.rows
    }
    indexed = set(ledger.storage.active_keys())
    is_new = all(row_of(key)[0] == TableNumber.ORDERS for key in indexed)
    return {key: key in live for key in sorted(live ^ indexed)}, is_new


def _describe(key: bytes, active: bool) -> str:
    table, row_key = row_of(key)
    name = "position" if table == TableNumber.POSITIONS else "order"
    state = "is active" if active else "has ended"
    number = int.from_bytes(row_key, "big")
    return f"{name} {number} {state}, the active-order index said otherwise"
