"""What the ledger asks of whatever keeps its rows, and what it hands over for keeping.

Row keys are fixed-width big-endian, so order in a store is order in a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol


class UntrustedStorage(Exception):  # noqa: N818 - says what the storage is
    """The storage's rows are not the state its commitment claims; nothing was restored."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a set of rows adds up to: enough to tell whether a copy of them is the same set."""

    accumulator: bytes
    """LtHash of all rows: 1024 little-endian 16-bit lanes, 2048 bytes."""
    counts: Mapping[int, int]
    """Number of rows per table number; tables without rows are left out."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row's value before and after a block; `None` where the row does not exist."""

    table: int
    key: bytes
    old: bytes | None
    new: bytes | None


@dataclass(frozen=True, slots=True)
class LedgerChanges:
    """Everything a block changed in the ledger, for the block batch.

    `rows` come in the order in which they were first touched, which is the same on every machine.
    `activations` maps the key of an order to whether it is active after the block,
    for those orders where that changed.
    """

    rows: tuple[RowChange, ...]
    activations: Mapping[bytes, bool]
    commitment: Commitment


class RowStorage(Protocol):
    """A place where rows are kept between runs. Reading never changes it."""

    def commitment(self) -> Commitment | None:
        """The commitment kept with the rows, or `None` when nothing was ever stored."""

    def row(self, table: int, key: bytes) -> bytes | None:
        """One row's value."""

    def rows(self, table: int) -> Iterator[tuple[bytes, bytes]]:
        """All rows of a table, by ascending key. Raises rather than stop early."""

    def tables(self) -> frozenset[int]:
        """Numbers of the tables that have rows."""

    def active_orders(self) -> Iterator[bytes]:
        """Keys in the active-order index, ascending."""
