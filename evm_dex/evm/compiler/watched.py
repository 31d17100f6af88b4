"""Programs that tell which code runs: how often, or by which way a frame came to its end.

Straight code begins at a *head*: position 0, a jump destination, or behind a JUMPI. What ran
follows from how often each head was come by, and from where frames failed.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from evm_dex.evm.compiler.block_steps import Run
from evm_dex.evm.compiler.blocks import Block, block_at
from evm_dex.evm.compiler.program import Program, Trace

_PROGRAMS_REMEMBERED = 256
_LONGEST_TRAIL = 2**14
_NEVER = 255
_JUMPI, _JUMPDEST, _PUSH0, _PUSH32 = 0x57, 0x5B, 0x5F, 0x7F
_SIZES = [1 + opcode - _PUSH0 if _PUSH0 < opcode <= _PUSH32 else 1 for opcode in range(256)]
"""Bytes of each opcode, with what it pushes."""
_ENDS = frozenset((0x00, 0x56, 0xF3, 0xFD, 0xFE, 0xFF))
"""Opcodes behind which code goes on at a jump destination only."""


class CodeHits:
    """Counts of what ran of some code."""

    __slots__ = ("counts", "slots", "stops")

    def __init__(self) -> None:
        self.slots: dict[int, int] = {}
        """Places in `counts` by position; others than of heads mean nothing."""
        self.counts: list[int] = []
        """Numbers of times that straight code was begun: a list, which is quick to add to."""
        self.stops: defaultdict[int, int] = defaultdict(int)
        """Numbers of frames that failed at a position, but for REVERT and bad jumps."""

    def slot(self, position: int) -> int:
        """Return the place in `counts` for a position."""
        slot = self.slots.setdefault(position, len(self.counts))
        if slot == len(self.counts):
            self.counts.append(0)
        return slot

    def _begun(self, position: int) -> int:
        slot = self.slots.get(position)
        return 0 if slot is None else self.counts[slot]

    def by_position(self, code: bytes) -> dict[int, int]:
        """Return how often each opcode of the code was begun, by its position."""
        counts: dict[int, int] = {}
        left, is_behind_jumpi = self._begun(0), False
        for position, opcode in opcodes_of(code):
            if opcode == _JUMPDEST or is_behind_jumpi:
                left = self._begun(position)
            counts[position] = left
            left = 0 if opcode in _ENDS else left - self.stops.get(position, 0)
            is_behind_jumpi = opcode == _JUMPI
        return counts


def opcodes_of(code: bytes) -> Iterator[tuple[int, int]]:
    """Return the position and number of each opcode, in order; pushed data is none."""
    position = 0
    while position < len(code):
        opcode = code[position]
        yield position, opcode
        position += _SIZES[opcode]


class HitCounts:
    """A watch that counts what runs, by code, in any number of executions."""

    def __init__(self) -> None:
        self.by_code: dict[bytes, CodeHits] = {}
        self._program = lru_cache(_PROGRAMS_REMEMBERED)(self._new_program)

    def program_for(self, computation: Any) -> Program:
        """Return the program that a frame's code runs as."""
        return self._program(computation.msg.code)

    def _new_program(self, code: bytes) -> Program:
        if code not in self.by_code:
            self.by_code[code] = CodeHits()
        return CountedProgram(code, self.by_code[code])


class CountedProgram(Program):
    """Code that counts its heads, compiled or not."""

    __slots__ = ("_counts",)
    notes = 1

    def __init__(self, code: bytes, counts: CodeHits) -> None:
        super().__init__(code)
        self._counts = self.hits = counts  # traces add to them too

    def came_by(self, _: Any, position: int) -> None:
        """Count a position."""
        self._counts.counts[self._counts.slot(position)] += 1

    def failed(self, position: int) -> None:
        """Count where a frame failed."""
        self._counts.stops[position] += 1

    def _block(self, position: int) -> Block:
        return block_at(self.padded, position, _counted(self._counts, position))


def _counted(hits: CodeHits, position: int) -> Run:
    counts, slot = hits.counts, hits.slot(position)

    def run(_: Any, __: list[int], ___: bytearray) -> None:
        counts[slot] += 1

    return run


class Trails:
    """A watch that keeps, with each frame, the positions at which blocks of its code began.

    They are in the frame's `trail`, the last ones where there are very many.
    """

    def __init__(self) -> None:
        self._program = lru_cache(_PROGRAMS_REMEMBERED)(_TrailProgram)

    def program_for(self, computation: Any) -> Program:
        """Return the program that a frame's code runs as."""
        computation.trail = deque(maxlen=_LONGEST_TRAIL)
        return self._program(computation.msg.code)


class _TrailProgram(Program):
    """Code that is interpreted, and notes each block."""

    __slots__ = ()
    notes = 1

    def __init__(self, code: bytes) -> None:
        super().__init__(code)
        self.hot_after = _NEVER

    def came_by(self, computation: Any, position: int) -> None:
        """Note a position."""
        computation.trail.append(position)

    def pass_by(self, _: int) -> Trace | None:
        """Compile nothing."""
        return None

    def _block(self, position: int) -> Block:
        return block_at(self.padded, position, _noted(position))


@lru_cache(2**16)
def _noted(position: int) -> Run:
    def run(computation: Any, _: list[int], __: bytearray) -> None:
        computation.trail.append(position)

    return run
