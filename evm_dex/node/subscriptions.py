"""Subscriptions of one WebSocket connection."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.node.chain_events import ChainUpdate
from evm_dex.node.log_query import LogQuery
from evm_dex.node.node import Node
from evm_dex.node.rpc_errors import limit_exceeded
from evm_dex.node.rpc_json import entry_object, header_object, transaction_object
from evm_dex.node.rpc_types import data

_encode = msgspec.json.Encoder().encode
_numbers = itertools.count(1)
_Tell = Callable[[Any], None]


class Subscriptions:
    """The subscriptions of one client. Used on the chain's thread."""

    def __init__(self, node: Node, send: Callable[[bytes], None], end: Callable[[], None]) -> None:
        """`end` gives up a connection whose client can't be told all it has asked for."""
        self._node = node
        self._send = send
        self._end = end
        self._on_block: dict[str, Callable[[Header, _Tell], None]] = {}
        self._on_transaction: dict[str, Callable[[Transaction, _Tell], None]] = {}
        self._queries: dict[str, LogQuery] = {}

    def to_heads(self) -> str:
        """Subscribe to new blocks' headers; return the id."""
        return self._add(self._on_block, lambda header, tell: tell(header_object(header)))

    def to_logs(self, query: LogQuery) -> str:
        """Subscribe to logs that match in new blocks, and to their removal; return the id."""

        def tell_logs(header: Header, tell: _Tell) -> None:
            height = header.block_number
            for entry in self._node.chain.blocks.logs(
                height, height, query.addresses, query.topics
            ):
                tell(entry_object(entry, header))

        identity = self._add(self._on_block, tell_logs)
        self._queries[identity] = query
        return identity

    def to_transactions(self, *, full: bool) -> str:
        """Subscribe to accepted transactions, whole or only their hashes; return the id."""
        return self._add(
            self._on_transaction,
            lambda item, tell: tell(transaction_object(item) if full else data(item.hash)),
        )

    def remove(self, identity: str) -> bool:
        """End one; whether it was there."""
        self._queries.pop(identity, None)
        for subscribed in (self._on_block, self._on_transaction):
            if subscribed.pop(identity, None) is not None:
                return True
        return False

    def close(self) -> None:
        """End all."""
        self._on_block.clear()
        self._queries.clear()
        self._on_transaction.clear()
        for told, tell in self._told():
            if tell in told:
                told.remove(tell)

    def _add(self, subscribed: dict[str, Any], make: Callable[..., None]) -> str:
        most = self._node.limits.subscriptions
        if len(self._on_block) + len(self._on_transaction) >= most:
            raise limit_exceeded(f"{most} subscriptions are open: end one with eth_unsubscribe")
        if not self._on_block and not self._on_transaction:
            for told, tell in self._told():
                if tell not in told:
                    told.append(tell)
        identity = hex(next(_numbers))
        subscribed[identity] = make
        return identity

    def _told(self) -> tuple[tuple[list[Any], Any], ...]:
        return (
            (self._node.events.on_update, self._tell_update),
            (self._node.events.on_transaction, self._tell_transaction),
        )

    def _tell_update(self, update: ChainUpdate) -> None:
        self._tell_removed(update)
        for header in update.headers:
            for identity, make in self._on_block.items():
                make(header, partial(self._notify, identity))

    def _tell_removed(self, update: ChainUpdate) -> None:
        if update.removed_logs is None and self._queries:
            self._end()
        for log in update.removed_logs or ():
            for identity, query in self._queries.items():
                if log.matches(query):
                    self._notify(identity, log.as_removed())

    def _tell_transaction(self, transaction: Transaction) -> None:
        for identity, make in self._on_transaction.items():
            make(transaction, partial(self._notify, identity))

    def _notify(self, identity: str, result: Any) -> None:
        params = {"subscription": identity, "result": result}
        self._send(_encode({"jsonrpc": "2.0", "method": "eth_subscription", "params": params}))
