"""Following code from one position, and writing what is met as one Python function.

Gas is taken by segment. Whatever does not go well in one (no gas, no memory, a bad jump) leaves the
function before the opcode in question, with stack, gas and position as they are there, so that the
interpreter runs into it and says what is wrong. No error is made here. Such ways out, and branches
that were never taken, are data (`exits.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from evm_dex.evm.compiler.exits import SideExit, pending
from evm_dex.evm.compiler.path import Moment, Path, Segment
from evm_dex.evm.compiler.values import Value
from evm_dex.evm.compiler.writer import Writer

_MOST_OPCODES = 2_000
_SEGMENT_OPCODES = 256
_MOST_PENDING = 64
"""A word of more operations is calculated at once: writing it is recursive, wherever frames are."""
_MOST_WORDS = 16_000
"""Of the stack, in all ways out of a trace and at its jump destinations: both look through it."""
_STOP, _JUMPI, _JUMPDEST = 0x00, 0x57, 0x5B


class CodeFacts(Protocol):
    """Facts about some code."""

    code: bytes
    loops: set[int]
    """Starts of traces that are loops."""
    hits: Any
    """Counts of the starts of straight code, `CodeHits`; None where nobody counts."""

    def is_destination(self, position: int | None) -> bool:
        """Whether one may jump to a position."""

    def branches(self, position: int) -> tuple[int, int]:
        """Return how often a JUMPI was seen to jump, and to go on."""


class Builder:
    """One trace in work."""

    def __init__(self, program: CodeFacts, start: int, handlers: Mapping[int, Handler]) -> None:
        self.program = program
        self.code = program.code
        self.start = start
        self.writer = Writer()
        self.opcodes = 0
        """Number of opcodes followed, repetitions counted."""
        self.forks = 0
        """Number of side paths that were followed too."""
        self.growth = 0
        """Most words on the stack above those at the start."""
        self.is_loop = False
        self.changed: set[int] = set()
        """Words of the stack at the start that a loop changes, 0 for the top."""
        self.inputs: list[Value] = []
        self.uses: set[str] = set()
        """Variables that the start of the function has to set."""
        self._counted = -1
        """The head that the trace has counted, before its first opcode is done."""
        self._handlers = handlers
        self._of_frame: dict[str, Value] = {}
        self._exits: list[Callable[[], SideExit]] = []
        self.words = 0
        """Words of stacks looked through, and put into ways out."""

    def build(self) -> str:
        """Return the text of a function of a computation."""
        path = Path(self.start, self.writer.values, self._input)
        self._open_first_segment(path)
        self.follow(path)
        lines = self.writer.lines(3 if self.is_loop else 2)
        return "\n".join((*self._prologue(), *lines, _EPILOGUE))

    def exits(self) -> list[SideExit]:
        """Return the ways out of the function that is built, by number."""
        return [finish() for finish in self._exits]

    # The function around it

    def _prologue(self) -> list[str]:
        below, uses = len(self.inputs), self.uses
        lines = ["def trace(c):", " s = c._stack.values; m = c._gas_meter; g = m.gas_remaining"]
        bounds = f"{below} <= len(s) <= {1024 - self.growth}"
        lines += [f" if not {bounds}: return {~self.start}"]
        lines += [f" {line}" for name, line in _PROLOGUE if name in uses]
        lines += [f" {value.name} = {text}" for text, value in self._of_frame.items()]
        read = self.writer.inputs_read | set(range(1 + max(self.changed, default=-1)))
        lines += [f" a{index} = s[-{index + 1}]" for index in sorted(read)]
        lines += [" try:"]
        if self.is_loop:
            lines += ["  z = look(c, g)", "  while True:"]
        return lines

    def constant_of_frame(self, text: str, high: int) -> Value:
        """Return a word that a Python expression gives, the same all through a frame."""
        value = self._of_frame.get(text)
        if value is None:
            value = self._of_frame[text] = Value("constant of frame", high=high)
            value.name = f"k{len(self._of_frame)}"
        return value

    def _input(self, index: int) -> Value:
        while len(self.inputs) <= index:
            value = Value("input")
            value.name = f"a{len(self.inputs)}"
            self.inputs.append(value)
        return self.inputs[index]

    # Gas

    def _open_first_segment(self, path: Path) -> None:
        """Take gas, and in a loop have a look at the clock now and then."""
        path.segment, path.gas = segment, _ = Segment(), 0
        leave = self.leaving(path.moment())

        def charge() -> str:
            if not self.is_loop:
                return f"if (g := g - {segment.gas}) < 0: {leave}"
            head, inner = f"if (g := g - {segment.gas}) < z:", "    "
            return f"{head}\n{inner}if g < 0: {leave}\n{inner}z = look(c, g)"

        self.writer.write(charge)

    def open_segment(self, path: Path, ahead: Moment | None = None) -> None:
        """Take the gas of what follows; `ahead` is where another segment's is given back from."""
        path.segment.gas = path.gas
        path.segment, path.gas = segment, _ = Segment(), 0
        leave = self.leaving(path.moment())

        def charge() -> str:
            given_back = ahead.segment.gas - ahead.gas if ahead else 0
            cost = segment.gas - given_back
            if cost > 0:
                return f"if (g := g - {cost}) < 0: {leave}"
            return f"g += {-cost}" if cost else ""

        self.writer.write(charge)

    # Leaving

    def give_up(self, moment: Moment) -> None:
        """Leave to the interpreter, which has to do the opcode at that moment, and counts it."""
        self.writer.write(self.leaving(moment))

    def give_up_if(self, condition: str, moment: Moment) -> None:
        """Leave to the interpreter under a condition."""
        self.writer.write(f"if {condition}: {self.leaving(moment)}")

    def leaving(self, moment: Moment) -> str:
        """Return a statement that leaves to the interpreter."""
        return f"return x({self.exit(moment, ~moment.position)}, locals())"

    def leaving_to(self, path: Path, target: int) -> str:
        """Return a statement that goes on at another position, where that is unlikely."""
        return f"return x({self.exit(path.moment(), target)}, locals())"

    def exit(self, moment: Moment, target: int) -> int:
        """Return the number of a way out that is seldom taken."""
        depth, words = self._to_put_back(moment)
        found = [pending(value) for value in words]
        is_counted = target == ~moment.position and moment.position == self._counted
        slot = self.program.hits.slot(moment.position) if is_counted else None
        segment, taken = moment.segment, moment.gas

        def finish() -> SideExit:
            replaced = max(depth, 1 + max(self.changed, default=-1))
            below = [f"a{index}" for index in range(replaced - 1, depth - 1, -1)]
            return SideExit(target, segment.gas - taken, replaced, (*below, *found), slot)

        self._exits.append(finish)
        self.words += len(found)
        return len(self._exits) - 1

    def leave_to(self, path: Path, target: str) -> None:
        """Go on at another position."""
        moment = path.moment()
        depth, words = self._to_put_back(moment)
        texts = [self.writer.text(value) for value in words]
        self.words += len(texts)

        def put_back() -> str:
            replaced = max(depth, 1 + max(self.changed, default=-1))
            words = [f"a{index}" for index in range(replaced - 1, depth - 1, -1)] + texts
            if not words:
                return f"del s[-{replaced}:]" if replaced else ""
            if not replaced and len(words) == 1:
                return f"s.append({words[0]})"
            together = f"({', '.join(words)},)"
            return f"s[-{replaced}:] = {together}" if replaced else f"s += {together}"

        self.writer.write(put_back)
        self.writer.write(lambda: f"m.gas_remaining = {moment.gas_left()}")
        self.writer.write(f"return {target}")

    def _to_put_back(self, moment: Moment) -> tuple[int, tuple[Value, ...]]:
        """Return how many words of the stack change, but for a loop's, and what they become."""
        stack, below = moment.stack, moment.below
        unchanged = 0
        while unchanged < min(below, len(stack)):
            if stack[unchanged] is not self.inputs[below - 1 - unchanged]:
                break
            unchanged += 1
        return below - unchanged, stack[unchanged:]

    def end(self, path: Path) -> None:
        """Halt: the stack is of no interest any more."""
        moment = path.moment()
        self.writer.write(lambda: f"m.gas_remaining = {moment.gas_left()}")
        self.writer.write("return None")

    # Following code

    def follow(self, path: Path, ahead: Moment | None = None) -> None:
        """Write a path to its end; one that leaves another is told where, for its gas."""
        before, self.writer.values = self.writer.values, path.values
        if ahead is not None:
            self.open_segment(path, ahead)
        left = _SEGMENT_OPCODES
        while self._go_on(path):
            left -= 1
            if not left:
                left = _SEGMENT_OPCODES
                self.open_segment(path)
        path.segment.gas = path.gas
        self.writer.values = before

    def _go_on(self, path: Path) -> bool:
        """Write one opcode; whether the path goes on after it."""
        position, code = path.position, self.code
        opcode = code[position] if position < len(code) else _STOP
        handler = self._handlers.get(opcode)
        if handler is None:
            self.give_up(path.moment())
            return False
        if self.opcodes >= _MOST_OPCODES or self.words >= _MOST_WORDS:
            self.leave_to(path, str(position))
            return False
        self.opcodes += 1
        if self.program.hits is None:
            goes_on = handler(self, path)
        else:
            goes_on = self._counting(handler, path, opcode)
        stack = path.stack
        growth = len(stack) - path.below
        if growth > self.growth:  # noqa: PLR1730 - max() takes longer, and this is each opcode
            self.growth = growth
        if goes_on and stack and stack[-1].size > _MOST_PENDING:
            self.writer.atom(stack[-1])
        if path.position == position:
            path.position = position + 1
        return goes_on

    def _counting(self, handler: Handler, path: Path, opcode: int) -> bool:
        """Write one opcode, and that straight code is begun there if it is."""
        position = path.position
        is_destination = opcode == _JUMPDEST
        is_behind = position == 0 or self.code[position - 1] == _JUMPI
        self._counted = -1
        if is_behind and not is_destination:
            self._count(position)
            self._counted = position
        goes_on = handler(self, path)
        if is_destination and goes_on:  # where it leaves, it is counted there
            self._count(position)
        return goes_on

    def _count(self, position: int) -> None:
        """Write that straight code was begun."""
        self.writer.write(f"H[{self.program.hits.slot(position)}] += 1")


_EPILOGUE = " except Leaves as way: return x(way.number, locals())"
_PROLOGUE = (
    ("J", "J = DESTINATIONS"),
    ("memory", "mem = c._memory._bytes"),
    ("memory", "n = len(mem)"),
    ("A", "A = c.msg.storage_address"),
    ("d", "d = c.msg.data_as_bytes"),
    ("db", "db = c.state._account_db"),
    ("warm", "warm = db._warm"),
    ("db", "sload = db.get_storage"),
    ("t", "t = c.msg.is_static"),
    ("O", "O = c.table"),
)
"""Variables that the start of a function may have to set, and how."""

Handler = Callable[[Builder, Path], bool]
"""Writes one opcode and moves the stack; whether the path goes on after it."""
