"""Logs of blocks that leave the chain: read before a rollback, told when it has happened."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.chain.block_store import LogEntry, matches
from evm_dex.chain.chain import Chain
from evm_dex.node.log_query import LogQuery
from evm_dex.node.rpc_json import Json, entry_object

_logger = logging.getLogger(__name__)


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
        """At most so many logs are kept."""
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
