"""Undo rows: what a block's ledger rows were before it, so that it can be taken back."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from checkpoint.record_codec import pack, unpack
from precompiles.ledger.storage import RowChange

UNDO_VERSION = 1
_DECODER = msgspec.msgpack.Decoder(tuple[tuple[int, bytes, bytes | None], ...])


def encode_undo(changes: Iterable[RowChange]) -> bytes:
    """The stored form of a block's changes, in their order; the new values are left out."""
    return pack(UNDO_VERSION, [(change.table, change.key, change.old) for change in changes])


def decode_undo(value: bytes, height: int) -> tuple[RowChange, ...]:
    """What `encode_undo` kept of the block at `height`; `new` is None in every change.

    Raises WrongFormat or StoreDamaged.
    """
    rows = unpack(UNDO_VERSION, _DECODER, value, f"the undo row of block {height} (family undo)")
    return tuple(RowChange(table, key, old, None) for table, key, old in rows)
