"""The undo journal: every change to ledger state can be undone in reverse order.

A mark is the journal's length. There is no other undo code: a reverted frame, an
out-of-gas, an `eth_call` and an estimate all end in `revert`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Journaled(Protocol):
    """A structure whose changes go through the journal."""

    def undo(self, subject: Any, before: Any) -> None:  # each structure has its own entry types
        """Undo one change, exactly; later changes were undone already."""


Entry = tuple[Journaled, Any, Any]
"""A structure, what changes in it, and how that was before."""


class Journal:
    """Changes since the last block, oldest first."""

    __slots__ = ("entries", "record")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.record: Callable[[Entry], None] = self.entries.append
        """Record a change that is being made: the list's own method, as nothing runs as often."""

    def mark(self) -> int:
        """Return a point that `revert` can go back to."""
        return len(self.entries)

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
