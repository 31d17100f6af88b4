"""Words that a trace will have when it runs, as far as they are known when it is written.

A value is an operation on other values. Making one folds what is constant and what a few identities
simplify; each is exact for all words. What a path has established (a branch taken) bounds values
on that path alone, so a path that splits off starts with a copy.
"""

from __future__ import annotations

from collections.abc import Callable

from evm_dex.evm.compiler.arithmetic import FUNCTIONS, WORD

BOOLEAN = frozenset(("lt", "slt", "eq", "iszero", "add_overflows", "mul_overflows"))
_COMMUTATIVE = frozenset(("add", "mul", "and", "or", "xor", "eq"))


class Value:
    """One word: a constant, a Python variable, or an operation that is not carried out yet."""

    __slots__ = ("arguments", "constant", "high", "is_shared", "name", "operation", "size")

    def __init__(self, operation: str, arguments: tuple[Value, ...] = (), high: int = WORD) -> None:
        self.operation = operation
        self.arguments = arguments
        self.high = high
        """No word that it can be is above."""
        self.name = ""
        """The Python variable that holds it on the path in work; empty where none does yet."""
        self.is_shared = False
        """Whether it is likely needed more than once."""
        self.constant: int | None = None
        self.size: int = 1 + sum(0 if argument.name else argument.size for argument in arguments)
        """Operations in it that no variable holds, at most."""


class Values:
    """The values of one path, and what is known of them there."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Value] = {}
        self._highs: dict[Value, int] = {}
        self._at_least: set[tuple[Value, Value]] = set()
        self._exact: set[Value] = set()

    def split(self) -> Values:
        """Return the same for a path that leaves this one."""
        other = Values()
        other._made = self._made.copy()
        other._highs = self._highs.copy()
        other._at_least = self._at_least.copy()
        other._exact = self._exact.copy()
        return other

    def constant(self, word: int) -> Value:
        """Return a word that is known."""
        value = self._made.get((word,))
        if value is None:
            value = self._made[word,] = Value("constant", high=word)
            value.constant = word
        return value

    def high(self, value: Value) -> int:
        """Return a bound on a value here."""
        return self._highs.get(value, value.high)

    def is_exact(self, value: Value) -> bool:
        """Whether a sum, difference or product here is so without a modulus."""
        left, right = value.arguments
        if value.operation == "add":
            return value in self._exact or self.high(left) + self.high(right) <= WORD
        if value.operation == "mul":
            return value in self._exact or self.high(left) * self.high(right) <= WORD
        if left.constant is not None and self.high(right) <= left.constant:
            return True
        return (left, right) in self._at_least

    def made(self, operation: str, *arguments: Value) -> Value | None:
        """Return an operation that was made here before and not simplified."""
        return self._made.get((operation, *arguments))

    def make(self, operation: str, *arguments: Value) -> Value:
        """Return an operation on values, simplified."""
        words = [argument.constant for argument in arguments]
        if None not in words and operation in FUNCTIONS:
            return self.constant(FUNCTIONS[operation](*words))
        if operation in _COMMUTATIVE and words[0] is not None:
            arguments = arguments[1], arguments[0]
        key = (operation, *arguments)
        value = self._made.get(key)
        if value is not None:
            value.is_shared = True
            return value
        simplify = _SIMPLIFY.get(operation)
        if simplify is not None:
            simpler = simplify(self, *arguments)
            if simpler is not None:
                return simpler
        value = self._made[key] = Value(operation, arguments, self._bound(operation, arguments))
        return value

    def assume(self, value: Value, *, is_true: bool) -> None:
        """Note what follows from a value being 0 or not."""
        operation, arguments = value.operation, value.arguments
        if operation == "iszero":
            self.assume(arguments[0], is_true=not is_true)
        elif operation == "lt":
            left, right = arguments
            if is_true:
                self.lower(left, self.high(right) - 1)
                self._at_least.add((right, left))
            else:
                self.lower(right, self.high(left))
                self._at_least.add((left, right))
        elif operation in ("add_overflows", "mul_overflows") and not is_true:
            made = self._made.get((operation[:3], *arguments))
            if made is not None:
                self._exact.add(made)
        elif (operation == "or" and not is_true) or (
            operation == "and" and is_true and all(map(is_boolean, arguments))
        ):
            for argument in arguments:
                self.assume(argument, is_true=is_true)
        elif not is_true and value.constant is None:
            self.lower(value, 0)

    def lower(self, value: Value, high: int) -> None:
        """Note a bound."""
        if 0 <= high < self.high(value) and value.constant is None:
            self._highs[value] = high

    def _bound(self, operation: str, arguments: tuple[Value, ...]) -> int:
        if operation in BOOLEAN:
            return 1
        bound = _BOUNDS.get(operation)
        if bound is None:
            return WORD
        return min(bound(arguments, [self.high(argument) for argument in arguments]), WORD)


def is_boolean(value: Value) -> bool:
    """Whether a value is one of Python's truth values where no variable holds it."""
    return value.operation in BOOLEAN


def _all_ones(bound: int) -> int:
    return (1 << bound.bit_length()) - 1


def _quotient_bound(arguments: tuple[Value, ...], highs: list[int]) -> int:
    divisor = arguments[1].constant
    return highs[0] // divisor if divisor else highs[0]


def _shr_bound(arguments: tuple[Value, ...], highs: list[int]) -> int:
    shift = arguments[0].constant
    return highs[1] if shift is None else highs[1] >> min(shift, 256)


def _shl_bound(arguments: tuple[Value, ...], highs: list[int]) -> int:
    shift = arguments[0].constant
    return WORD if shift is None else highs[1] << min(shift, 256)


_BOUNDS: dict[str, Callable[[tuple[Value, ...], list[int]], int]] = {
    "add": lambda _, highs: highs[0] + highs[1],
    "mul": lambda _, highs: highs[0] * highs[1],
    "div": _quotient_bound,
    "mod": lambda _, highs: min(highs[0], max(highs[1] - 1, 0)),
    "addmod": lambda _, highs: max(highs[2] - 1, 0),
    "mulmod": lambda _, highs: max(highs[2] - 1, 0),
    "and": lambda _, highs: min(highs),
    "or": lambda _, highs: _all_ones(max(highs)),
    "xor": lambda _, highs: _all_ones(max(highs)),
    "byte": lambda _, highs: min(highs[1], 0xFF),
    "shr": _shr_bound,
    "shl": _shl_bound,
}


def _add(values: Values, left: Value, right: Value) -> Value | None:
    if right.constant == 0:
        return left
    if right.constant is not None and left.operation == "add" and not left.name:
        inner, known = left.arguments
        if known.constant is not None:
            return values.make(
                "add", inner, values.constant(known.constant + right.constant & WORD)
            )
    return None


def _offset(value: Value) -> tuple[Value, int]:
    if value.operation == "add" and value.arguments[1].constant is not None:
        return value.arguments[0], value.arguments[1].constant
    return value, 0


def _sub(values: Values, left: Value, right: Value) -> Value | None:
    if right.constant == 0:
        return left
    (left_base, left_offset), (right_base, right_offset) = _offset(left), _offset(right)
    if left_base is right_base:
        return values.constant(left_offset - right_offset & WORD)
    return None


def _mul(_: Values, left: Value, right: Value) -> Value | None:
    if right.constant == 0:
        return right
    return left if right.constant == 1 else None


def _div(_: Values, left: Value, right: Value) -> Value | None:
    return left if right.constant == 1 else None


def _and(values: Values, left: Value, right: Value) -> Value | None:
    if left is right:
        return left
    mask = right.constant
    if mask is None:
        return None
    if mask == 0:
        return right
    if mask & mask + 1 == 0 and values.high(left) <= mask:
        return left
    if left.operation == "and" and left.arguments[1].constant is not None:
        known = values.constant(left.arguments[1].constant & mask)
        return values.make("and", left.arguments[0], known)
    return None


def _or(values: Values, left: Value, right: Value) -> Value | None:
    if left is right or right.constant == 0:
        return left
    for zero, same in ((left, right), (right, left)):
        # x == 0 or x * y // x == y is how Solidity asks whether a product overflowed.
        if zero.operation == "iszero" and same.operation == "eq":
            for one, other in (same.arguments, same.arguments[::-1]):
                product = _product_divided(one, other)
                if product is not None and product[0] is zero.arguments[0]:
                    return _no_overflow(values, product[1])
    return None


def _xor(values: Values, left: Value, right: Value) -> Value | None:
    if left is right:
        return values.constant(0)
    return left if right.constant == 0 else None


def _lt(values: Values, left: Value, right: Value) -> Value | None:
    if left is right or right.constant == 0:
        return values.constant(0)
    if right.constant is not None and values.high(left) < right.constant:
        return values.constant(1)
    if left.constant is not None and values.high(right) <= left.constant:
        return values.constant(0)
    if left.operation == "add" and right in left.arguments:  # x + y < x
        return values.make("add_overflows", *left.arguments)
    if right.operation == "sub" and right.arguments[0] is left:  # x < x - y
        return values.make("lt", left, right.arguments[1])
    return None


def _slt(values: Values, left: Value, right: Value) -> Value | None:
    if values.high(left) >> 255 or values.high(right) >> 255:
        return None
    return values.make("lt", left, right)


def _eq(values: Values, left: Value, right: Value) -> Value | None:
    if left is right:
        return values.constant(1)
    if right.constant is not None:
        if values.high(left) < right.constant:
            return values.constant(0)
        if right.constant == 0:
            return values.make("iszero", left)
    for one, other in ((left, right), (right, left)):
        product = _product_divided(one, other)
        if product is not None and product[0].constant:
            return _no_overflow(values, product[1])
    return None


def _product_divided(one: Value, other: Value) -> tuple[Value, Value] | None:
    """For y and x * y // x: x and the product."""
    if other.operation == "div":
        product, divisor = other.arguments
        if product.operation == "mul" and product.arguments in ((one, divisor), (divisor, one)):
            return divisor, product
    return None


def _no_overflow(values: Values, product: Value) -> Value:
    return values.make("iszero", values.make("mul_overflows", *product.arguments))


def _iszero(values: Values, value: Value) -> Value | None:
    if value.operation == "iszero" and is_boolean(value.arguments[0]):
        return value.arguments[0]
    if value.operation in ("sub", "xor"):
        return values.make("eq", *value.arguments)
    return None


def _shift(values: Values, shift: Value, word: Value) -> Value | None:
    if shift.constant == 0:
        return word
    if shift.constant is not None and shift.constant > 255:
        return values.constant(0)
    return word if word.constant == 0 else None


def _signextend(values: Values, last: Value, word: Value) -> Value | None:
    if last.constant is None:
        return None
    if last.constant > 30 or values.high(word) < 1 << 8 * last.constant + 7:
        return word
    return None


_SIMPLIFY: dict[str, Callable[..., Value | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "and": _and,
    "or": _or,
    "xor": _xor,
    "lt": _lt,
    "slt": _slt,
    "eq": _eq,
    "iszero": _iszero,
    "shl": _shift,
    "shr": _shift,
    "signextend": _signextend,
}
