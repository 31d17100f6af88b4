"""Walking a trie in a store: all its pairs in order, every node checked by its hash.

The tries of the state are secure ones: their keys are hashes of addresses and of slots, and the
addresses and slots themselves are stored nowhere. What a walk from a header's state root gives is
the state of that block, wherever the nodes came from.
"""

from __future__ import annotations

from collections.abc import Iterator

from checkpoint.errors import StoreDamaged
from checkpoint.trie.hex_prefix import from_nibbles, unpack
from checkpoint.trie.nodes import (
    BLANK_ROOT,
    Node,
    NodeStore,
    children,
    decode_node,
    leaf_value,
    read_node,
)


def walk_trie(store: NodeStore, root: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the pairs of a trie by ascending key, reading nodes as they are asked for.

    Raises StoreDamaged, naming the node, for one that is missing, altered, or no trie node.
    """
    if root == BLANK_ROOT:
        return
    waiting: list[tuple[bytes, Node]] = [(b"", root)]
    while waiting:
        path, reference = waiting.pop()
        try:
            node = reference
            if isinstance(reference, bytes):
                node = decode_node(read_node(store, reference))
            below = children(node)
            if below is None:
                yield _pair(path, node)
            else:
                waiting.extend((path + way, child) for way, child in reversed(below))
        except ValueError as error:
            raise StoreDamaged(f"not a trie node: {error}", _where(reference, path)) from error


def _pair(path: bytes, leaf: Node) -> tuple[bytes, bytes]:
    rest, _ = unpack(leaf[0])
    return from_nibbles(path + rest), leaf_value(leaf)


def _where(reference: Node, path: bytes) -> str:
    name = reference.hex() if isinstance(reference, bytes) else "inside its parent"
    return f"node {name} of a trie, {len(path)} nibbles from the root"
