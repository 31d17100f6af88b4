"""The parts a store is divided into, and how their keys are built.

Keys are fixed-width big-endian, so that order in the store is order of tables and heights.
"""

from __future__ import annotations

from enum import StrEnum


class Family(StrEnum):
    """A part of the store, with keys of its own."""

    ROWS = "rows"
    """Table number, row key -> row value. The ledger; all that the commitment covers."""
    ACTIVE = "active"
    """Key of a live order or position, see `ledger.table.active_key` -> nothing. An index over the
    rows, rebuilt from them where it disagrees.
    """
    UNDO = "undo"
    """Height -> what the block's rows were before it; the newest blocks only."""
    HEAD = "head"
    """One record: the block all other families are at."""
    NODES = "nodes"
    """Hash -> trie node or contract code."""
    HEADERS = "headers"
    """Block hash -> header RLP."""
    BODIES = "bodies"
    """Block hash -> transactions, opaque here."""
    RECEIPTS = "receipts"
    """Block hash -> receipts, opaque here."""
    HASHES = "hashes"
    """Height -> block hash."""
    TRANSACTIONS = "transactions"
    """Transaction hash -> height (8 bytes), index in the block (4 bytes)."""
    EVENTS = "events"
    """Event id -> what happened to an order, opaque here; the outbox that consumers read from."""
    OUTBOX = "outbox"
    """Name -> how far the outbox is, and each of its consumers; opaque here."""
    ORIGIN = "origin"
    """Values that a forked chain fetched of its origin. Hash -> trie node or code there,
    which its own hash and the root above prove; keys of other lengths -> what was taken on the
    origin's word, opaque here.
    """


HASHED = frozenset(
    (Family.NODES, Family.HEADERS, Family.BODIES, Family.RECEIPTS, Family.TRANSACTIONS)
)
"""Families whose keys are hashes: what is written next to each other is never close."""
HEAD_KEY = b"head"


def row_key(table: int, key: bytes) -> bytes:
    """Return the key of a ledger row."""
    return bytes((table,)) + key


def height_key(height: int) -> bytes:
    """Return the key of a block height."""
    return height.to_bytes(8, "big")


def height_of(key: bytes) -> int:
    """Return the height in a key made by `height_key`."""
    return int.from_bytes(key, "big")


def prefix_end(prefix: bytes) -> bytes | None:
    """Return the lowest key above all that start with `prefix`; None where there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None
