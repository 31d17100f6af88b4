"""The parts of a block, and the fields of its header that a store looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from checkpoint.trie import rlp
from checkpoint.trie.keccak import keccak

MAX_HEADER_BYTES = 4096
"""Longer than any header: 22 fields, of which the bloom is the largest with 256 bytes."""
_PARENT_HASH, _STATE_ROOT, _HEIGHT, _STANDS_FOR = 0, 3, 8, 21
"""Places in a header's RLP list (Yellow Paper, section 4.3)."""
_HASH_BYTES = 32
_HEIGHT_BYTES = 8


class BlockRecord(NamedTuple):
    """A block as it is stored; body and receipts are opaque here."""

    height: int
    header: bytes
    body: bytes
    receipts: bytes


BlockInspector = Callable[[int, BlockRecord], Sequence[bytes]]
"""Proves a block's body and receipts by its header, both being opaque to a store.

Given the chain id and a block it returns the hashes of its transactions, in order. Raises
ValueError saying what differs.
"""


class HeaderFields(NamedTuple):
    """Fields of a header: its place in the chain, and the state after it."""

    parent_hash: bytes
    state_root: bytes
    height: int


def block_hash_of(header: bytes) -> bytes:
    """Return the hash of the block that a header is of. Raises ValueError.

    That of its RLP list; but the first header of a forked chain stands for a block of another
    chain, whose hash it has as its 22nd field.
    """
    stands_for = stands_for_block(header)
    return keccak(header) if stands_for is None else stands_for


def stands_for_block(header: bytes) -> bytes | None:
    """Return the hash of another chain's block that a header stands for, or None."""
    fields = rlp.decode(header) if len(header) <= MAX_HEADER_BYTES else []
    if not isinstance(fields, list) or len(fields) != _STANDS_FOR + 1:
        return None
    found = fields[_STANDS_FOR]
    if not isinstance(found, bytes) or len(found) != _HASH_BYTES:
        raise ValueError("the hash of the block that a header stands for must be 32 bytes")
    return found


def header_fields(header: bytes) -> HeaderFields:
    """Read a header's RLP. Raises ValueError."""
    if len(header) > MAX_HEADER_BYTES:
        raise ValueError(f"a header must have at most {MAX_HEADER_BYTES} bytes, got {len(header)}")
    fields = rlp.decode(header)
    if not isinstance(fields, list) or len(fields) <= _HEIGHT:
        raise ValueError("a header must be a list of fields")
    parent, root, height = fields[_PARENT_HASH], fields[_STATE_ROOT], fields[_HEIGHT]
    if not all(isinstance(field, bytes) for field in (parent, root, height)):
        raise ValueError("parent hash, state root and number must be bytes, got a list")
    if len(parent) != _HASH_BYTES or len(root) != _HASH_BYTES or len(height) > _HEIGHT_BYTES:
        raise ValueError("parent hash, state root or number has the wrong size")
    return HeaderFields(parent, root, int.from_bytes(height, "big"))
