"""An observer of executions: of transactions in their blocks, and of calls that somebody makes.

It is the process's, and chains that are opened after it have it. What is only tried out (estimates,
traces, the pending block) it does not see, unless that fails and so is never sent.
"""

from __future__ import annotations

from typing import Protocol

from eth.abc import ComputationAPI

from evm_dex.evm.config import ExecutionConfig


class Observer(Protocol):
    """Sees executions end."""

    def watching(self, config: ExecutionConfig) -> ExecutionConfig:
        """Return a configuration under which it sees what it wants to; the result is the same."""

    def executed(self, computation: ComputationAPI, gas_used: int) -> None:
        """Take in an execution, and the gas that a transaction pays, or would pay, for it."""


_observers: list[Observer] = []


def observe(observer: Observer) -> None:
    """Let chains that are opened from here on tell an observer what they execute."""
    _observers.append(observer)


def stop_observing(observer: Observer) -> None:
    """Let chains that are opened from here on tell it nothing."""
    _observers.remove(observer)


def current_observer() -> Observer | None:
    """Return the observer that was added last; None where there is none."""
    return _observers[-1] if _observers else None
