"""Receipts and logs: what execution leaves for readers, and the bits that find it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated

import msgspec

from checkpoint.trie import rlp
from checkpoint.trie.keccak import keccak
from precompiles.types import Address

_BLOOM_BITS = 2048
_Topic = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class Log(msgspec.Struct, frozen=True, array_like=True):
    """One event. Topics are 32 bytes each, at most four."""

    address: Annotated[Address, msgspec.Meta(min_length=20, max_length=20)]
    topics: Annotated[tuple[_Topic, ...], msgspec.Meta(max_length=4)]
    data: bytes


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """The outcome of a transaction, as stored; the rest follows from the transaction and block."""

    succeeded: bool
    cumulative_gas_used: Annotated[int, msgspec.Meta(ge=0)]
    """Gas of this and all earlier transactions of the block."""
    logs: tuple[Log, ...]
    output: bytes
    """Revert data of a failed transaction; empty when it succeeded or ran out of gas."""
    error: str
    """Name of what stopped a failed transaction, as py-evm calls it; empty on success."""


def consensus_encoding(receipt: Receipt, type_id: int, bloom: int) -> bytes:
    """Return the bytes that the receipt root commits to (EIP-2718)."""
    payload = rlp.encode(
        [
            b"\x01" if receipt.succeeded else b"",
            rlp.int_bytes(receipt.cumulative_gas_used),
            bloom.to_bytes(_BLOOM_BITS // 8, "big"),
            [[log.address, list(log.topics), log.data] for log in receipt.logs],
        ]
    )
    return bytes((type_id,)) + payload if type_id else payload


def logs_bloom(logs: Iterable[Log]) -> int:
    """Return the bloom filter of some logs' addresses and topics, as a 2048-bit integer."""
    bloom = 0
    for log in logs:
        bloom |= bloom_bits(log.address)
        for topic in log.topics:
            bloom |= bloom_bits(topic)
    return bloom


@lru_cache(maxsize=4_096)  # the same few contracts, events and accounts come again and again
def bloom_bits(item: bytes) -> int:
    """Return the three bits one address or topic sets (Yellow Paper, section 4.3.1)."""
    digest = keccak(item)
    return (
        1 << (int.from_bytes(digest[0:2], "big") % _BLOOM_BITS)
        | 1 << (int.from_bytes(digest[2:4], "big") % _BLOOM_BITS)
        | 1 << (int.from_bytes(digest[4:6], "big") % _BLOOM_BITS)
    )
