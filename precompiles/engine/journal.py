"""The undo journal: every change to ledger state can be undone in reverse order.

A mark is the journal's length. There is no other undo code: a reverted frame, an
out-of-gas, an `eth_call` and an estimate all end in `revert`.
"""

from __future__ import annotations

from typing import Any, Protocol


class Journaled(Protocol):
    """A structure whose changes go through the journal."""

    def undo(self, subject: Any, before: Any) -> None:  # each structure has its own entry types
        """Undo one change, exactly; later changes were undone already."""


class Journal:
    """Changes since the last block, oldest first, as (structure, subject, before)."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: list[tuple[Journaled, Any, Any]] = []

    def mark(self) -> int:
        """Return a point that `revert` can go back to."""
        return len(self.entries)

    def record(self, structure: Journaled, subject: object, before: object) -> None:
        """Record a change that is being made."""
        self.entries.append((structure, subject, before))

    def revert(self, mark: int) -> None:
        """Undo every change made since `mark`."""
        entries = self.entries
        assert 0 <= mark <= len(entries), "a mark from another block"
        while len(entries) > mark:
            structure, subject, before = entries.pop()
            structure.undo(subject, before)

    def clear(self) -> None:
        """Drop all entries: the present state is the new starting point."""
        self.entries.clear()
