"""Marking the trie nodes and code that a state needs: those a walk from its root comes to.

States share most of their nodes, so a walk stops where an earlier one has been: after the first
state, each costs only what it changed. Every node is checked to be the one its hash names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from checkpoint.errors import StoreDamaged
from checkpoint.trie.account import Account
from checkpoint.trie.nodes import (
    BLANK_ROOT,
    EMPTY_CODE,
    Node,
    NodeStore,
    children,
    decode_node,
    leaf_value,
    read_code,
    read_node,
)

Counter = Callable[[int], None]
"""Called now and then with the number of nodes found so far."""

_STEP = 4096


def mark_state(store: NodeStore, root: bytes, marked: set[bytes], count: Counter) -> None:
    """Add to `marked` the hashes of all nodes and code of a state: accounts, storage, code.

    What is marked already counts as marked with all below it. Raises StoreDamaged, naming what is
    missing or altered; `marked` is of no use then.
    """
    waiting = [(root, True)]
    while waiting:
        node_hash, is_account_trie = waiting.pop()
        if node_hash in marked or node_hash == BLANK_ROOT:
            continue
        marked.add(node_hash)
        if len(marked) % _STEP == 0:
            count(len(marked))
        try:
            for found in below(decode_node(read_node(store, node_hash))):
                if isinstance(found, bytes):
                    waiting.append((found, is_account_trie))
                elif is_account_trie:
                    account = Account.decode(leaf_value(found))
                    waiting.append((account.storage_root, False))
                    _mark_code(store, account.code_hash, marked)
        except ValueError as error:
            where = f"node {node_hash.hex()} of a state"
            raise StoreDamaged(f"not a trie node: {error}", where) from error


def below(node: Node) -> Iterator[Node]:
    """Yield the hashes a node names and the leaves in it, also those of nodes inside it."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        below = children(node)
        if below is None:
            yield node
            continue
        for _, child in below:
            if isinstance(child, bytes):
                yield child
            else:
                waiting.append(child)


def _mark_code(store: NodeStore, code_hash: bytes, marked: set[bytes]) -> None:
    if code_hash != EMPTY_CODE and code_hash not in marked:
        read_code(store, code_hash)
        marked.add(code_hash)
