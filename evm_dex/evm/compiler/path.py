"""One path through code, as a trace follows it: the virtual stack and the gas of the segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from evm_dex.evm.compiler.known_memory import KnownMemory
from evm_dex.evm.compiler.values import Value, Values

STACK_LIMIT = 1024


class Segment:
    """Code whose fixed gas is taken at once, before anything of it is done."""

    __slots__ = ("gas",)

    def __init__(self) -> None:
        self.gas = 0
        """Static gas of all its opcodes."""


class Moment(NamedTuple):
    """The state of a path: enough to go on from there in the interpreter."""

    position: int
    stack: tuple[Value, ...]
    below: int
    segment: Segment
    gas: int
    """Gas of the segment, taken before."""

    def gas_left(self) -> str:
        """Return an expression for the gas that is really left; the segment must be whole."""
        ahead = self.segment.gas - self.gas
        return f"g + {ahead}" if ahead else "g"


class Path:
    """The stack at one point of a trace, and the way there.

    The stack is that at the trace's start without its top `below` words, and `stack` on top.
    """

    def __init__(self, position: int, values: Values, new_input: Callable[[int], Value]) -> None:
        self.position = position
        self.values = values
        self.stack: list[Value] = []
        self.below = 0
        self.segment = Segment()
        self.gas = 0
        self.memory = KnownMemory()
        self.seen: set[tuple[object, ...]] = set()
        self.forks = 0
        self._new_input = new_input

    def split(self, position: int) -> Path:
        """Another path that leaves this one here."""
        other = Path(position, self.values.split(), self._new_input)
        other.stack = self.stack.copy()
        other.below = self.below
        other.memory = self.memory.split()
        other.seen = self.seen.copy()
        other.forks = self.forks + 1
        return other

    @property
    def growth(self) -> int:
        """Words on the stack above those at the start."""
        return len(self.stack) - self.below

    def moment(self) -> Moment:
        """Return the state of the path now."""
        return Moment(self.position, tuple(self.stack), self.below, self.segment, self.gas)

    def need(self, words: int) -> None:
        """Make sure that so many words are on the virtual stack."""
        while len(self.stack) < words:
            self.stack.insert(0, self._new_input(self.below))
            self.below += 1

    def pop(self) -> Value:
        """Take the top word."""
        if not self.stack:
            self.need(1)
        return self.stack.pop()

    def duplicate(self, depth: int) -> None:
        """DUP1 to DUP16."""
        stack = self.stack
        if len(stack) < depth:
            self.need(depth)
        value = stack[-depth]
        value.is_shared = True
        stack.append(value)

    def swap(self, depth: int) -> None:
        """SWAP1 to SWAP16."""
        stack = self.stack
        if len(stack) <= depth:
            self.need(depth + 1)
        stack[-1], stack[-1 - depth] = stack[-1 - depth], stack[-1]
