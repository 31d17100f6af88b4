"""Listeners of a chain: to whom it tells that its head moved, and what waits for a block."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from checkpoint.head import Head
from evm_dex.blocks.transaction import Transaction

Listener = Callable[[Head], object]
"""Called with the head each time it moved, durably: on by a block or several, or back."""
RollbackListener = Callable[[range], object]
"""Called with the heights of blocks that are about to leave the chain, to be read once more."""
TransactionListener = Callable[[Transaction], object]
"""Called with each transaction whose turn can come, before it is in a block."""

_Event = TypeVar("_Event")
_logger = logging.getLogger(__name__)


def tell(
    listeners: Iterable[Callable[[_Event], object]], event: _Event, what: str, *parts: object
) -> None:
    """Call every listener with an event, which is done already; `what` says so in the log."""
    for listener in tuple(listeners):
        try:
            listener(event)
        except Exception:
            _logger.exception(f"a listener failed after {what}", *parts)


class Watched:
    """Events in the life of a chain, and their listeners."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._rollback_listeners: list[RollbackListener] = []
        self._transaction_listeners: list[TransactionListener] = []

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Listeners to changes of the head, in the order of their adding."""
        return tuple(self._listeners)

    def add_listener(self, listener: Listener) -> None:
        """Tell a listener each time the head moved."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Listener) -> None:
        """Tell a listener no longer."""
        self._listeners.remove(listener)

    def before_rollback(self, listener: RollbackListener) -> None:
        """Tell a listener of each rollback before it happens."""
        self._rollback_listeners.append(listener)

    def on_transaction(self, listener: TransactionListener) -> None:
        """Tell a listener of each transaction whose turn can come, before it is in a block."""
        self._transaction_listeners.append(listener)

    def _tell_moved(self, head: Head) -> None:
        tell(self._listeners, head, "block %d, which is durable", head.height)

    def _tell_rollback(self, heights: range) -> None:
        """Tell of one that is about to happen; what a listener raises prevents it."""
        for listener in tuple(self._rollback_listeners):
            listener(heights)

    def _tell_transaction(self, transaction: Transaction) -> None:
        tell(self._transaction_listeners, transaction, "%r came", transaction)
