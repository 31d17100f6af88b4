"""Writing a trace as the text of a Python function: lines, variables and expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evm_dex.evm.compiler.values import Value, Values, is_boolean

Line = str | Callable[[], str]
"""Text, or what gives it once the whole trace is known; empty where nothing is needed then."""
_INLINED = 6
"""Most operations of an expression without a variable of its own."""
_SMALL = 10**6


class Writer:
    """The body of one function in work."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, Line]] = []
        self._indent = 0
        self._named: list[Value] = []
        self._variables = 0
        self.values = Values()
        """Values known on the path in work."""
        self.inputs_read: set[int] = set()
        """Words needed of the stack at the start, 0 for the top."""

    def write(self, line: Line) -> None:
        """Append a line."""
        self._lines.append((self._indent, line))

    def lines(self, indent: int) -> Iterator[str]:
        """Return all lines as they are in the end."""
        for depth, line in self._lines:
            text = line if isinstance(line, str) else line()
            if text:
                yield " " * (indent + depth) + text

    @contextmanager
    def block(self, head: Line) -> Iterator[None]:
        """Lines under an `if`; variables that they set are not known after it."""
        self.write(head)
        self._indent += 1
        named, self._named = self._named, []
        try:
            yield
        finally:
            for value in self._named:
                value.name = ""
            self._named = named
            self._indent -= 1

    def new_variable(self) -> str:
        """Return a name that is not taken."""
        self._variables += 1
        return f"v{self._variables}"

    def hold(self, value: Value, text: str = "") -> str:
        """Put a value into a variable, if it isn't in one; its name."""
        if not value.name:
            text = text or self._expression(value)
            if text[0] == "v" and text.isidentifier():  # another word's variable
                self.bind(value, text)
            else:
                name = self.new_variable()
                self.write(f"{name} = {text}")
                self.bind(value, name)
        return value.name

    def result(self, text: str, operation: str = "result") -> Value:
        """Return a new value that an expression with effects, or of what may change, gives."""
        value = Value(operation)
        self.hold(value, text)
        return value

    def bind(self, value: Value, name: str) -> None:
        """Note that a variable holds a value."""
        value.name = name
        self._named.append(value)

    def text(self, value: Value) -> str:
        """Return a Python expression for a word."""
        if value.constant is not None:
            return str(value.constant) if value.constant < _SMALL else hex(value.constant)
        if value.operation == "input":
            self.inputs_read.add(int(value.name[1:]))
        if value.name:
            return value.name
        if value.is_shared or value.size > _INLINED:
            return self.hold(value)
        return f"({self._expression(value)})"

    def bytes_of(self, value: Value) -> str:
        """Return a Python expression for the 32 bytes of a word."""
        if value.constant is not None:
            return repr(value.constant.to_bytes(32, "big"))
        return f"{self.text(value)}.to_bytes(32)"

    def atom(self, value: Value) -> str:
        """Return a variable or a number for a word that is used more than once."""
        return self.text(value) if value.constant is not None else self.text_held(value)

    def text_held(self, value: Value) -> str:
        """Return a variable for a word."""
        if value.name:
            return self.text(value)
        return self.hold(value)

    def condition(self, value: Value, *, is_true: bool) -> str:
        """Return a Python condition for a word being something else than 0, or 0."""
        operation = value.operation
        if not value.name and operation in ("and", "or") and all(map(is_boolean, value.arguments)):
            word = operation if is_true else {"and": "or", "or": "and"}[operation]
            parts = [self.condition(part, is_true=is_true) for part in value.arguments]
            return f"({parts[0]} {word} {parts[1]})"
        if value.name or not is_boolean(value):
            return self.text(value) if is_true else f"not {self.text(value)}"
        if operation == "iszero":
            return self.condition(value.arguments[0], is_true=not is_true)
        if operation in ("add_overflows", "mul_overflows"):
            return f"{self._exact_sum(value)} {'>' if is_true else '<='} M"
        left, right = map(self.text, value.arguments)
        if operation == "slt":
            left, right = f"({left} ^ S)", f"({right} ^ S)"
        if operation == "eq":
            return f"{left} {'==' if is_true else '!='} {right}"
        return f"{left} {'<' if is_true else '>='} {right}"

    def _exact_sum(self, overflows: Value) -> str:
        """Return a variable with the sum or product that may be above 256 bits."""
        made = self.values.make(f"exact_{overflows.operation[:3]}", *overflows.arguments)
        return self.hold(made)

    def _expression(self, value: Value) -> str:
        operation = value.operation
        if operation == "iszero":
            return self._truth(value)
        if is_boolean(value):
            return f"+({self.condition(value, is_true=True)})"
        write = _EXPRESSIONS.get(operation)
        if write is not None:
            return write(self, value)
        if not value.arguments:
            return operation  # a Python expression
        return f"{operation}({', '.join(map(self.text, value.arguments))})"

    def _truth(self, value: Value) -> str:
        """1 or 0 for what is, once or several times, asked to be 0."""
        is_zero = False
        while value.operation == "iszero" and not value.name:
            value, is_zero = value.arguments[0], not is_zero
        return f"+({self.text(value)} {'==' if is_zero else '!='} 0)"

    def ring(self, value: Value) -> str:
        """Return an expression for a word modulo 2**256, for where a modulus is taken anyway."""
        is_sum = value.operation in ("add", "sub") and not (value.name or value.is_shared)
        return f"({_plain(self, value)})" if is_sum and value.size <= _INLINED else self.text(value)


_SIGNS = {"add": "+", "sub": "-", "mul": "*", "exact_add": "+", "exact_mul": "*"}


def _plain(writer: Writer, value: Value) -> str:
    left, right = map(writer.ring, value.arguments)
    return f"{left} {_SIGNS[value.operation]} {right}"


def _exact(writer: Writer, value: Value) -> str:
    left, right = map(writer.text, value.arguments)
    return f"{left} {_SIGNS[value.operation]} {right}"


def _modular(writer: Writer, value: Value) -> str:
    exact = writer.values.made(f"exact_{value.operation}", *value.arguments)
    is_exact = writer.values.is_exact(value)
    if exact is not None and exact.name:
        return exact.name if is_exact else f"{exact.name} & M"
    return _exact(writer, value) if is_exact else f"{_plain(writer, value)} & M"


def _divided(sign: str) -> Callable[[Writer, Value], str]:
    def write(writer: Writer, value: Value) -> str:
        left, right = value.arguments
        if right.constant is not None:
            return f"{writer.text(left)} {sign} {writer.text(right)}" if right.constant else "0"
        divisor = writer.atom(right)
        return f"{writer.text(left)} {sign} {divisor} if {divisor} else 0"

    return write


def _modulo(sign: str) -> Callable[[Writer, Value], str]:
    def write(writer: Writer, value: Value) -> str:
        left, right, modulus = value.arguments
        if modulus.constant is not None:
            if not modulus.constant:
                return "0"
            return f"({writer.text(left)} {sign} {writer.text(right)}) % {writer.text(modulus)}"
        name = writer.atom(modulus)
        return f"({writer.text(left)} {sign} {writer.text(right)}) % {name} if {name} else 0"

    return write


def _infix(sign: str) -> Callable[[Writer, Value], str]:
    def write(writer: Writer, value: Value) -> str:
        left, right = map(writer.text, value.arguments)
        return f"{left} {sign} {right}"

    return write


def _shift_left(writer: Writer, value: Value) -> str:
    shift, word = value.arguments
    if shift.constant is None:
        return f"shl({writer.text(shift)}, {writer.text(word)})"
    text = f"{writer.text(word)} << {shift.constant}"
    return text if writer.values.high(word) << shift.constant <= _WORD else f"({text}) & M"


def _shift_right(writer: Writer, value: Value) -> str:
    shift, word = value.arguments
    if shift.constant is None:
        return f"shr({writer.text(shift)}, {writer.text(word)})"
    return f"{writer.text(word)} >> {shift.constant}"


def _calldata(writer: Writer, value: Value) -> str:
    (offset,) = value.arguments
    if offset.constant is not None and offset.constant < _SMALL:
        return f"from_bytes(d[{offset.constant}:{offset.constant + 32}].ljust(32, Z))"
    name = writer.atom(offset)
    return f"from_bytes(d[{name}:{name} + 32].ljust(32, Z))"


_WORD = 2**256 - 1
_EXPRESSIONS: dict[str, Callable[[Writer, Value], str]] = {
    "add": _modular,
    "sub": _modular,
    "mul": _modular,
    "exact_add": _exact,
    "exact_mul": _exact,
    "div": _divided("//"),
    "mod": _divided("%"),
    "addmod": _modulo("+"),
    "mulmod": _modulo("*"),
    "and": _infix("&"),
    "or": _infix("|"),
    "xor": _infix("^"),
    "shl": _shift_left,
    "shr": _shift_right,
    "calldata": _calldata,
}
