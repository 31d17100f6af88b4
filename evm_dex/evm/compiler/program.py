"""Code with what is known and compiled of it, remembered for as long as the process runs.

What is compiled is bounded, whoever wrote the code: in length, in number, in all, and by the share
of time that compiling may take. What is over a bound is interpreted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from evm_dex.evm.compiler.blocks import Block, block_at
from evm_dex.evm.compiler.builder import Builder
from evm_dex.evm.compiler.exits import leaving
from evm_dex.evm.compiler.handlers import HANDLERS
from evm_dex.evm.compiler.runtime import NAMES

HOT_AFTER = 12
"""A position is compiled from when execution came by more often than this; at most 255."""
_PROGRAMS_REMEMBERED = 256
_MOST_CODE_BYTES = 49_152
"""The longest init code (EIP-3860)."""
_MOST_OPCODES_PER_BYTE = 8
_MOST_OPCODES = 400_000
"""Most opcodes in all traces that are remembered."""
_MOST_STEPS = 4_000_000
"""Of basic blocks, in all that is remembered."""
_BEYOND = bytes(33)

Trace = Callable[[Any], int | None]
"""Runs a computation on from where it starts.

To where another trace may start; to the complement of where the interpreter has to go on; or, at
the end of the code, None.
"""
_PUSHES = b"|".join(b"\\x%02x.{%d}" % (0x5F + size, size) for size in (1, 2, *range(32, 2, -1)))
_TO_NEXT_ONES = re.compile(rb"(?:[^\x5b\x60-\x7f]++|" + _PUSHES + rb")*+(\x5b++)", re.DOTALL)


class Allowance:
    """Time for compiling: a share of all time, and what was saved up of it."""

    def __init__(self, share: float, most_seconds: float) -> None:
        self._share = share
        self._most = self._left = most_seconds
        self._since = time.monotonic()

    def is_left(self) -> bool:
        """Whether something may be compiled now."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._since) * self._share)
        self._since = now
        return self._left > 0

    def spend(self, seconds: float) -> None:
        """Note how long something took."""
        self._left -= seconds


allowance = Allowance(share=0.1, most_seconds=0.5)
_opcodes_in_all = _steps_in_all = 0


class Program:
    """One contract's code."""

    __slots__ = (
        "_opcodes_left",
        "blocks",
        "code",
        "counts",
        "destinations",
        "hits",
        "hot_after",
        "loops",
        "padded",
        "passed",
        "taken",
        "traces",
    )

    notes = 0
    """Steps in front of each block's own, for whoever watches."""

    def __init__(self, code: bytes) -> None:
        self.code = code
        self.hits: Any = None
        """`CodeHits`, which traces add to as well; None where nobody counts."""
        self.padded = code + _BEYOND
        """The code with the zeros that follow it, which are STOP."""
        self.destinations = jump_destinations(self.padded)
        """A byte per position of the padded code: 1 for a jump destination, else 0."""
        self.blocks: dict[int, Block] = {}
        """Those that were run, by where they start."""
        self.traces: dict[int, Trace] = {}
        self.loops: set[int] = set()
        """Starts of traces that are loops."""
        self.hot_after = HOT_AFTER
        size = len(self.padded)
        self.counts = bytearray(size)
        """Visits of the interpreter by position, up to `hot_after`."""
        self.taken, self.passed = bytearray(size), bytearray(size)
        """Counts of each JUMPI that jumped, and that went on; up to 255."""
        is_short = len(code) <= _MOST_CODE_BYTES
        self._opcodes_left = _MOST_OPCODES_PER_BYTE * len(code) if is_short else 0

    def is_destination(self, position: int | None) -> bool:
        """Whether one may jump to a position."""
        return (
            position is not None and position < len(self.code) and self.destinations[position] > 0
        )

    def branches(self, position: int) -> tuple[int, int]:
        """Return how often a JUMPI was seen to jump, and to go on."""
        return self.taken[position], self.passed[position]

    def read_block(self, position: int) -> Block:
        """Return the basic block that starts at a position."""
        global _steps_in_all  # noqa: PLW0603 - what all programs of the process hold
        block = self.blocks[position] = self._block(position)
        steps = 1 + len(block[3])
        _steps_in_all += steps
        if _steps_in_all > _MOST_STEPS:
            program_of.cache_clear()
            _steps_in_all = steps
        return block

    def _block(self, position: int) -> Block:
        return block_at(self.padded, position)

    def came_by(self, computation: Any, position: int) -> None:
        """Do nothing: nobody watches where blocks begin."""

    def failed(self, position: int) -> None:
        """Do nothing: nobody watches where frames fail."""

    def pass_by(self, position: int) -> Trace | None:
        """Note that execution comes by a position; a trace from there once that is often."""
        count = self.counts[position]
        if count < self.hot_after:
            self.counts[position] = count + 1
            return None
        if self._opcodes_left <= 0 or not allowance.is_left():
            return None
        return self._compile(position)

    def _compile(self, position: int) -> Trace:
        global _opcodes_in_all  # noqa: PLW0603 - what all programs of the process hold
        began = time.thread_time()
        builder = Builder(self, position, HANDLERS)
        trace = self.traces[position] = self.function_of(builder)
        if builder.is_loop:
            self.loops.add(position)
        self._opcodes_left -= builder.opcodes
        _opcodes_in_all += builder.opcodes
        if _opcodes_in_all > _MOST_OPCODES:
            program_of.cache_clear()
            _opcodes_in_all = builder.opcodes
        allowance.spend(time.thread_time() - began)
        return trace

    def function_of(self, builder: Builder) -> Trace:
        """Let a builder build, and Python compile it."""
        text = builder.build()
        names: dict[str, Any] = {**NAMES, "CODE": self.code, "DESTINATIONS": self.destinations}
        names["H"] = counts = self.hits and self.hits.counts
        names["x"] = leaving(builder.exits(), counts)
        code = compile(text, f"<evm {builder.start}>", "exec", dont_inherit=True)
        exec(code, names)  # noqa: S102 - text made of opcodes
        trace: Trace = names["trace"]
        return trace


@lru_cache(_PROGRAMS_REMEMBERED)
def program_of(code: bytes) -> Program:
    """Return what is known of some code."""
    return Program(code)


def jump_destinations(padded: bytes) -> bytes:
    """Return a byte per position: 1 for a JUMPDEST that is no pushed data, else 0.

    Yellow Paper, 9.4.3. Code comes with at least 32 zeros after it.
    """
    found = bytearray(len(padded))
    position = 0
    while match := _TO_NEXT_ONES.match(padded, position):
        position = match.end()
        first = match.start(1)
        found[first:position] = b"\1" * (position - first)
    return bytes(found)
