"""Updates of the chain, told to filters and subscriptions."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.chain import Chain
from evm_dex.node.removed_logs import RemovedLog, RemovedLogs

_logger = logging.getLogger(__name__)
_Event = TypeVar("_Event")
_REMEMBERED_BLOCKS = 4_096


class ChainUpdate(msgspec.Struct, frozen=True):
    """The change that one move of the head made."""

    went_back_to: int
    """The last block that stayed."""
    headers: tuple[Header, ...]
    """New blocks after that one, oldest first."""
    removed_logs: Sequence[RemovedLog] | None = ()
    """Of blocks that were after it before, oldest first; None where they are too many."""


class ChainEvents:
    """Tells listeners of each update of a chain, and of each transaction that it accepts."""

    def __init__(self, chain: Chain, most_removed_logs: int) -> None:
        self.on_update: list[Callable[[ChainUpdate], object]] = []
        self.on_transaction: list[Callable[[Transaction], object]] = []
        self._chain = chain
        self._removed_logs = RemovedLogs(chain, most_removed_logs)
        self._announced: deque[tuple[int, bytes]] = deque(maxlen=_REMEMBERED_BLOCKS)
        self._announced.append((chain.head.block_number, chain.head.hash))
        chain.add_listener(lambda _: self._announce())

    def accepted(self, transaction: Transaction) -> None:
        """Tell of a transaction that the chain has just accepted."""
        _tell(self.on_transaction, transaction)

    def _announce(self) -> None:
        """Tell what is new; a rollback or another branch went back first."""
        head, blocks = self._chain.head, self._chain.blocks
        while len(self._announced) > 1 and not blocks.is_on_chain(self._announced[-1][1]):
            self._announced.pop()
        stayed = min(self._announced[-1][0], head.block_number)
        heights = range(stayed + 1, head.block_number + 1)
        headers = tuple(
            head if height == head.block_number else self._chain.header(height)
            for height in heights
        )
        self._announced.extend((header.block_number, header.hash) for header in headers)
        _tell(self.on_update, ChainUpdate(stayed, headers, self._removed_logs.take()))


def _tell(listeners: Iterable[Callable[[_Event], object]], event: _Event) -> None:
    """Call every listener; the error of one never fails the block or the others."""
    for listener in tuple(listeners):
        try:
            listener(event)
        except Exception:
            _logger.exception("a listener failed")
