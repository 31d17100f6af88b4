"""Updates of the chain, told to filters and subscriptions, with the logs of blocks that left it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.block_store import LogEntry, matches
from evm_dex.chain.chain import Chain
from evm_dex.chain.listeners import tell
from evm_dex.node.log_query import LogQuery
from evm_dex.node.rpc_json import Json, entry_object

_logger = logging.getLogger(__name__)
_REMEMBERED_BLOCKS = 4_096


class RemovedLog(msgspec.Struct, frozen=True):
    """A log of a block that is not on the chain any more."""

    entry: LogEntry
    header: Header

    def matches(self, query: LogQuery) -> bool:
        """Return whether it is of the addresses and topics of a query."""
        return matches(self.entry.log, query.addresses, query.topics)

    def as_new(self) -> Json:
        """Write it as it was, or would have been, told of before."""
        return entry_object(self.entry, self.header)

    def as_removed(self) -> Json:
        """Write it as it is told of now."""
        return {**self.as_new(), "removed": True}


class RemovedLogs:
    """Logs that the rollback in work takes off the chain."""

    def __init__(self, chain: Chain, most: int) -> None:
        """`most` bounds the logs that are kept."""
        self._chain = chain
        self._most = most
        self._logs: list[RemovedLog] | None = []
        self._last = b""
        """The hash of the newest block that leaves."""
        chain.before_rollback(self._note)

    def take(self) -> Sequence[RemovedLog] | None:
        """Take all logs that are gone since the last time, oldest first; None for too many."""
        found, self._logs = self._logs, []
        # Those that made room for a branch that was refused half way have come back.
        came_back = found != [] and self._chain.blocks.is_on_chain(self._last)
        return [] if came_back else found

    def _note(self, heights: range) -> None:
        self._last = self._chain.head.hash
        try:
            self._logs = self._read(heights)
        except Exception:  # what is told is not worth a rollback
            _logger.exception("the logs of blocks that leave could not be read")
            self._logs = None

    def _read(self, heights: range) -> list[RemovedLog] | None:
        found: list[RemovedLog] = []
        for entry in self._chain.blocks.logs(heights.start, heights.stop - 1, (), ()):
            if len(found) == self._most:
                return None
            is_same_block = found and found[-1].entry.height == entry.height
            header = found[-1].header if is_same_block else self._chain.header(entry.block_hash)
            found.append(RemovedLog(entry, header))
        return found


class ChainUpdate(msgspec.Struct, frozen=True):
    """The change that one move of the head made."""

    went_back_to: int
    """The last block that stayed."""
    headers: tuple[Header, ...]
    """New blocks after that one, oldest first."""
    removed_logs: Sequence[RemovedLog] | None = ()
    """Logs of blocks that left the chain, oldest first; None where they are too many."""


class ChainEvents:
    """Tells listeners of each update of a chain, and of each transaction whose turn can come."""

    def __init__(self, chain: Chain, most_removed_logs: int) -> None:
        self.on_update: list[Callable[[ChainUpdate], object]] = []
        self.on_transaction: list[Callable[[Transaction], object]] = []
        self._most_removed = most_removed_logs
        self.follow(chain)

    def follow(self, chain: Chain) -> None:
        """Tell of this chain from now on."""
        self._chain = chain
        self._removed_logs = RemovedLogs(chain, self._most_removed)
        self._announced: deque[tuple[int, bytes]] = deque(maxlen=_REMEMBERED_BLOCKS)
        self._announced.append((chain.head.block_number, chain.head.hash))
        chain.add_listener(lambda _: self._announce())
        chain.on_transaction(self._came)

    def _came(self, transaction: Transaction) -> None:
        tell(self.on_transaction, transaction, "%r came", transaction)

    def _announce(self) -> None:
        """Tell what is new; a rollback or another branch went back first."""
        head, blocks = self._chain.head, self._chain.blocks
        while (
            self._announced[-1][1] != head.parent_hash
            and len(self._announced) > 1
            and not blocks.is_on_chain(self._announced[-1][1])
        ):
            self._announced.pop()
        stayed = min(self._announced[-1][0], head.block_number)
        heights = range(stayed + 1, head.block_number + 1)
        headers = tuple(
            head if height == head.block_number else self._chain.header(height)
            for height in heights
        )
        self._announced.extend((header.block_number, header.hash) for header in headers)
        update = ChainUpdate(stayed, headers, self._removed_logs.take())
        tell(self.on_update, update, "block %d", head.block_number)
