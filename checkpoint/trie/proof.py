"""Merkle proofs: the value of a key in a trie, and the nodes that lead to it."""

from __future__ import annotations

from collections.abc import Callable

from checkpoint.trie.hex_prefix import nibbles, unpack
from checkpoint.trie.nodes import (
    BLANK_ROOT,
    BRANCH_WIDTH,
    check_node,
    decode_node,
    leaf_value,
)

NodeReader = Callable[[bytes], bytes]
"""Returns an encoded node by its hash, or raises."""


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
