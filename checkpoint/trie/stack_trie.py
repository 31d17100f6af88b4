"""Building a Merkle Patricia trie from keys in ascending order, in flat memory.

Only the branches on the way to the last key are open; whatever lies left of that way is
finished, handed over by hash, and forgotten (Yellow Paper, appendix D). Keys must all have the
same length, as the hashed keys of the state have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth_hash.auto import keccak

from checkpoint.trie import rlp
from checkpoint.trie.nodes import BLANK_ROOT, BRANCH_WIDTH, HASH_BYTES, common_length, nibbles, pack

NodeSink = Callable[[bytes, bytes], None]
"""Takes the hash of a finished node, and the node."""

_Node = list[Any]


class StackTrie:
    """Builds a trie from pairs by ascending key; hands over nodes as they are finished."""

    __slots__ = ("_branches", "_path", "_sink", "_value")

    def __init__(self, sink: NodeSink) -> None:
        """Begin a trie. `sink` gets every node that is kept by hash, some more than once."""
        self._sink = sink
        self._branches: list[tuple[int, _Node]] = []
        """Open branches from the root down, each with the number of nibbles that lead to it."""
        self._path: bytes | None = None
        self._value = b""

    def add(self, key: bytes, value: bytes) -> None:
        """Add the next pair. Its key is above the last one's, its value is not empty."""
        path = nibbles(key)
        if self._path is not None:
            assert len(path) == len(self._path), "keys have one length"
            assert path > self._path, "keys ascend"
            depth = common_length(self._path, path)
            finished = self._finish(self._path, depth)
            if not self._branches or self._branches[-1][0] < depth:
                self._branches.append((depth, [b""] * BRANCH_WIDTH))
            self._branches[-1][1][self._path[depth]] = self._reference(finished)
        self._path, self._value = path, value

    def root(self) -> bytes:
        """Return the root hash; nothing may be added afterwards."""
        if self._path is None:
            return BLANK_ROOT
        encoded = rlp.encode(self._finish(self._path, -1))
        root = keccak(encoded)
        self._sink(root, encoded)
        return root

    def _finish(self, path: bytes, depth: int) -> _Node:
        """Close what is open below `depth` on the last way; return the topmost node of that."""
        node: _Node = [pack(path[self._start(depth) :], is_leaf=True), self._value]
        while self._branches and self._branches[-1][0] > depth:
            at, branch = self._branches.pop()
            branch[path[at]] = self._reference(node)
            start = self._start(depth)
            node = (
                [pack(path[start:at], is_leaf=False), self._reference(branch)]
                if start < at
                else branch
            )
        return node

    def _start(self, depth: int) -> int:
        """Return where the path of the next node begins: behind the branch that will hold it."""
        return 1 + max(depth, self._branches[-1][0] if self._branches else -1)

    def _reference(self, node: _Node) -> bytes | _Node:
        """Return what the parent holds of a node: its hash, or the node where that is shorter."""
        encoded = rlp.encode(node)
        if len(encoded) < HASH_BYTES:
            return node
        digest = keccak(encoded)
        self._sink(digest, encoded)
        return digest
