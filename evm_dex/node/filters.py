"""Filters: what a client comes back for, instead of being told."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.chain import Chain
from evm_dex.node.chain_events import ChainUpdate
from evm_dex.node.log_query import LogQuery, find_logs, logs_between
from evm_dex.node.request_limits import Limits
from evm_dex.node.rpc_errors import RpcError, failed, limit_exceeded
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import data

_MOST_HASHES = 100_000


class Filter:
    """One filter: `changes` gives what is new since it was asked last."""

    def __init__(self, changes: Callable[[Filter], list[Any]], query: LogQuery | None) -> None:
        self.changes = changes
        self.query = query
        self.next_height = 0
        """The first block it has not told of."""
        self.hashes: list[bytes] = []
        """Hashes of transactions it has not told of."""
        self.kept: list[Json] = []
        """Logs it has not told of and that can't be read any more, and that they were removed."""
        self.is_incomplete = False
        """Whether those were too many to keep."""
        self.last_asked = time.monotonic()


class Filters:
    """All filters of a node, of every connection. Used on the chain's thread."""

    def __init__(self, chain: Chain, limits: Limits) -> None:
        self._chain = chain
        self._limits = limits
        self._filters: dict[str, Filter] = {}
        self._numbers = itertools.count(1)

    def add_logs(self, query: LogQuery) -> str:
        """Add a filter for logs that match in new blocks; return its id."""
        return self._add(self._new_logs, query)

    def add_blocks(self) -> str:
        """Add a filter for hashes of new blocks; return its id."""
        return self._add(self._new_blocks)

    def add_transactions(self) -> str:
        """Add a filter for hashes of accepted transactions; return its id."""
        return self._add(self._new_transactions)

    def changes(self, identity: str) -> list[Any]:
        """Return what is new since the last time. Raises RpcError for an unknown filter."""
        found = self._get(identity)
        return found.changes(found)

    def logs(self, identity: str) -> list[Json]:
        """Return all logs of a log filter, new or not. Raises RpcError."""
        query = self._get(identity).query
        if query is None:
            raise failed(
                f"filter {identity} must be a log filter: use eth_getFilterChanges for others"
            )
        return find_logs(self._chain, self._limits, query)

    def remove(self, identity: str) -> bool:
        """Forget one; whether it was there."""
        return self._filters.pop(identity, None) is not None

    def _add(self, changes: Callable[[Filter], list[Any]], query: LogQuery | None = None) -> str:
        self._forget_old()
        most = self._limits.filters
        if len(self._filters) >= most:
            raise limit_exceeded(f"{most} filters are in use: end one with eth_uninstallFilter")
        identity = hex(next(self._numbers))
        self._filters[identity] = Filter(changes, query)
        self._filters[identity].next_height = self._chain.head.block_number + 1
        return identity

    def _get(self, identity: str) -> Filter:
        self._forget_old()
        found = self._filters.get(identity)
        if found is None:
            lives = self._limits.filter_seconds
            raise failed(
                f"filter not found: {identity}; one expires {lives:.0f} s after its last use"
            )
        found.last_asked = time.monotonic()
        return found

    def _forget_old(self) -> None:
        oldest = time.monotonic() - self._limits.filter_seconds
        for identity in [name for name, it in self._filters.items() if it.last_asked < oldest]:
            del self._filters[identity]

    def _new_blocks(self, found: Filter) -> list[str]:
        blocks = self._chain.blocks
        return [data(blocks.hash_at(height)) for height in self._new_heights(found)]

    def _new_logs(self, found: Filter) -> list[Json]:
        assert found.query is not None
        if found.is_incomplete:
            raise limit_exceeded(
                "more logs were removed at once than are kept: make a new filter, and ask for all "
                "with eth_getLogs"
            )
        heights = self._new_heights(found)
        try:
            new = logs_between(
                self._chain, self._limits, found.query, heights.start, heights.stop - 1
            )
        except RpcError:  # too many at once: none of them was told of
            found.next_height = heights.start
            raise
        kept, found.kept = found.kept, []
        return kept + new

    def _new_transactions(self, found: Filter) -> list[str]:
        hashes, found.hashes = found.hashes, []
        return [data(item) for item in hashes]

    def _new_heights(self, found: Filter) -> range:
        after = self._chain.head.block_number + 1
        heights = range(found.next_height, after)
        found.next_height = after
        return heights

    def update(self, update: ChainUpdate) -> None:
        """Note what an update brought; after a rollback logs are removed, and blocks come anew."""
        for found in self._filters.values():
            if found.query is not None and update.removed_logs != ():
                self._remove_logs(found, found.query, update)
            found.next_height = min(found.next_height, update.went_back_to + 1)

    def _remove_logs(self, found: Filter, query: LogQuery, update: ChainUpdate) -> None:
        """Keep what has not been told of in order: those that came, then those that went."""
        if update.removed_logs is None:
            found.is_incomplete = True
            return
        removed = [log for log in update.removed_logs if log.matches(query)]
        if not removed:
            return
        try:
            stayed = logs_between(
                self._chain, self._limits, query, found.next_height, update.went_back_to
            )
        except RpcError:  # too many
            found.is_incomplete = True
            return
        untold = [log.as_new() for log in removed if log.entry.height >= found.next_height]
        found.kept += [*stayed, *untold, *(log.as_removed() for log in removed)]
        found.next_height = update.went_back_to + 1
        found.is_incomplete |= len(found.kept) > 2 * self._limits.log_results
        if found.is_incomplete:
            found.kept = []

    def add_transaction(self, transaction: Transaction) -> None:
        """Note a transaction that was accepted."""
        for found in self._filters.values():
            if found.changes == self._new_transactions and len(found.hashes) < _MOST_HASHES:
                found.hashes.append(transaction.hash)
