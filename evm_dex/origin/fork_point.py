"""The place where a chain left another: part of its genesis, and so of its identity."""

from __future__ import annotations

import msgspec


class ForkPoint(msgspec.Struct, frozen=True):
    """A block of another chain. A forked chain goes on from its height and its hash."""

    chain_id: int
    """Of the other chain; the forked one may have another."""
    height: int
    block_hash: bytes
    parent_hash: bytes
    state_root: bytes
    """Of the other chain after the block."""
    is_proven: bool
    """True if accounts and slots are proven by that state root; False for the node's word."""
