"""Trie nodes and contract code in a store, each checked to be the one its hash names.

A path has one nibble per byte in memory, and is hex-prefixed in a node (Yellow Paper, app. C).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

from checkpoint.errors import StoreDamaged
from checkpoint.families import Family
from checkpoint.trie import rlp
from checkpoint.trie.keccak import keccak

Node = Any
"""b"" (nothing), a hash, [packed path, value or child], or 16 children and b"" (appendix D)."""

BLANK_ROOT = keccak(b"\x80")
"""Root of a trie without keys."""
EMPTY_CODE = keccak(b"")
"""Code hash of an account without code."""
HASH_BYTES = 32
BRANCH_WIDTH = 17
MAX_NODE_BYTES = 1024
"""Longer than any node of a state: a branch has 532 bytes, a leaf an account and its path."""
_PAIR = 2
_DIGITS = b"0123456789abcdef"
_NIBBLES = bytes.maketrans(_DIGITS, bytes(range(16)))
_HEX = bytes.maketrans(bytes(range(16)), _DIGITS)
_LEAF_FLAG = 2
"""Flag of a path that ends in a value."""
_MOST_PATHS = 4_096
"""Paths that stay unpacked: those on the way to what changes are seen again and again."""
_STEPS = tuple(bytes((nibble,)) for nibble in range(16))


class NodeStore(Protocol):
    """The part of a store that keeps trie nodes and code by hash."""

    def get(self, family: Family, key: bytes) -> bytes | None:
        """Return one value, or None."""


def read_node(store: NodeStore, node_hash: bytes) -> bytes:
    """Return an encoded node. Raises StoreDamaged where it is missing or altered."""
    encoded = store.get(Family.NODES, node_hash)
    if encoded is None or keccak(encoded) != node_hash:
        raise StoreDamaged("the node is missing or altered", f"node {node_hash.hex()}")
    return encoded


def read_code(store: NodeStore, code_hash: bytes) -> bytes:
    """Return code by its hash. Raises StoreDamaged where it is missing or altered."""
    if code_hash == EMPTY_CODE:
        return b""
    code = store.get(Family.NODES, code_hash)
    if code is None or keccak(code) != code_hash:
        raise StoreDamaged("the code is missing or altered", f"code {code_hash.hex()}")
    return code


def decode_node(encoded: bytes) -> Node:
    """Return what is in the RLP of a node. Raises ValueError for what is too long or not RLP."""
    if len(encoded) > MAX_NODE_BYTES:
        raise ValueError(f"a node must have at most {MAX_NODE_BYTES} bytes, got {len(encoded)}")
    return rlp.decode(encoded)


def check_node(node: Node) -> None:
    """Raise ValueError unless `node` has the shape of a branch, an extension or a leaf."""
    if not isinstance(node, list) or len(node) not in (_PAIR, BRANCH_WIDTH):
        raise ValueError("a node must be a list of 2 or 17 items")
    if len(node) == _PAIR and not isinstance(node[0], bytes):
        raise ValueError("the path of a node must be bytes, got a list")


def children(node: Node) -> list[tuple[bytes, Node]] | None:
    """Return what is below a node with the way to each, in order of their paths; None for a leaf.

    Raises ValueError for what is not a node.
    """
    check_node(node)
    if len(node) == BRANCH_WIDTH:
        return [(step, child) for step, child in zip(_STEPS, node, strict=False) if child]
    path, is_leaf = unpack(node[0])
    return None if is_leaf else [(path, node[1])]


def leaf_value(leaf: Node) -> bytes:
    """Return the value in a leaf. Raises ValueError where it is none."""
    value = leaf[1]
    if not isinstance(value, bytes):
        raise ValueError("the value of a leaf must be bytes, got a list")
    return value


def nibbles(key: bytes) -> bytes:
    """Split a key into nibbles, one per byte."""
    return key.hex().encode().translate(_NIBBLES)


def from_nibbles(path: bytes) -> bytes:
    """Join nibbles to bytes. Raises ValueError for an odd number of them."""
    return bytes.fromhex(path.translate(_HEX).decode())


def pack(path: bytes, *, is_leaf: bool) -> bytes:
    """Encode a path of nibbles with the flags of its length and its end."""
    flag = _LEAF_FLAG if is_leaf else 0
    return from_nibbles((bytes((flag + 1,)) if len(path) % 2 else bytes((flag, 0))) + path)


@lru_cache(_MOST_PATHS)
def unpack(packed: bytes) -> tuple[bytes, bool]:
    """Return the nibbles of an encoded path, and whether it ends in a value.

    Raises ValueError for what `pack` never gives.
    """
    digits = nibbles(packed)
    if not digits or digits[0] > _LEAF_FLAG + 1 or (digits[0] % 2 == 0 and digits[1]):
        raise ValueError(f"a path must be hex-prefixed, got {packed.hex() or 'nothing'}")
    return digits[2 - digits[0] % 2 :], digits[0] >= _LEAF_FLAG


def common_length(one: bytes, other: bytes) -> int:
    """Return how many nibbles two paths share from the start."""
    shorter = min(len(one), len(other))
    for at in range(shorter):
        if one[at] != other[at]:
            return at
    return shorter
