"""Trie nodes and code as py-evm finds them, and those of the block in work until it is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eth.db.backends.base import BaseAtomicDB

from checkpoint.families import Family
from checkpoint.trie.nodes import NodeStore


class StoredNodes(BaseAtomicDB):
    """Read-only view of the nodes in a store: what calls and estimates run on."""

    def __init__(self, store: NodeStore) -> None:
        self._store = store
        self._pending: dict[bytes, bytes] = {}

    @property
    def stored(self) -> NodeStore:
        """The store below."""
        return self._store

    @property
    def pending(self) -> Mapping[bytes, bytes]:
        """Nodes and code that are not in the store yet, by hash: of a block in work, or to come."""
        return self._pending

    def hold(self, nodes: Mapping[bytes, bytes]) -> None:
        """Hold these in place of what is pending."""
        self._pending = dict(nodes)

    def __getitem__(self, key: bytes) -> bytes:
        value = self._pending.get(key)
        if value is None:
            value = self._store.get(Family.NODES, key)
        if value is None:
            raise KeyError(key)
        return value

    def _exists(self, key: bytes) -> bool:
        return key in self._pending or self._store.get(Family.NODES, key) is not None

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise AssertionError("a call may not write trie nodes")

    def __delitem__(self, key: bytes) -> None:
        raise AssertionError("trie nodes are never deleted by execution")

    @contextmanager
    def atomic_batch(self) -> Iterator[Any]:
        """Py-evm's interface for writing several values at once."""
        yield self


class NodeBuffer(StoredNodes):
    """The same with a buffer for the block in work, emptied into the block's one batch."""

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._pending[key] = value

    def update(self, nodes: Mapping[bytes, bytes], /) -> None:  # type: ignore[override] # of which only this form is used
        """Add several nodes at once."""
        self._pending.update(nodes)

    def take(self) -> dict[bytes, bytes]:
        """Return what is pending, and hold nothing."""
        taken, self._pending = self._pending, {}
        return taken
