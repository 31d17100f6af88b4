"""Counts of source code from counts of opcodes, one compiled code at a time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from evm_dex.coverage.source_items import BranchItem, FunctionItem, Item, SourceSpan
from evm_dex.evm.compiler.watched import opcodes_of
from evm_dex.sources.compiled import CompiledCode

_STOP, _JUMP, _JUMPI, _JUMPDEST = 0x00, 0x56, 0x57, 0x5B
_FAILS = (0xFD, 0xFE)
_ENDS = (_STOP, _JUMP, _JUMPDEST, 0xF3, 0xFF, *_FAILS)
_PUSHES = range(0x5F, 0x80)


class _Opcode(NamedTuple):
    """An opcode that was made from a piece of a file."""

    start: int
    order: int
    """Its place among all opcodes of the code."""
    position: int
    opcode: int
    end: int


class CodeCounts:
    """Counts of one code, whoever ran it and wherever it was deployed."""

    def __init__(self, code: CompiledCode, counts: Mapping[int, int]) -> None:
        """Take how often each opcode was begun, by position."""
        self._code = code.code
        self._counts = counts
        self._opcodes = list(opcodes_of(code.code))
        self._order = {position: order for order, (position, _) in enumerate(self._opcodes)}
        self._of_file: dict[int, list[_Opcode]] = {}
        for order, (position, opcode) in enumerate(self._opcodes):
            piece = code.source_map.get(position)
            if piece is not None and piece.length:
                found = _Opcode(piece.start, order, position, opcode, piece.end)
                self._of_file.setdefault(piece.file, []).append(found)
        for opcodes in self._of_file.values():
            opcodes.sort()

    def hits(self, file: int, item: Item) -> list[int] | None:
        """Return how often an item was begun, of a branch each way; None where it has no code."""
        if isinstance(item, BranchItem):
            return self._branch(file, item)
        found = self._inside(file, item.span)
        if not found:
            return None
        if isinstance(item, FunctionItem) and not item.is_inlined:
            whole = [it for it in found if (it.start, it.end) == item.span]
            if whole:
                return [max(self._count(it.position) for it in whole)]
        return [self._begun(found)]

    def first(self, file: int, span: SourceSpan) -> int:
        """Return how often the first opcode of a piece of source ran; 0 where it has no code."""
        found = self._inside(file, span)
        return self._count(found[0].position) if found else 0

    def reached(self, file: int, span: SourceSpan) -> int:
        """Return how often a piece of source was begun; 0 where it has no code."""
        found = self._inside(file, span)
        return self._begun(found) if found else 0

    def lines(self, file: int) -> Iterator[tuple[int, int]]:
        """Return places that opcodes were made from, and how often those were run."""
        return ((it.start, self._count(it.position)) for it in self._of_file.get(file, ()))

    def _count(self, position: int) -> int:
        return self._counts.get(position, 0)

    def _inside(self, file: int, span: SourceSpan) -> list[_Opcode]:
        """Return the opcodes made from a piece of source, in the order of the code."""
        opcodes = self._of_file.get(file, [])
        first = bisect_left(opcodes, (span.start,))
        last = bisect_left(opcodes, (span.end,))
        return sorted((it for it in opcodes[first:last] if it.end <= span.end), key=_by_order)

    def _begun(self, found: Sequence[_Opcode]) -> int:
        """Return how often code was begun, of which there may be several copies.

        A copy begins like the first one. Where optimizers moved what begins it, whatever ran of it
        tells.
        """
        begun = sum(self._count(run[0].position) for run in _copies(found))
        return begun or max(self._count(it.position) for it in found)

    def _branch(self, file: int, item: BranchItem) -> list[int] | None:
        condition = self._inside(file, item.span)
        if not item.paths:
            return self._fails_and_passes(condition) if condition else None
        bodies = [self._inside(file, path) for path in item.paths]
        if not condition and not any(bodies):
            return None
        jumps = self._jumps(condition)
        found = []
        for number, body in enumerate(bodies):
            if body:
                found.append(self._begun(body))
            else:  # `continue` and the like are no code of their own: the jump tells
                found.append(sum(ways[number] for ways in jumps) if number < 2 else 0)
        return found

    def _jumps(self, condition: Sequence[_Opcode]) -> list[tuple[int, int]]:
        """Return for each copy of a condition how often its last jump was passed, and taken."""
        found = []
        for run in _copies(condition):
            last = max(it.order for it in run)
            # The jump itself may be of the whole statement, right behind its condition.
            for order in range(last, min(last + 4, len(self._opcodes))):
                position, opcode = self._opcodes[order]
                if opcode == _JUMPI:
                    passed = self._count(position + 1)
                    found.append((passed, self._count(position) - passed))
                    break
        return found

    def _fails_and_passes(self, call: Sequence[_Opcode]) -> list[int]:
        fails = passes = 0
        for run in _copies(call):
            jump = next((it for it in reversed(run) if it.opcode == _JUMPI), None)
            if jump is None:
                continue
            passed = self._count(jump.position + 1)
            taken = self._count(jump.position) - passed
            if self._jumps_to_failure(jump):
                passed, taken = taken, passed
            fails, passes = fails + passed, passes + taken
        return [fails, passes]

    def _jumps_to_failure(self, jump: _Opcode) -> bool:
        """Tell whether a `require` jumps where it fails; usually it jumps where it goes on."""
        if self._leads_to_failure(jump.order + 1):
            return False
        position, opcode = self._opcodes[jump.order - 1]
        if opcode not in _PUSHES:
            return False
        target = int.from_bytes(self._code[position + 1 : jump.position])
        order = self._order.get(target)
        return order is not None and self._leads_to_failure(order + 1)

    def _leads_to_failure(self, order: int) -> bool:
        for _, opcode in self._opcodes[order:]:
            if opcode in _ENDS:
                return opcode in _FAILS
        return False


def _by_order(opcode: _Opcode) -> int:
    return opcode.order


def _copies(found: Sequence[_Opcode]) -> Iterator[list[_Opcode]]:
    """Return the runs of opcodes, one right after the other, that begin as the first one does."""
    run: list[_Opcode] = []
    for opcode in found:
        if run and opcode.order != run[-1].order + 1:
            if _begins(run[0]) == _begins(found[0]):
                yield run
            run = []
        run.append(opcode)
    if run and _begins(run[0]) == _begins(found[0]):
        yield run


def _begins(opcode: _Opcode) -> tuple[int, int, int]:
    return opcode.start, opcode.end, opcode.opcode
