"""One execution: for whom the rules act, in which block, at whose cost, and what happened.

A precompile makes one for each call. Outside a call, as in a genesis or a test, gas is free:

    execution = Execution(ledger, user, block_number, timestamp)
    order = spot.placing.place(execution, OrderRequest(asset, amount, price, is_buy=True))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from precompiles.abi.event import Event
from precompiles.context import CallContext
from precompiles.errors import NotExchangeOwner
from precompiles.ledger.ledger import Ledger
from precompiles.types import ZERO_ADDRESS, Address


class Savepoint(NamedTuple):
    """A moment in an execution that it can roll back to."""

    journal: int
    events: int


def _free(_gas: int) -> None:
    """Charge nothing."""


def _unlimited() -> int:
    return 2**64


class Execution(Struct, eq=False):
    """Ledger, account, block, gas, and the events so far."""

    ledger: Ledger
    caller: Address
    block_number: int
    now: int = 0
    """Block time in seconds."""
    charge: Callable[[int], None] = _free
    """Takes gas before the work it pays for."""
    gas_remaining: Callable[[], int] = _unlimited
    events: list[Event] = field(default_factory=list)
    """In order; the precompile turns them into logs."""
    context: CallContext | None = None
    """The call into the precompile; None outside of one."""

    @classmethod
    def of_call(cls, ledger: Ledger, context: CallContext) -> Execution:
        """Create the execution of a call into a precompile."""
        return cls(
            ledger,
            context.caller,
            context.block_number,
            context.timestamp,
            context.charge,
            context.gas_remaining,
            context=context,
        )

    @property
    def call(self) -> CallContext:
        """The call into the precompile, which tokens move through."""
        assert self.context is not None, "tokens move only in a call"
        return self.context

    def acting_for(self, user: Address) -> Execution:
        """Return the same execution on behalf of another account, with the same events."""
        return replace(self, caller=user)

    def emit(self, event: Event) -> None:
        """Append an event."""
        self.events.append(event)

    def savepoint(self) -> Savepoint:
        """Create a savepoint."""
        return Savepoint(self.ledger.journal.mark(), len(self.events))

    def rollback(self, to: Savepoint) -> None:
        """Undo all changes and events since a savepoint."""
        self.ledger.journal.revert(to.journal)
        del self.events[to.events :]

    def require_owner(self) -> Address:
        """Return the exchanges' owner. Raises NotExchangeOwner unless it is the caller."""
        owner = self.ledger.owner or ZERO_ADDRESS
        if self.caller != owner:
            raise NotExchangeOwner(self.caller, owner)
        return owner
