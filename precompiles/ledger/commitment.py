"""Set hash that ties every ledger row to the block header.

LtHash: each (table, key, value) is expanded to 1024 lanes of 16 bits, and a set of rows is
the lane-wise sum modulo 2**16. Adding and removing a row costs the same whatever else is
in the set, and the order of changes does not matter. The construction and its security
argument: Bellare and Micciancio 1997, Lewi et al. 2019 (eprint 2019/227); the same
parameters as Solana's accounts hash (SIMD-0215), with BLAKE3 as the expanding function.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from blake3 import blake3

from precompiles.ledger.storage import Commitment

if TYPE_CHECKING:
    import numpy as np

LANES = 1024
ACCUMULATOR_BYTES = 2 * LANES
EMPTY_ACCUMULATOR = bytes(ACCUMULATOR_BYTES)
_CHUNK = 128


def expand(table: int, key: bytes, value: bytes) -> bytes:
    """Return the 2048 bytes one row contributes.

    The key's length is part of what is hashed, so no two rows share an input.
    """
    return blake3(bytes((table, len(key))) + key + value).digest(ACCUMULATOR_BYTES)


class SetHash:
    """A running sum over rows; rows may be added and removed in any order."""

    __slots__ = ("_lanes",)

    def __init__(self, accumulator: bytes = EMPTY_ACCUMULATOR) -> None:
        """Start from an earlier sum; `accumulator` must have 2048 bytes."""
        assert len(accumulator) == ACCUMULATOR_BYTES
        import numpy as np  # noqa: PLC0415 - only the set hash needs it

        self._lanes = np.frombuffer(accumulator, dtype="<u2").copy()

    def add(self, contributions: Iterable[bytes]) -> None:
        """Add expanded rows."""
        for block in _sums(contributions):
            self._lanes += block

    def remove(self, contributions: Iterable[bytes]) -> None:
        """Remove expanded rows."""
        for block in _sums(contributions):
            self._lanes -= block

    def accumulator(self) -> bytes:
        """Return the sum so far, 2048 bytes, lanes little-endian."""
        return self._lanes.tobytes()


def _sums(contributions: Iterable[bytes]) -> Iterable[np.ndarray[tuple[int], np.dtype[np.uint16]]]:
    """Yield partial sums over bounded chunks, so that memory stays flat over millions of rows."""
    rows = iter(contributions)
    while chunk := list(islice(rows, _CHUNK)):
        yield _sum(chunk)


def _sum(chunk: list[bytes]) -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
    import numpy as np  # noqa: PLC0415 - see SetHash

    rows = np.frombuffer(b"".join(chunk), dtype="<u2").reshape(-1, LANES)
    total: np.ndarray[tuple[int], np.dtype[np.uint16]] = rows.sum(axis=0, dtype="<u2")
    return total


EMPTY_COMMITMENT = Commitment(EMPTY_ACCUMULATOR, {})


def digest(commitment: Commitment) -> bytes:
    """Return the 32 bytes of a commitment in the precompile's storage slot."""
    return blake3(commitment.accumulator).digest()
