"""Open a ledger from storage: every row is read, counted, hashed and indexed, or refused."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from precompiles.ledger.commitment import EMPTY_COMMITMENT, SetHash, expand
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import Commitment, RowStorage, UntrustedStorage
from precompiles.ledger.table import TableNumber


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """Result of opening a ledger."""

    rows: Mapping[str, int]
    """Rows per table, by table name."""
    active_orders: int
    repairs: Mapping[bytes, bool]
    """Order keys whose entry in the active-order index was wrong, and what it should be."""

    def repair_lines(self) -> list[str]:
        """Describe the repairs, a line each."""
        return [
            f"order {int.from_bytes(key, 'big')} {'is active' if active else 'has ended'}, "
            f"the active-order index said otherwise"
            for key, active in self.repairs.items()
        ]


def open_ledger(storage: RowStorage) -> tuple[Ledger, RecoveryReport]:
    """Restore a ledger from the rows of a storage.

    Raises UntrustedStorage, naming the table, when a row does not decode, when rows are missing
    or surplus, or when together they are not the set that the storage's commitment names. An
    active-order index that disagrees with the orders is reported for repair.
    """
    ledger = Ledger(storage)
    claimed = storage.commitment() or EMPTY_COMMITMENT
    unknown = storage.tables() - set(ledger.tables)
    if unknown:
        raise UntrustedStorage(
            f"storage has rows in unknown tables {sorted(unknown)}: "
            "it was written by a newer version of this program"
        )
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        found = _load(ledger, storage)
    finally:
        if was_enabled:
            gc.enable()
    _compare(claimed, found)
    ledger.journal.clear()
    ledger.commitment = claimed
    names = {TableNumber(table).name.lower(): count for table, count in found.counts.items()}
    active = set(ledger.spot.orders.rows)
    return ledger, RecoveryReport(names, len(active), _index_repairs(ledger, storage))


def _load(ledger: Ledger, storage: RowStorage) -> Commitment:
    total = SetHash()
    counts: dict[int, int] = {}

    def contributions(table: int) -> Iterator[bytes]:
        count = 0
        for key, value in ledger.load(table, storage.rows(table)):
            count += 1
            yield expand(table, key, value)
        if count:
            counts[table] = count

    for table in sorted(ledger.tables):
        total.add(contributions(table))
    ledger.index_loaded()
    return Commitment(total.accumulator(), counts)


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


def _index_repairs(ledger: Ledger, storage: RowStorage) -> dict[bytes, bool]:
    encode = ledger.spot.orders.codec.encode
    active = {encode(order_id) for order_id in ledger.spot.orders.rows}
    indexed = set(storage.active_orders())
    return {key: key in active for key in sorted(active ^ indexed)}
