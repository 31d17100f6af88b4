"""Following code from one position, and writing what is met as one Python function.

Gas is taken by segment. Whatever does not go well in one (no gas, no memory, a bad jump) leaves the
function before the opcode in question, with stack, gas and position as they are there, so that the
interpreter runs into it and says what is wrong. No error is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from evm_dex.evm.compiler.path import Moment, Path, Segment
from evm_dex.evm.compiler.values import Value
from evm_dex.evm.compiler.writer import Writer

_MOST_OPCODES = 2_000
_SEGMENT_OPCODES = 64
_MOST_PENDING = 64
"""A word of more operations is calculated at once: writing it is recursive, wherever frames are."""
_STOP, _JUMPI = 0x00, 0x57


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

    def build(self) -> str:
        """Return the text of a function of a computation."""
        path = Path(self.start, self.writer.values, self._input)
        self._open_first_segment(path)
        self.follow(path)
        return "\n".join((*self._prologue(), *self.writer.lines(2 if self.is_loop else 1)))

    # The function around it

    def _prologue(self) -> list[str]:
        below, uses = len(self.inputs), self.uses
        lines = ["def trace(c):", " s = c._stack.values", " h = len(s)"]
        bounds = ([f"h < {below}"] if below else []) + [f"h > {1024 - self.growth}"]
        lines += [f" if {' or '.join(bounds)}: return {~self.start}"]
        lines += [" m = c._gas_meter", " g = m.gas_remaining"]
        lines += [f" {line}" for name, line in _PROLOGUE if name in uses]
        lines += [f" {value.name} = {text}" for text, value in self._of_frame.items()]
        read = self.writer.inputs_read | set(range(1 + max(self.changed, default=-1)))
        lines += [f" a{index} = s[-{index + 1}]" for index in sorted(read)]
        if self.is_loop:
            lines += [" z = look(c, g)", " while True:"]
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
        moment = self._charge(path, ahead=None)
        with self.writer.block(lambda: f"if g < {'z' if self.is_loop else '0'}:"):
            self.writer.write(lambda: "if g >= 0: z = look(c, g)" if self.is_loop else "")
            with self.writer.block(lambda: "else:" if self.is_loop else "if True:"):
                self.give_up(moment)

    def open_segment(self, path: Path, ahead: Moment | None = None) -> None:
        """Take the gas of what follows; `ahead` is where another segment's is given back from."""
        moment = self._charge(path, ahead)
        self.give_up_if("g < 0", moment)

    def _charge(self, path: Path, ahead: Moment | None) -> Moment:
        path.segment, path.gas = segment, _ = Segment(), 0

        def charge() -> str:
            given_back = ahead.segment.gas - ahead.gas if ahead else 0
            cost = segment.gas - given_back
            return f"g -= {cost}" if cost else ""

        self.writer.write(charge)
        return path.moment()

    def spend(self, path: Path, gas: int) -> None:
        """Add fixed gas to the segment."""
        path.gas += gas
        path.segment.gas = path.gas

    # Leaving

    def give_up(self, moment: Moment) -> None:
        """Leave to the interpreter, which has to do the opcode at that moment, and counts it."""
        if moment.position == self._counted:
            self._count(moment.position, "-")
        self._leave(moment, str(~moment.position))

    def give_up_if(self, condition: str, moment: Moment) -> None:
        """Leave to the interpreter under a condition."""
        with self.writer.block(f"if {condition}:"):
            self.give_up(moment)

    def _leave(self, moment: Moment, target: str) -> None:
        stack, below = moment.stack, moment.below
        unchanged = 0
        while unchanged < min(below, len(stack)):
            if stack[unchanged] is not self.inputs[below - 1 - unchanged]:
                break
            unchanged += 1
        texts = [self.writer.text(value) for value in stack[unchanged:]]
        depth = below - unchanged

        def put_back() -> str:
            lowest = max(depth, 1 + max(self.changed, default=-1))
            words = [f"a{index}" for index in range(lowest - 1, depth - 1, -1)] + texts
            if not words:
                return f"del s[-{lowest}:]" if lowest else ""
            if len(words) == 1:
                word = words[0]
                return (
                    f"s[-{lowest}:] = ({word},)"
                    if lowest > 1
                    else (f"s[-1] = {word}" if lowest else f"s.append({word})")
                )
            together = f"({', '.join(words)})"
            return f"s[-{lowest}:] = {together}" if lowest else f"s += {together}"

        self.writer.write(put_back)
        self.writer.write(lambda: f"m.gas_remaining = {moment.gas_left()}")
        self.writer.write(f"return {target}")

    def end(self, path: Path) -> None:
        """Halt: the stack is of no interest any more."""
        moment = path.moment()
        self.writer.write(lambda: f"m.gas_remaining = {moment.gas_left()}")
        self.writer.write("return None")

    def leave_to(self, path: Path, target: str) -> None:
        """Go on at another position."""
        self._leave(path.moment(), target)

    # Following code

    def follow(self, path: Path, ahead: Moment | None = None) -> None:
        """Write a path to its end; one that leaves another is told where, for its gas."""
        before, self.writer.values = self.writer.values, path.values
        if ahead is not None:
            self.open_segment(path, ahead)
        in_segment = 0
        while self._go_on(path):
            in_segment += 1
            if in_segment == _SEGMENT_OPCODES:
                in_segment = 0
                self.open_segment(path)
        self.writer.values = before

    def _go_on(self, path: Path) -> bool:
        """Write one opcode; whether the path goes on after it."""
        position = path.position
        handler = self._handlers.get(self.code[position] if position < len(self.code) else _STOP)
        if handler is None:
            self.give_up(path.moment())
            return False
        if self.opcodes >= _MOST_OPCODES:
            self.leave_to(path, str(position))
            return False
        self.opcodes += 1
        is_counted = self.program.hits is not None and self._is_head(position)
        is_destination = self.program.is_destination(position)
        self._counted = -1
        if is_counted and not is_destination:
            self._count(position, "+")
            self._counted = position
        goes_on = handler(self, path)
        if is_counted and is_destination and goes_on:  # where it leaves, it is counted there
            self._count(position, "+")
        if goes_on and path.stack and path.stack[-1].size > _MOST_PENDING:
            self.writer.atom(path.stack[-1])
        self.growth = max(self.growth, path.growth)
        if path.position == position:
            path.position += 1
        return goes_on

    def _count(self, position: int, sign: str) -> None:
        """Write that straight code was begun, or was not after all."""
        self.writer.write(f"H[{self.program.hits.slot(position)}] {sign}= 1")

    def _is_head(self, position: int) -> bool:
        """Tell whether straight code begins somewhere: a jump leads there, or goes by before."""
        is_destination = self.program.is_destination(position)
        return is_destination or position == 0 or self.code[position - 1] == _JUMPI


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
