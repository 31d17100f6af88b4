"""Listeners of a chain: to whom it tells that its head moved, and what waits for a block."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from checkpoint.head import Head
from evm_dex.blocks.transaction import Transaction
from evm_dex.evm.calls import Call
from evm_dex.evm.console_calls import ConsoleCalls

Listener = Callable[[Head], object]
"""Called with the head each time it moved, durably: on by a block or several, or back."""
RollbackListener = Callable[[range], object]
"""Called with the heights of blocks that are about to leave the chain, to be read once more."""
TransactionListener = Callable[[Transaction], object]
"""Called with each transaction whose turn can come, before it is in a block."""

ConsoleListener = Callable[[bytes | None, tuple[bytes, ...]], object]
"""Called with the inputs of calls of `console.log`, and the transaction's hash; None for a call."""

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


class ConsoleListeners:
    """Listeners to the lines that code prints by `console.log`."""

    def __init__(self) -> None:
        self._listeners: list[ConsoleListener] = []

    def add(self, listener: ConsoleListener) -> None:
        """Tell a listener from here on."""
        self._listeners.append(listener)

    def remove(self, listener: ConsoleListener) -> None:
        """Tell a listener no longer."""
        self._listeners.remove(listener)

    def tell(self, transaction_hash: bytes | None, calls: tuple[bytes, ...]) -> None:
        """Tell of a transaction that is in a block, or of a call, that printed something."""
        for listener in tuple(self._listeners):
            try:
                listener(transaction_hash, calls)
            except Exception:
                _logger.exception("a listener failed after a line was printed")

    @contextmanager
    def listening(self, call: Call) -> Iterator[Call]:
        """Provide a call that notes what it prints, which is told at the end."""
        if not self._listeners or call.config.accesses is not None:
            yield call  # one that is tried again and again, for its access list
            return
        printed = ConsoleCalls()
        config = msgspec.structs.replace(call.config, on_console=printed.note)
        try:
            yield msgspec.structs.replace(call, config=config)
        finally:
            found = printed.take()
            if found:
                self.tell(None, found)


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
