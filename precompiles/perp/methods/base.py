"""What the methods of all subjects share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from precompiles.context import CallContext
from precompiles.perp.events import ABI_EVENTS
from precompiles.perp.execution import Execution
from precompiles.precompile import Precompile
from precompiles.types import PERP_ADDRESS


class Shell(Precompile):
    """One call as the rules see it."""

    address = PERP_ADDRESS

    @contextmanager
    def doing(self, context: CallContext) -> Iterator[Execution]:
        """An execution whose events become logs in the end."""
        execution = Execution(
            context.caller,
            context.block_number,
            context.timestamp,
            context.charge,
            context.gas_remaining,
        )
        yield execution
        for event in execution.events:
            context.emit(*ABI_EVENTS[type(event)].encode(event))
