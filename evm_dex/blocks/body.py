"""Stored form of bodies, receipts and transaction positions: a version byte, then msgpack."""

from __future__ import annotations

from typing import Annotated

import msgspec

from checkpoint.trie.keccak import keccak
from evm_dex.blocks.receipt import Receipt
from precompiles.types import Address

_VERSION = b"\x01"
_encoder = msgspec.msgpack.Encoder()


class StoredTransaction(msgspec.Struct, frozen=True, array_like=True):
    """A transaction's bytes, and its sender so that reading need not recover it."""

    raw: bytes
    sender: Annotated[Address, msgspec.Meta(min_length=20, max_length=20)]

    @property
    def hash(self) -> bytes:
        """The transaction hash."""
        return keccak(self.raw)


class Body(msgspec.Struct, frozen=True, array_like=True):
    """The part of a block beside its header."""

    transactions: tuple[StoredTransaction, ...]
    genesis: bytes = b""
    """The definition the chain began with; only block 0 has one."""


_body_decoder = msgspec.msgpack.Decoder(Body)
_receipts_decoder = msgspec.msgpack.Decoder(tuple[Receipt, ...])


def encode_body(body: Body) -> bytes:
    """Return the value stored in BODIES."""
    return _VERSION + _encoder.encode(body)


def decode_body(stored: bytes) -> Body:
    """Decode what is stored. Raises ValueError for another version or damaged bytes."""
    return _body_decoder.decode(_payload(stored))


def encode_receipts(receipts: tuple[Receipt, ...]) -> bytes:
    """Return the value stored in RECEIPTS, one receipt per transaction in order."""
    return _VERSION + _encoder.encode(receipts)


def decode_receipts(stored: bytes) -> tuple[Receipt, ...]:
    """Decode what is stored. Raises ValueError for another version or damaged bytes."""
    return _receipts_decoder.decode(_payload(stored))


def encode_position(height: int, index: int) -> bytes:
    """Return the value stored in TRANSACTIONS: block height and place in the block."""
    return height.to_bytes(8, "big") + index.to_bytes(4, "big")


def decode_position(stored: bytes) -> tuple[int, int]:
    """Block height, and place in the block."""
    return int.from_bytes(stored[:8], "big"), int.from_bytes(stored[8:], "big")


def _payload(stored: bytes) -> bytes:
    if stored[:1] != _VERSION:
        raise ValueError(f"the stored version must be 01, got {stored[:1].hex()}")
    return stored[1:]
