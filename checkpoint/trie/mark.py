"""Which trie nodes and which code some states need: those a walk from their roots comes to.

States share most of their nodes, so a walk stops where an earlier one has been: after the first
state, each costs only what it changed. Every node is checked to be the one its hash names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from eth_hash.auto import keccak

from checkpoint.errors import StoreDamaged
from checkpoint.families import Family
from checkpoint.trie.stack_trie import BLANK_ROOT
from checkpoint.trie.walk import EMPTY_CODE, Account, NodeStore, decode_rlp, read_code

Counter = Callable[[int], None]
"""Told now and then how many nodes were found so far."""

_BRANCH = 17
_LEAF = 0x20
"""Set in the first byte of a path that ends in a value (Yellow Paper, appendix C)."""
_STEP = 4096


def mark_state(store: NodeStore, root: bytes, marked: set[bytes], count: Counter) -> None:
    """Add to `marked` the hashes of all nodes and code of a state: accounts, storage, code.

    What is marked already is taken to be marked with all below it. Raises StoreDamaged, naming
    what is missing or altered; `marked` is of no use then.
    """
    waiting = [(root, True)]
    while waiting:
        node_hash, of_accounts = waiting.pop()
        if node_hash in marked or node_hash == BLANK_ROOT:
            continue
        marked.add(node_hash)
        if len(marked) % _STEP == 0:
            count(len(marked))
        for leaf_or_hash in _below(_node(store, node_hash)):
            if isinstance(leaf_or_hash, bytes):
                waiting.append((leaf_or_hash, of_accounts))
            elif of_accounts:
                account = _account(leaf_or_hash[1], node_hash)
                waiting.append((account.storage_root, False))
                _mark_code(store, account.code_hash, marked)


def _below(node: Any) -> Iterator[Any]:
    """The hashes a node names, and the leaves in it, those of shorter nodes inside it too."""
    if len(node) == _BRANCH:
        children = node[:-1]
    elif node[0][0] & _LEAF:
        yield node
        return
    else:
        children = node[1:]
    for child in children:
        if isinstance(child, list):
            yield from _below(child)
        elif child:
            yield child


def _node(store: NodeStore, node_hash: bytes) -> Any:
    encoded = store.get(Family.NODES, node_hash)
    where = f"node {node_hash.hex()} of a state that is kept"
    if encoded is None or keccak(encoded) != node_hash:
        raise StoreDamaged("it is missing or altered", where)
    try:
        return decode_rlp(encoded)
    except ValueError as error:
        raise StoreDamaged(f"it does not decode: {error}", where) from error


def _account(encoded: bytes, node_hash: bytes) -> Account:
    try:
        return Account.decode(encoded)
    except ValueError as error:
        raise StoreDamaged(f"its leaf: {error}", f"node {node_hash.hex()}") from error


def _mark_code(store: NodeStore, code_hash: bytes, marked: set[bytes]) -> None:
    if code_hash != EMPTY_CODE and code_hash not in marked:
        read_code(store, code_hash)
        marked.add(code_hash)
