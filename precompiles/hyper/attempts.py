"""Attempts on HyperCore: what breaks a rule leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from precompiles.errors import ContractError
from precompiles.hyper.core import Core
from precompiles.hyper.unified import sweep


@contextmanager
def all_or_nothing(core: Core) -> Iterator[None]:
    """Undo all that is done inside, on both exchanges, where it breaks a rule.

    Else move what it left free in spot wallets to unified balances. Raises the ContractError.
    """
    before, events = core.spot.savepoint(), len(core.perp.events)
    try:
        yield
        sweep(core.ledger, before.journal)
    except ContractError:
        core.spot.rollback(before)
        del core.perp.events[events:]
        raise
