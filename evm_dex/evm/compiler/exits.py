"""Ways out of a trace that are seldom taken, as data: Python compiles no code for them.

Nearly every opcode has one (no gas, no memory, a check that fails), and most are never taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from evm_dex.evm.compiler.arithmetic import FUNCTIONS
from evm_dex.evm.compiler.values import Value

Pending = int | str | tuple[Any, ...]
"""A word: known, in a variable, or a function with its arguments, each of them one of these."""


class SideExit(NamedTuple):
    """The state that a trace leaves behind, in terms of its variables."""

    target: int
    """The trace's return value."""
    gas: int
    """Gas taken ahead, which is given back."""
    replaced: int
    """Words on top of the stack that give way."""
    words: Sequence[Pending]
    """Those that take their place."""
    uncounted: int | None
    """Place of what was counted ahead, and is taken back; None for nothing."""


class Leaves(Exception):  # noqa: N818 - named for what happened, like all errors here
    """A function that a trace calls can't go on: it leaves by the exit of that number."""

    def __init__(self, number: int) -> None:
        self.number = number


def pending(value: Value) -> Pending:
    """Return a word as it can be worked out when a trace leaves."""
    if value.constant is not None:
        return value.constant
    if value.name:
        return value.name
    arguments = map(pending, value.arguments)
    if value.operation == "calldata":
        return (calldata, "d", *arguments)
    return (FUNCTIONS[value.operation], *arguments)


def calldata(data: bytes, offset: int) -> int:
    """Return a word of calldata, with zeros behind its end."""
    return int.from_bytes(data[offset : offset + 32].ljust(32, b"\0"))


def leaving(
    exits: Sequence[SideExit], counts: list[int] | None
) -> Callable[[int, dict[str, Any]], int]:
    """Return what a trace calls to leave by a number, given its variables."""

    def leave(number: int, variables: dict[str, Any]) -> int:
        target, gas, replaced, words, uncounted = exits[number]
        stack: list[int] = variables["s"]

        def word(it: Pending) -> Any:
            if type(it) is int:
                return it
            if type(it) is str:  # an input that the trace did not read is on the stack still
                return variables[it] if it in variables else stack[-1 - int(it[1:])]
            return it[0](*map(word, it[1:]))  # type: ignore[index, operator] # neither of the two

        found = [word(it) for it in words]
        if replaced:
            stack[-replaced:] = found
        else:
            stack += found
        variables["m"].gas_remaining = variables["g"] + gas
        if uncounted is not None and counts is not None:
            counts[uncounted] -= 1
        return target

    return leave
