"""Knowledge of memory on a path: how far it reaches, and words that it wrote or read there.

A place is an offset from a base: from 0, from a value, or from a pointer, which is a value that the
trace has made sure is above Solidity's reserved words and below 4 GB. So what is written behind a
pointer leaves those words alone, and offsets from it do not wrap around.
"""

from __future__ import annotations

from typing import NamedTuple

from evm_dex.evm.compiler.values import Value

RESERVED = 128
"""Bytes of scratch space, the free pointer and the zero word."""
FARTHEST = 2**32
"""More memory than any gas pays for."""
_WORD_BYTES = 32


class MemoryPlace(NamedTuple):
    """Position in memory."""

    base: Value | None
    """None for 0."""
    offset: int


class KnownMemory:
    """The knowledge of one path."""

    def __init__(self) -> None:
        self._ends: dict[Value | None, int] = {}
        self._words: dict[MemoryPlace, Value] = {}
        self.pointers: set[Value] = set()

    def split(self) -> KnownMemory:
        """Return the same for a path that leaves this one."""
        other = KnownMemory()
        other._ends, other._words = self._ends.copy(), self._words.copy()
        other.pointers = self.pointers.copy()
        return other

    def place(self, address: Value) -> MemoryPlace:
        """Return an address as an offset from the best base there is."""
        if address.constant is not None:
            return MemoryPlace(None, address.constant)
        if address.operation == "add" and address.arguments[0] in self.pointers:
            offset = address.arguments[1].constant
            if offset is not None and offset < FARTHEST:
                return MemoryPlace(address.arguments[0], offset)
        return MemoryPlace(address, 0)

    def is_reached(self, place: MemoryPlace, size: int) -> bool:
        """Whether memory is known to be that long."""
        return place.offset + size <= self._ends.get(place.base, 0)

    def reach(self, place: MemoryPlace, size: int) -> None:
        """Note that memory is that long now."""
        end = place.offset + size
        if place.base is None:
            end = -(-end // _WORD_BYTES) * _WORD_BYTES
        self._ends[place.base] = max(end, self._ends.get(place.base, 0))

    def word(self, place: MemoryPlace) -> Value | None:
        """Return the word at a place."""
        return self._words.get(place)

    def write(self, place: MemoryPlace, size: int | None, word: Value | None = None) -> None:
        """Note that something is written, of an unknown size if None; all of it if it is a word."""
        self._words = {
            other: value
            for other, value in self._words.items()
            if self._is_apart(other, place, size)
        }
        if word is not None:
            self.keep(place, word)

    def keep(self, place: MemoryPlace, word: Value) -> None:
        """Note which word is at a place."""
        self._words[place] = word

    def forget(self) -> None:
        """Anything may have been written."""
        self._words = {}

    def _is_apart(self, known: MemoryPlace, written: MemoryPlace, size: int | None) -> bool:
        if known.base is written.base:
            if known.offset + _WORD_BYTES <= written.offset:
                return True
            return size is not None and written.offset + size <= known.offset
        if known.base is None:
            return known.offset + _WORD_BYTES <= RESERVED and written.base in self.pointers
        if written.base is None:
            is_low = size is not None and written.offset + size <= RESERVED
            return is_low and known.base in self.pointers
        return False
