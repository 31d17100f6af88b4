"""Going back to an earlier moment of a call: what was changed, and what was said of it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from precompiles.ledger.ledger import Ledger


class Telling(Protocol):
    """An execution of either exchange, as far as it tells what happened."""

    @property
    def events(self) -> list[Any]:
        """In order."""


class Point(NamedTuple):
    """A moment in an execution that it can go back to."""

    journal: int
    events: int


def point(ledger: Ledger, execution: Telling) -> Point:
    """Now."""
    return Point(ledger.journal.mark(), len(execution.events))


def go_back(ledger: Ledger, execution: Telling, to: Point) -> None:
    """Take back what was done since, and what was said of it."""
    ledger.journal.revert(to.journal)
    del execution.events[to.events :]
