"""The ledger as one execution sees it: brought to a block when it is first looked at.

Until then nothing of the execution depends on it, so the chain may go on while the execution
stands still.
"""

from __future__ import annotations

from collections.abc import Callable

from precompiles.engine.journal import Journal


class LedgerView:
    """The ledger as an execution has it, and how far its snapshots take that back."""

    __slots__ = ("_bring", "_journal", "_start")

    def __init__(self, journal: Journal, bring: Callable[[], int]) -> None:
        """Have `bring` take the ledger through its journal to the block that is looked at.

        It returns the journal's mark before that.
        """
        self._journal = journal
        self._bring = bring
        self._start: int | None = None
        """Mark from which on the journal's entries are this view's; None: none are."""

    def look(self) -> None:
        """Have the ledger there. Raises what `bring` raises."""
        if self._start is None:
            self._start = self._bring()

    def mark(self) -> int | None:
        """Return a token for `revert`."""
        return None if self._start is None else self._journal.mark()

    def revert(self, mark: int | None) -> None:
        """Take back all changes since a mark; before the first look that is all there is."""
        if mark is not None:
            self._journal.revert(mark)
        elif self._start is not None:
            self._journal.revert(self._start)
            self._start = None
