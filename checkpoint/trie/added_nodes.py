"""The nodes and code that one state has and another has not: what takes a state elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from checkpoint.families import Family
from checkpoint.trie.account import Account
from checkpoint.trie.keccak import keccak
from checkpoint.trie.mark_nodes import below
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


class TooManyNodes(Exception):  # noqa: N818 - says what there is
    """Two states differ by more than was asked for."""


def added_nodes(store: NodeStore, before: bytes, after: bytes, most_bytes: int) -> list[bytes]:
    """Return nodes and code that the state `after` needs beside those of the state `before`.

    Both are roots. A few that both have may be among them, where a trie changed its shape. Raises
    TooManyNodes, and StoreDamaged where a node of either is missing.
    """
    found: dict[bytes, bytes] = {}
    left = most_bytes

    def add(key: bytes, content: bytes) -> None:
        nonlocal left
        found[key] = content
        left -= len(content)
        if left < 0:
            raise TooManyNodes(f"they differ by more than {most_bytes} bytes")

    waiting: list[tuple[Node, list[Node], bool]] = [(after, [before], True)]
    while waiting:
        reference, others, is_account_trie = waiting.pop()
        if reference in others or reference in found or reference == BLANK_ROOT:
            continue
        node = reference
        if isinstance(reference, bytes):
            add(reference, read_node(store, reference))
            node = decode_node(found[reference])
        olds = [_read(store, other) for other in others]
        ways = children(node)
        if ways is not None:
            for way, child in ways:
                waiting.append((child, _under(olds, way), is_account_trie))
        elif is_account_trie:
            account = Account.decode(leaf_value(node))
            accounts = [Account.decode(leaf_value(old)) for old in olds if _is_leaf(old)]
            waiting.append((account.storage_root, [it.storage_root for it in accounts], False))
            if account.code_hash not in (EMPTY_CODE, *(it.code_hash for it in accounts)):
                add(account.code_hash, read_code(store, account.code_hash))
    return list(found.values())


def check_added(store: NodeStore, nodes: Iterable[bytes], root: bytes) -> Mapping[bytes, bytes]:
    """Return nodes by hash, if they and the store have all of a state, and it needs each of them.

    Raises ValueError that says what is missing, too much or no node.
    """
    given = {keccak(node): node for node in nodes}
    used: set[bytes] = set()
    waiting = [(root, True)]
    while waiting:
        node_hash, is_account_trie = waiting.pop()
        if node_hash == BLANK_ROOT or node_hash in used:
            continue
        if not _is_given(store, given, node_hash, "node"):
            continue
        used.add(node_hash)
        for found in below(decode_node(given[node_hash])):
            if isinstance(found, bytes):
                waiting.append((found, is_account_trie))
            elif is_account_trie:
                account = Account.decode(leaf_value(found))
                waiting.append((account.storage_root, False))
                code = account.code_hash
                if code != EMPTY_CODE and _is_given(store, given, code, "code"):
                    used.add(code)
    if given.keys() - used:
        raise ValueError(f"{len(given.keys() - used)} nodes are not of the state that it names")
    return given


def _is_given(store: NodeStore, given: Mapping[bytes, bytes], key: bytes, what: str) -> bool:
    if key in given:
        return True
    if store.get(Family.NODES, key) is None:
        raise ValueError(f"the {what} {key.hex()} of its state is missing")
    return False


def _read(store: NodeStore, reference: Node) -> Node:
    """Return a node of the earlier state; nothing for one of an empty trie."""
    if not isinstance(reference, bytes):
        return reference
    return b"" if reference in (b"", BLANK_ROOT) else decode_node(read_node(store, reference))


def _is_leaf(node: Node) -> bool:
    return bool(node) and children(node) is None


def _under(olds: Iterable[Node], way: bytes) -> list[Node]:
    """Return what may be below nodes on a way: the branch's child there, or all that there is."""
    found: list[Node] = []
    for old in olds:
        if not old:
            continue
        ways = children(old)
        if ways is None:
            found.append(old)  # a leaf that has moved down
        elif len(ways) == 1 or len(way) > 1:
            found.extend(child for _, child in ways)
        else:
            found.extend(child for step, child in ways if step == way)
    return found
