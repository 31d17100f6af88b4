"""What the rules need to know of the call they serve, and where they say what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from precompiles.ledger.ledger import Ledger
from precompiles.perp.events import PerpEvent
from precompiles.types import Address


@dataclass(slots=True)
class Execution:
    """One call's caller, block, gas and events."""

    caller: Address
    block_number: int
    now: int
    """Block time in seconds."""
    charge: Callable[[int], None]
    """Takes gas before the work it pays for."""
    gas_remaining: Callable[[], int]
    events: list[PerpEvent] = field(default_factory=list)
    """What happened, in order; the ABI shell turns it into logs."""

    def acting_for(self, user: Address) -> Execution:
        """The same call, doing what another account asked for earlier."""
        return replace(self, caller=user)


class Point(NamedTuple):
    """A moment in an execution that it can go back to."""

    journal: int
    events: int


def point(ledger: Ledger, execution: Execution) -> Point:
    """Now."""
    return Point(ledger.journal.mark(), len(execution.events))


def go_back(ledger: Ledger, execution: Execution, to: Point) -> None:
    """Take back what was done since, and what was said of it."""
    ledger.journal.revert(to.journal)
    del execution.events[to.events :]
