"""Walking the EVM state of a block: accounts, their storage and code, straight from trie nodes.

The tries are secure ones: their keys are hashes of addresses and of slots, and what was hashed
is kept nowhere. Every node is checked to be the one its parent names by hash, so what a walk from
a header's state root gives is the state of that block, wherever the nodes came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from eth_hash.auto import keccak
from rlp.codec import decode_raw
from rlp.exceptions import RLPException

from checkpoint.errors import StoreDamaged
from checkpoint.families import Family
from checkpoint.trie.stack_trie import BLANK_ROOT, from_nibbles, nibbles

EMPTY_CODE = keccak(b"")
"""The code hash of an account without code."""
_ACCOUNT_FIELDS = 4
_BRANCH = 17
_TERMINATES = 2


class NodeStore(Protocol):
    """The part of a store that keeps trie nodes and code by hash."""

    def get(self, family: Family, key: bytes) -> bytes | None:
        """One value."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the state trie holds it (Yellow Paper, section 4.1)."""

    nonce: int
    balance: int
    """In wei."""
    storage_root: bytes
    code_hash: bytes

    @classmethod
    def decode(cls, encoded: bytes) -> Account:
        """The account of an RLP list. Raises ValueError."""
        fields = decode_rlp(encoded)
        if not isinstance(fields, list) or len(fields) != _ACCOUNT_FIELDS:
            raise ValueError("an account is a list of four fields")
        nonce, balance, storage_root, code_hash = fields
        return cls(
            int.from_bytes(nonce, "big"), int.from_bytes(balance, "big"), storage_root, code_hash
        )


def walk_trie(store: NodeStore, root: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The pairs of a trie by ascending key, read as they are asked for.

    Raises StoreDamaged, naming the node, when one is missing, altered, or no trie node.
    """
    if root == BLANK_ROOT:
        return
    waiting: list[tuple[bytes, Any]] = [(b"", root)]
    while waiting:
        path, reference = waiting.pop()
        node = _node(store, reference) if isinstance(reference, bytes) else reference
        try:
            children = _children(path, node)
            if children is None:
                prefix, value = node
                yield from_nibbles(path + _unpacked(prefix)[0]), value
            else:
                waiting.extend(reversed(children))
        except (ValueError, TypeError, IndexError) as error:
            raise StoreDamaged(
                f"below it is no trie node: {error}", _where(reference, path)
            ) from error


def read_code(store: NodeStore, code_hash: bytes) -> bytes:
    """Code by its hash. Raises StoreDamaged when it is missing or altered."""
    if code_hash == EMPTY_CODE:
        return b""
    code = store.get(Family.NODES, code_hash)
    if code is None or keccak(code) != code_hash:
        raise StoreDamaged("the code is missing or altered", f"code {code_hash.hex()}")
    return code


def decode_rlp(encoded: bytes) -> Any:
    """Bytes, or a list of items. Raises ValueError, also for what follows the item."""
    try:
        return decode_raw(encoded, True, False)[0]
    except RLPException as error:
        raise ValueError(str(error)) from error


def _node(store: NodeStore, node_hash: bytes) -> Any:
    encoded = store.get(Family.NODES, node_hash)
    if encoded is None or keccak(encoded) != node_hash:
        raise StoreDamaged("it is missing or altered", f"node {node_hash.hex()} of a trie")
    try:
        return decode_rlp(encoded)
    except ValueError as error:
        raise StoreDamaged(f"it does not decode: {error}", f"node {node_hash.hex()}") from error


def _children(path: bytes, node: Any) -> list[tuple[bytes, Any]] | None:
    """What is below a node, each with the way to it, ascending; None where it is a leaf."""
    if len(node) == _BRANCH:
        return [(path + bytes((at,)), child) for at, child in enumerate(node[:16]) if child]
    prefix, child = node
    way, is_leaf = _unpacked(prefix)
    return None if is_leaf else [(path + way, child)]


def _unpacked(packed: bytes) -> tuple[bytes, bool]:
    """A path, and whether it ends in a value (Yellow Paper, appendix C)."""
    digits = nibbles(packed)
    return digits[2 - digits[0] % 2 :], digits[0] >= _TERMINATES


def _where(reference: Any, path: bytes) -> str:
    name = reference.hex() if isinstance(reference, bytes) else "inside its parent"
    return f"node {name} of a trie, {len(path)} nibbles from the root"
