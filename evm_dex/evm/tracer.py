"""Watching an execution: every step of the machine, and the calls it is made of.

py-evm runs opcodes out of a table and makes a child computation for every call. Both belong to the
computation class, so a state that is to be watched gets a subclass of its own; no other notices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from eth.abc import ComputationAPI
from eth.exceptions import VMError
from eth.vm.opcode_values import CALL, CREATE, CREATE2, DELEGATECALL, STATICCALL

from evm_dex.evm.machine import State

_CALL_KINDS = {
    CALL: "CALL",
    0xF2: "CALLCODE",
    STATICCALL: "STATICCALL",
    DELEGATECALL: "DELEGATECALL",
    CREATE: "CREATE",
    CREATE2: "CREATE2",
}
_WORD = 32


class Step(msgspec.Struct):
    """One opcode about to run, and what it then cost."""

    program_counter: int
    opcode: str
    gas: int
    """Left before it."""
    depth: int
    """1 for the outermost call."""
    stack: tuple[int, ...]
    """Lowest first; empty where the tracer keeps none."""
    memory: bytes
    address: bytes
    """Whose storage it works on."""
    gas_cost: int = 0
    """What it used, with all calls it made."""
    error: str = ""


class TraceTooLong(Exception):  # noqa: N818 - named for what happened, like all errors here
    """An execution takes more steps than a tracer keeps."""


class Tracer:
    """Keeps steps, up to a limit."""

    def __init__(
        self, *, most_steps: int = 0, keep_stack: bool = True, keep_memory: bool = False
    ) -> None:
        """With `most_steps` 0 only calls are watched, at next to no cost."""
        self.steps: list[Step] = []
        self.most_steps = most_steps
        self._keep_stack = keep_stack
        self._keep_memory = keep_memory

    def watch(self, state: State) -> None:
        """Let all that is executed on a state from now on be seen."""
        watched: Any = state
        watched.computation_class = _watched_class(watched.computation_class, self)

    def run(self, opcode: Any, computation: Any) -> None:
        """Run one opcode and keep what there is to see. Raises TraceTooLong."""
        if len(self.steps) >= self.most_steps:
            raise TraceTooLong(f"more than {self.most_steps} steps")
        gas = computation.get_gas_remaining()
        step = Step(
            program_counter=computation.code.program_counter - 1,
            opcode=_mnemonic(opcode),
            gas=gas,
            depth=computation.msg.depth + 1,
            stack=tuple(map(_number, computation._stack.values)) if self._keep_stack else (),
            memory=bytes(computation._memory._bytes) if self._keep_memory else b"",
            address=computation.msg.storage_address,
        )
        self.steps.append(step)
        try:
            opcode(computation=computation)
        except VMError as error:
            step.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            step.gas_cost = gas - computation.get_gas_remaining()


class Frame(msgspec.Struct, frozen=True):
    """One call of an execution, with those it made."""

    kind: str
    sender: bytes
    to: bytes
    value: int
    gas: int
    gas_used: int
    input: bytes
    output: bytes
    """What it returned, or why it reverted; the code where it created a contract."""
    error: str
    """Empty where it succeeded."""
    calls: tuple[Frame, ...]
    logs: tuple[tuple[bytes, tuple[int, ...], bytes], ...]
    """(address, topics, data) of what it logged itself."""


def frame_of(computation: ComputationAPI) -> Frame:
    """The outermost call of an execution, all others inside it."""
    traced: Any = computation
    message = traced.msg
    error = traced.error if traced.is_error else None
    is_create = message.is_create
    is_burnt = error is not None and error.erases_return_data
    return Frame(
        kind=getattr(traced, "called_by", "CREATE" if is_create else "CALL"),
        sender=message.sender,
        to=message.storage_address if is_create else message.code_address or message.to,
        value=message.value,
        gas=message.gas,
        gas_used=traced.get_gas_used(),
        input=bytes(message.code if is_create else message.data_as_bytes),
        output=b"" if is_burnt else bytes(traced.output),
        error="" if error is None else _named(error),
        calls=tuple(frame_of(child) for child in traced.children),
        logs=tuple(
            (address, tuple(topics), data) for _, address, topics, data in traced._log_entries
        ),
    )


def _named(error: VMError) -> str:
    name = type(error).__name__
    return "execution reverted" if name == "Revert" else f"{name}: {error}".rstrip(": ")


def _watched_class(base: Any, tracer: Tracer) -> Any:
    def generate_child_computation(self: Any, child_msg: Any) -> Any:
        child = base.generate_child_computation(self, child_msg)
        child.called_by = _call_kind(self)
        return child

    members: dict[str, Any] = {"generate_child_computation": generate_child_computation}
    if tracer.most_steps:
        members["opcodes"] = _WatchedOpcodes(base.opcodes, tracer)
    return type("WatchedComputation", (base,), members)


class _WatchedOpcodes:
    """A table of opcodes in which each runs by way of the tracer."""

    def __init__(self, opcodes: dict[int, Any], tracer: Tracer) -> None:
        self._opcodes = opcodes
        self._tracer = tracer

    def __getitem__(self, number: int) -> Any:
        opcode = self._opcodes[number]

        def watched(*, computation: Any) -> None:
            self._tracer.run(opcode, computation)

        return watched

    def __iter__(self) -> Iterator[int]:
        return iter(self._opcodes)


def _call_kind(parent: Any) -> str:
    """By which opcode a computation makes the call it is about to make."""
    position = parent.code.program_counter - 1
    code = parent.msg.code
    if 0 <= position < len(code):
        return _CALL_KINDS.get(code[position], "CALL")
    return "CALL"  # by a precompile, which has no opcodes


def _mnemonic(opcode: Any) -> str:
    name: str = getattr(opcode, "mnemonic", None) or opcode.__wrapped__.mnemonic
    return "KECCAK256" if name == "SHA3" else name


def _number(value: int | bytes) -> int:
    return value if isinstance(value, int) else int.from_bytes(value, "big")
