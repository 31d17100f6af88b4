"""The root of a Merkle Patricia trie whose keys come in ascending order, in flat memory.

Only the branches along the way to the last key are open; whatever lies left of that way is
finished, handed over by hash, and forgotten (Yellow Paper, appendix D). Keys must all have the
same length, as the hashed keys of the state have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth_hash.auto import keccak
from rlp.codec import encode_raw

NodeSink = Callable[[bytes, bytes], None]
"""Takes the hash of a finished node, and the node."""

BLANK_ROOT = keccak(b"\x80")
"""The root of a trie without keys."""

_DIGITS = b"0123456789abcdef"
_NIBBLES = bytes.maketrans(_DIGITS, bytes(range(16)))
_HEX = bytes.maketrans(bytes(range(16)), _DIGITS)
_CHILDREN = 16
_TERMINATES = 2
_HASH_BYTES = 32
_Node = list[Any]


def nibbles(key: bytes) -> bytes:
    """One nibble per byte."""
    return key.hex().encode().translate(_NIBBLES)


def from_nibbles(digits: bytes) -> bytes:
    """The bytes of as many nibbles. Raises ValueError for an odd number of them."""
    return bytes.fromhex(digits.translate(_HEX).decode())


class StackTrie:
    """Takes pairs by ascending key, gives nodes as they are finished, and at last the root."""

    __slots__ = ("_branches", "_path", "_sink", "_value")

    def __init__(self, sink: NodeSink) -> None:
        """`sink` gets every node that is kept by hash; one may come more than once."""
        self._sink = sink
        self._branches: list[tuple[int, _Node]] = []
        """Open branches from the root down, each with the number of nibbles that lead to it."""
        self._path: bytes | None = None
        self._value = b""

    def add(self, key: bytes, value: bytes) -> None:
        """The next pair. Its key is above the last one's, its value is not empty."""
        path = nibbles(key)
        if self._path is not None:
            assert len(path) == len(self._path), "keys have one length"
            assert path > self._path, "keys ascend"
            depth = _shared(self._path, path)
            finished = self._finish(self._path, depth)
            if not self._branches or self._branches[-1][0] < depth:
                self._branches.append((depth, [b""] * (_CHILDREN + 1)))
            self._branches[-1][1][self._path[depth]] = self._reference(finished)
        self._path, self._value = path, value

    def root(self) -> bytes:
        """The root hash; nothing may be added afterwards."""
        if self._path is None:
            return BLANK_ROOT
        encoded = encode_raw(self._finish(self._path, -1))
        root = keccak(encoded)
        self._sink(root, encoded)
        return root

    def _finish(self, path: bytes, depth: int) -> _Node:
        """Close what is open below `depth` on the last way; the topmost node of that."""
        node: _Node = [_packed(path[self._start(depth) :], _TERMINATES), self._value]
        while self._branches and self._branches[-1][0] > depth:
            at, branch = self._branches.pop()
            branch[path[at]] = self._reference(node)
            start = self._start(depth)
            node = [_packed(path[start:at], 0), self._reference(branch)] if start < at else branch
        return node

    def _start(self, depth: int) -> int:
        """Where the path of the next node begins: behind the branch that will hold it."""
        return 1 + max(depth, self._branches[-1][0] if self._branches else -1)

    def _reference(self, node: _Node) -> bytes | _Node:
        """How its parent holds a node: by hash, or as it is where that is shorter."""
        encoded = encode_raw(node)
        if len(encoded) < _HASH_BYTES:
            return node
        digest = keccak(encoded)
        self._sink(digest, encoded)
        return digest


def _packed(path: bytes, flag: int) -> bytes:
    """Hex-prefix encoding (Yellow Paper, appendix C)."""
    lead = bytes((flag + 1,)) if len(path) % 2 else bytes((flag, 0))
    return from_nibbles(lead + path)


def _shared(one: bytes, other: bytes) -> int:
    """How many nibbles two paths have in common from the start."""
    pairs = zip(one, other, strict=True)
    return next(at for at, (left, right) in enumerate(pairs) if left != right)
