"""A Merkle Patricia trie that hashes a node once per block, not once per change.

It gives the roots of the `trie` package's HexaryTrie (Yellow Paper, appendix D). Changed nodes are
kept as lists inside their parents; asking for the root stores and hashes them. No key may be the
start of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Protocol

from eth_typing import Hash32
from trie.exceptions import MissingTrieNode

from checkpoint.trie import rlp
from checkpoint.trie.keccak import keccak
from checkpoint.trie.nodes import (
    BLANK_ROOT,
    BRANCH_WIDTH,
    HASH_BYTES,
    Node,
    common_length,
    nibbles,
    pack,
    unpack,
)

_MOST_DECODED = 8_192


class Nodes(Protocol):
    """Encoded nodes by hash."""

    def __getitem__(self, key: bytes, /) -> bytes:
        """Return one. Raises KeyError."""

    def __setitem__(self, key: bytes, value: bytes, /) -> None:
        """Add one."""


class NodeTarget(Protocol):
    """A database that takes several nodes at once."""

    def update(self, nodes: Mapping[bytes, bytes], /) -> None:
        """Add some."""


class NodeSource(Protocol):
    """A database of encoded nodes by hash."""

    def __getitem__(self, key: bytes, /) -> bytes:
        """Return one. Raises KeyError."""

    def __contains__(self, key: bytes, /) -> bool:
        """Return whether a node is there."""


class NodeCache(dict[bytes, bytes]):
    """Nodes to be written, over a database that has the others; those in use stay decoded.

    A node that a trie changes leaves those decoded, so that they are of the tries as they are.
    """

    def __init__(self, database: NodeSource) -> None:
        super().__init__()
        self._database = database
        self.decoded: dict[bytes, Node] = {}

    def __missing__(self, key: bytes) -> bytes:
        return self._database[key]

    def has(self, key: bytes) -> bool:
        """Return whether a node is there, written or not."""
        return key in self or key in self._database

    def write_to(self, batch: NodeTarget) -> None:
        """Hand over what is to be written."""
        batch.update(self)
        self.clear()


class Trie:
    """A mapping over a database of nodes; a missing key reads as b""."""

    __slots__ = ("_database", "_decoded", "_root", "_root_hash")

    def __init__(self, database: Nodes, root_hash: bytes) -> None:
        self._database = database
        self._decoded = database.decoded if isinstance(database, NodeCache) else None
        self._root_hash = root_hash
        self._root: Node = None

    @property
    def root_hash(self) -> bytes:
        """Return the root, after storing what changed."""
        if self._root is not None:
            self._root_hash = self._store_root(self._root)
            self._root = None
        return self._root_hash

    @root_hash.setter
    def root_hash(self, value: bytes) -> None:
        self._root_hash = value
        self._root = None

    def __getitem__(self, key: bytes) -> bytes:
        node, path = self._top(key, self._read), nibbles(key)
        while node:
            if len(node) == BRANCH_WIDTH:
                node, path = self._read(node[path[0]], key), path[1:]
                continue
            prefix, is_leaf = unpack(node[0])
            if is_leaf:
                value: bytes = node[1]
                return value if prefix == path else b""
            if not path.startswith(prefix):
                return b""
            node, path = self._read(node[1], key), path[len(prefix) :]
        return b""

    def __setitem__(self, key: bytes, value: bytes) -> None:
        if value:
            self._root = self._set(self._top(key, self._load), nibbles(key), value, key)
        else:
            del self[key]

    def __delitem__(self, key: bytes) -> None:
        if not self[key]:  # most words that are set to 0 are 0, and no node has to be made again
            return
        self._root = self._delete(self._top(key, self._load), nibbles(key), key)

    def _top(self, key: bytes, get: Callable[[Node, bytes], Node]) -> Node:
        if self._root is not None:
            return self._root
        return b"" if self._root_hash == BLANK_ROOT else get(self._root_hash, key)

    def _load(self, reference: Node, key: bytes) -> Node:
        """Return a node that may be changed, as nobody else has it."""
        if type(reference) is list or not reference:
            return reference
        node = self._decoded.pop(reference, None) if self._decoded is not None else None
        return self._stored(reference, key) if node is None else node

    def _read(self, reference: Node, key: bytes) -> Node:
        """Return a node that others may read too."""
        if type(reference) is list or not reference:
            return reference
        if self._decoded is not None and reference in self._decoded:
            return self._decoded[reference]
        node = self._stored(reference, key)
        if list not in map(type, node):
            self._keep(reference, node)
        return node

    def _stored(self, reference: bytes, key: bytes) -> Node:
        try:
            return rlp.decode(self._database[reference])
        except KeyError:
            raise MissingTrieNode(Hash32(reference), Hash32(self._root_hash), key, None) from None

    def _keep(self, digest: bytes, node: Node) -> None:
        """Keep a node that is not changed any more; it must hold no others, which may be."""
        decoded = self._decoded
        if decoded is not None:
            if len(decoded) > _MOST_DECODED:  # those on the way to what changes are young
                for oldest in tuple(islice(decoded, _MOST_DECODED // 2)):
                    del decoded[oldest]
            decoded[digest] = node

    def _set(self, node: Node, path: bytes, value: bytes, key: bytes) -> Node:
        """Put a value below a node; return the node that takes its place."""
        if not node:
            return [pack(path, is_leaf=True), value]
        above: Node = None
        top, place, at = node, 0, 0
        while True:
            if len(node) == BRANCH_WIDTH:
                above, place, at = node, path[at], at + 1
                if not node[place]:
                    node[place] = [pack(path[at:], is_leaf=True), value]
                    return top
            else:
                prefix, is_leaf = unpack(node[0])
                if not path.startswith(prefix, at):
                    rest = path[at:]
                    split = _split(node, rest, common_length(prefix, rest), value)
                    if above is None:
                        return split
                    above[place] = split
                    return top
                if is_leaf:
                    node[1] = value
                    return top
                above, place, at = node, 1, at + len(prefix)
            above[place] = node = self._load(above[place], key)

    def _delete(self, node: Node, path: bytes, key: bytes) -> Node:
        if not node:
            return node
        if len(node) == BRANCH_WIDTH:
            node[path[0]] = self._delete(self._load(node[path[0]], key), path[1:], key)
            return self._without_lone_child(node, key)
        prefix, is_leaf = unpack(node[0])
        if is_leaf:
            return b"" if prefix == path else node
        if not path.startswith(prefix):
            return node
        child = self._delete(self._load(node[1], key), path[len(prefix) :], key)
        return _joined(prefix, child)

    def _without_lone_child(self, branch: Node, key: bytes) -> Node:
        """Join a branch's only child with the way to it: a branch needs two."""
        children = [nibble for nibble in range(16) if branch[nibble]]
        if len(children) > 1:
            return branch
        return _joined(bytes(children), self._load(branch[children[0]], key))

    def _store_root(self, root: Node) -> bytes:
        if not root:
            return BLANK_ROOT
        reference = self._store(root)
        if type(reference) is bytes:
            return reference
        encoded = rlp.encode(reference)
        digest = keccak(encoded)
        self._database[digest] = encoded
        return digest

    def _store(self, node: Node) -> Node:
        """Return what the parent holds of a node: its hash, or the node where that is shorter."""
        holds_nodes = False
        for place, child in enumerate(node):
            if type(child) is list:
                reference = node[place] = self._store(child)
                holds_nodes = holds_nodes or type(reference) is list
        encoded = rlp.encode(node)
        if len(encoded) < HASH_BYTES:
            return node
        digest = keccak(encoded)
        self._database[digest] = encoded
        if not holds_nodes:
            self._keep(digest, node)
        return digest


def _split(node: Node, path: bytes, shared: int, value: bytes) -> Node:
    """Return a branch where two ways part inside a node's path, below what they share."""
    prefix, is_leaf = unpack(node[0])
    content, rest = node[1], prefix[shared + 1 :]
    branch: Node = [b""] * BRANCH_WIDTH
    if is_leaf:
        branch[prefix[shared]] = [pack(rest, is_leaf=True), content]
    else:
        branch[prefix[shared]] = [pack(rest, is_leaf=False), content] if rest else content
    branch[path[shared]] = [pack(path[shared + 1 :], is_leaf=True), value]
    return [pack(prefix[:shared], is_leaf=False), branch] if shared else branch


def _joined(prefix: bytes, child: Node) -> Node:
    """Return a path and the node below it as one node."""
    if not child:
        return child
    if len(child) == BRANCH_WIDTH:
        return [pack(prefix, is_leaf=False), child]
    rest, is_leaf = unpack(child[0])
    return [pack(prefix + rest, is_leaf=is_leaf), child[1]]


_FIRST_PATH = pack(nibbles(rlp.encode(b"")), is_leaf=True)


def ordered_trie_root(items: Sequence[bytes]) -> bytes:
    """Return the root of the trie that maps each item's RLP-encoded position to the item.

    Transaction, receipt and withdrawal roots are of such tries (Yellow Paper, section 4.3). Nobody
    reads them, so their nodes are stored nowhere.
    """
    if len(items) == 1:  # a leaf alone, as in every block of one transaction
        return keccak(rlp.encode([_FIRST_PATH, items[0]]))
    trie = Trie({}, BLANK_ROOT)
    for index, item in enumerate(items):
        trie[rlp.encode(rlp.int_bytes(index))] = item
    return trie.root_hash
