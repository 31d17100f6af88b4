"""Walking a trie in a store: all its pairs in order, each node checked, or the proof of one.

The tries of the state are secure ones: their keys are hashes of addresses and of slots, and the
addresses and slots themselves are stored nowhere. What a walk from a header's state root gives is
the state of that block, wherever the nodes came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from checkpoint.errors import StoreDamaged
from checkpoint.trie.nodes import (
    BLANK_ROOT,
    BRANCH_WIDTH,
    Node,
    NodeStore,
    check_node,
    children,
    decode_node,
    from_nibbles,
    leaf_value,
    nibbles,
    read_node,
    unpack,
)

NodeReader = Callable[[bytes], bytes]
"""Returns an encoded node by its hash, or raises."""


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


def prove_key(read: NodeReader, root: bytes, key: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the value of a key in a trie (empty if it has none) and the encoded nodes to it.

    Nodes shorter than 32 bytes are part of the one above and not listed by themselves. Raises
    what `read` raises, and ValueError for what is not a node.
    """
    if root == BLANK_ROOT:
        return b"", ()
    path = nibbles(key)
    nodes = [read(root)]
    node = decode_node(nodes[0])
    while node:
        check_node(node)
        if len(node) == BRANCH_WIDTH:
            if not path:
                raise ValueError("a key must end in a leaf, got a branch")
            child, path = node[path[0]], path[1:]
        else:
            part, is_leaf = unpack(node[0])
            if is_leaf:
                value = leaf_value(node)
                return (value if part == path else b""), tuple(nodes)
            child = node[1] if path.startswith(part) else b""
            path = path[len(part) :]
        if isinstance(child, bytes) and child:
            nodes.append(read(child))
            child = decode_node(nodes[-1])
        node = child
    return b"", tuple(nodes)
