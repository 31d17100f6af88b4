"""Set hash that ties every ledger row to the block header.

LtHash: each (table, key, value) is expanded to 1024 lanes of 16 bits, and a set of rows is
the lane-wise sum modulo 2**16. Adding and removing a row costs the same whatever else is
in the set, and the order of changes does not matter. The construction and its security
argument: Bellare and Micciancio 1997, Lewi et al. 2019 (eprint 2019/227); the same
parameters as Solana's accounts hash (SIMD-0215), with BLAKE3 as the expanding function.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from blake3 import blake3

from precompiles.ledger.storage import Commitment

LANES = 1024
ACCUMULATOR_BYTES = 2 * LANES
EMPTY_ACCUMULATOR = bytes(ACCUMULATOR_BYTES)
_CHUNK = 128
_FEW = 2_048
"""Rows that a sum takes without NumPy, which takes longer to load than these."""
_EVERY_OTHER = int.from_bytes(b"\xff\xff\0\0" * (LANES // 2), "little")
"""All bits of lanes 0, 2, 4 and so on: what is added to them may be carried into the next."""
_CARRIES = int.from_bytes(b"\0\0\1\0" * (LANES // 2), "little")
"""The lowest bit of lanes 1, 3, 5 and so on."""


def expand(table: int, key: bytes, value: bytes) -> bytes:
    """Return the 2048 bytes one row contributes.

    The key's length is part of what is hashed, so no two rows share an input.
    """
    return blake3(bytes((table, len(key))) + key + value).digest(ACCUMULATOR_BYTES)


class SetHash:
    """A running sum over rows; rows may be added and removed in any order."""

    __slots__ = ("_left", "_sum")

    def __init__(self, accumulator: bytes = EMPTY_ACCUMULATOR) -> None:
        """Start from an earlier sum; `accumulator` must have 2048 bytes."""
        assert len(accumulator) == ACCUMULATOR_BYTES
        self._left = 0 if "numpy" in sys.modules else _FEW
        self._sum: _Lanes | _Halves = _Halves(accumulator) if self._left else _Lanes(accumulator)

    def add(self, contributions: Iterable[bytes]) -> None:
        """Add expanded rows."""
        for chunk in self._chunks(contributions):
            self._sum.add(chunk)

    def remove(self, contributions: Iterable[bytes]) -> None:
        """Remove expanded rows."""
        for chunk in self._chunks(contributions):
            self._sum.remove(chunk)

    def accumulator(self) -> bytes:
        """Return the sum so far, 2048 bytes, lanes little-endian."""
        return self._sum.accumulator()

    def _chunks(self, contributions: Iterable[bytes]) -> Iterator[list[bytes]]:
        """Yield bounded chunks, so that memory stays flat over millions of rows."""
        rows = iter(contributions)
        while chunk := list(islice(rows, _CHUNK)):
            if self._left:
                self._left = max(self._left - len(chunk), 0)
                if not self._left:
                    self._sum = _Lanes(self._sum.accumulator())
            yield chunk


class _Lanes:
    """A sum in NumPy, which is faster once it is loaded."""

    __slots__ = ("_lanes", "_numpy")

    def __init__(self, accumulator: bytes) -> None:
        import numpy as np  # noqa: PLC0415 - few rows do without

        self._numpy: Any = np
        self._lanes = np.frombuffer(accumulator, dtype="<u2").copy()

    def add(self, chunk: list[bytes]) -> None:
        self._lanes += self._of(chunk)

    def remove(self, chunk: list[bytes]) -> None:
        self._lanes -= self._of(chunk)

    def accumulator(self) -> bytes:
        return self._lanes.tobytes()

    def _of(self, chunk: list[bytes]) -> Any:
        rows = self._numpy.frombuffer(b"".join(chunk), dtype="<u2").reshape(-1, LANES)
        return rows.sum(axis=0, dtype="<u2")


class _Halves:
    """A sum in two of Python's integers, which have every other lane and room above each."""

    __slots__ = ("_even", "_odd")

    def __init__(self, accumulator: bytes) -> None:
        self._even, self._odd = _halves(accumulator)

    def add(self, chunk: list[bytes]) -> None:
        even, odd = self._of(chunk)
        self._even = self._even + even & _EVERY_OTHER
        self._odd = self._odd + odd & _EVERY_OTHER

    def remove(self, chunk: list[bytes]) -> None:
        even, odd = self._of(chunk)
        self._even = (self._even | _CARRIES) - even & _EVERY_OTHER
        self._odd = (self._odd | _CARRIES) - odd & _EVERY_OTHER

    def accumulator(self) -> bytes:
        return (self._even | self._odd << 16).to_bytes(ACCUMULATOR_BYTES, "little")

    def _of(self, chunk: list[bytes]) -> tuple[int, int]:
        halves = [_halves(row) for row in chunk]
        even, odd = (sum(half) & _EVERY_OTHER for half in zip(*halves, strict=True))
        return even, odd


def _halves(lanes: bytes) -> tuple[int, int]:
    """Return every other lane, and those between."""
    number = int.from_bytes(lanes, "little")
    return number & _EVERY_OTHER, number >> 16 & _EVERY_OTHER


EMPTY_COMMITMENT = Commitment(EMPTY_ACCUMULATOR, {})


def digest(commitment: Commitment) -> bytes:
    """Return the 32 bytes of a commitment in the precompile's storage slot."""
    return blake3(commitment.accumulator).digest()
