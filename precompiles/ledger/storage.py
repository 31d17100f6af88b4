"""Interface between the ledger and the store that keeps its rows.

Row keys are fixed-width big-endian, so order in a store is order in a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol


class UntrustedStorage(Exception):  # noqa: N818 - says what the storage is
    """The storage's rows are not the state its commitment names; nothing was restored."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """Digest of a set of rows: enough to tell whether a copy is the same set."""

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
    """All changes of a block in the ledger, for the block batch.

    `rows` come in the order in which they were first touched, which is the same on every machine.
    `activations` maps the key in the active index of an order or position to whether it is live
    after the block, for those where that changed.
    """

    rows: tuple[RowChange, ...]
    activations: Mapping[bytes, bool]
    commitment: Commitment
    """To all rows after the block."""
    ended: Commitment | None = None
    """To the rows of ended orders and positions after the block; None where nobody counted them."""


@dataclass(frozen=True, slots=True)
class EarlierChanges:
    """The changes that a journal began with, which were sealed before."""

    changes: LedgerChanges
    entries: int
    """Number of the journal's first entries that are theirs."""


class RowStorage(Protocol):
    """A place where rows are kept between runs. Reading never changes it."""

    def commitment(self) -> Commitment | None:
        """Return the commitment kept with the rows, or `None` when nothing was ever stored."""

    def row(self, table: int, key: bytes) -> bytes | None:
        """Return one row's value."""

    def rows(self, table: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield all rows of a table, by ascending key. Raises rather than stop early."""

    def tables(self) -> frozenset[int]:
        """Return the numbers of the tables that have rows."""

    def active_keys(self) -> Iterator[bytes]:
        """Yield the keys in the index of live orders and positions, ascending; see `active_key`."""

    def ended(self) -> Commitment | None:
        """Return the commitment to the rows of ended orders and positions, without reading them.

        None where that is not known, or where the rows may not be those that it was made of.
        """


class EmptyStorage(RowStorage):
    """No rows at all: what a ledger stands on whose tables alone are wanted."""

    def commitment(self) -> Commitment | None:
        return None

    def row(self, table: int, key: bytes) -> bytes | None:  # noqa: ARG002 - it has none
        return None

    def rows(self, table: int) -> Iterator[tuple[bytes, bytes]]:  # noqa: ARG002 - it has none
        return iter(())

    def tables(self) -> frozenset[int]:
        return frozenset()

    def active_keys(self) -> Iterator[bytes]:
        return iter(())

    def ended(self) -> Commitment | None:
        return None
