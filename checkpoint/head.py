"""The head record: which block everything in a store belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from checkpoint.errors import StoreDamaged
from checkpoint.record_codec import pack, unpack
from precompiles.ledger.commitment import ACCUMULATOR_BYTES
from precompiles.ledger.storage import Commitment

FORMAT = 1
"""Version of everything a store holds; part of the head record, so of every block."""
_NAME = "the head record (family head, key 'head')"
_DECODER = msgspec.msgpack.Decoder(
    tuple[int, int, bytes, bytes, bytes, tuple[tuple[int, int], ...]]
)


@dataclass(frozen=True, slots=True)
class Head:
    """The last block of a store and what its ledger rows add up to."""

    chain_id: int
    height: int
    block_hash: bytes
    state_root: bytes
    commitment: Commitment

    def encode(self) -> bytes:
        """Return the stored form; the same bytes for the same head."""
        counts = sorted(self.commitment.counts.items())
        fields = (
            self.chain_id,
            self.height,
            self.block_hash,
            self.state_root,
            self.commitment.accumulator,
            counts,
        )
        return pack(FORMAT, fields)

    @classmethod
    def decode(cls, value: bytes) -> Head:
        """Read a stored head. Raises WrongFormat or StoreDamaged."""
        chain_id, height, block_hash, state_root, accumulator, counts = unpack(
            FORMAT, _DECODER, value, _NAME
        )
        lengths = (len(block_hash), len(state_root), len(accumulator))
        if height < 0 or lengths != (32, 32, ACCUMULATOR_BYTES):
            raise StoreDamaged("a field has the wrong size", _NAME)
        return cls(chain_id, height, block_hash, state_root, Commitment(accumulator, dict(counts)))
