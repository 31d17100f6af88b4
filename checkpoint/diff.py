"""Differences between two states: rows added, changed and removed.

Both are read once, side by side in the order of their keys, so memory stays flat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

import msgspec

from checkpoint.families import Family
from checkpoint.store import Progress, StoreReader
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import RowChange, UntrustedStorage
from precompiles.ledger.table import IdKey, Table

Kind = Literal["added", "changed", "removed"]
_PROGRESS_STEP = 4096
_ADDRESS_BYTES = 20


@dataclass(slots=True)
class Counts:
    """Rows of one table that differ."""

    added: int = 0
    changed: int = 0
    removed: int = 0


def differing_rows(
    old: StoreReader, new: StoreReader, progress: Progress | None = None
) -> Iterator[RowChange]:
    """Yield each row that differs, by ascending table and key; `progress` counts rows.

    Raises StoreDamaged rather than stop early.
    """
    total = sum(sum(head.commitment.counts.values()) for s in (old, new) if (head := s.head()))
    before, after = old.iterate(Family.ROWS), new.iterate(Family.ROWS)
    left, right, done = next(before, None), next(after, None), 0
    while left is not None or right is not None:
        done += 1
        if progress is not None and done % _PROGRESS_STEP == 0:
            progress(done, total)
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            yield RowChange(left[0][0], left[0][1:], left[1], None)
            left = next(before, None)
        elif left is None or right[0] < left[0]:
            yield RowChange(right[0][0], right[0][1:], None, right[1])
            right = next(after, None)
        else:
            done += 1
            if left[1] != right[1]:
                yield RowChange(left[0][0], left[0][1:], left[1], right[1])
            left, right = next(before, None), next(after, None)
    if progress is not None:
        progress(total, total)


def kind_of(change: RowChange) -> Kind:
    """Return what happened to the row."""
    if change.old is None:
        return "added"
    return "removed" if change.new is None else "changed"


def count(counts: dict[int, Counts], change: RowChange) -> None:
    """Add a differing row to the counts per table number."""
    table, kind = counts.setdefault(change.table, Counts()), kind_of(change)
    setattr(table, kind, getattr(table, kind) + 1)


class RowDecoder:
    """Decodes keys and fields of stored rows."""

    def __init__(self, store: StoreReader) -> None:
        self._tables: dict[int, Table[Any, Any]] = Ledger(store).tables

    def key(self, change: RowChange) -> str:
        """Return a row's key: an id, or addresses and bytes in hex."""
        table = self._tables.get(change.table)
        if table is not None and isinstance(table.codec, IdKey):
            return str(table.codec.decode(change.key))
        key, step = change.key, _ADDRESS_BYTES
        if len(key) % step or not key:
            return f"0x{key.hex()}"
        return " ".join(f"0x{key[at : at + step].hex()}" for at in range(0, len(key), step))

    def fields(self, change: RowChange) -> dict[str, tuple[object, object]]:
        """Return (old, new) by name of each field that differs; None stands for a missing row."""
        old, new = (self._record(change.table, value) for value in (change.old, change.new))
        names = dict.fromkeys([*old, *new])
        values = {name: (old.get(name), new.get(name)) for name in names}
        return {name: pair for name, pair in values.items() if pair[0] != pair[1]}

    def _record(self, number: int, value: bytes | None) -> dict[str, object]:
        if value is None:
            return {}
        table = self._tables.get(number)
        undecoded: dict[str, object] = {"undecoded": f"0x{value.hex()}"}
        if table is None:
            return undecoded
        try:
            record = table.decode(value)
        except UntrustedStorage:
            return undecoded
        return {name: _plain(field) for name, field in msgspec.structs.asdict(record).items()}


def _plain(value: object) -> object:
    """Return a field as people and JSON read it."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.name.lower() if isinstance(value, IntEnum) else value
