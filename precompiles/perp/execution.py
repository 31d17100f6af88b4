"""What the rules need to know of the call they serve, and where they say what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

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
