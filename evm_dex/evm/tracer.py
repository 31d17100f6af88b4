"""Watching an execution: every step of the machine, the calls it is made of, what it touches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from eth.abc import ComputationAPI
from eth.exceptions import VMError
from eth.vm import mnemonics
from eth.vm.opcode_values import SLOAD

from evm_dex.evm.config import MINING, ExecutionConfig


class TracedStep(msgspec.Struct):
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
    """The account whose storage it works on."""
    return_data: bytes
    """Data that the last call before it returned."""
    gas_cost: int = 0
    """Gas used, by all calls it made too."""
    loaded: int = 0
    """The word that SLOAD found."""
    error: str = ""


class TraceTooLong(Exception):  # noqa: N818 - named for what happened, like all errors here
    """An execution takes more steps, or more bytes, than a tracer keeps."""


_MOST_BYTES = 64 * 2**20
_STEP_BYTES = 120
_WORD_BYTES = 5
"""Quotes, comma and 0x around a word's digits."""


class Tracer:
    """Keeps steps, up to a limit on their number and on the size of their text."""

    def __init__(
        self,
        *,
        most_steps: int = 0,
        before: Sequence[Tracer] = (),
        keep_stack: bool = True,
        keep_memory: bool = False,
        keep_return_data: bool = False,
    ) -> None:
        """With `most_steps` 0 only calls are watched, at next to no cost.

        What tracers `before` this one keep counts towards its limits.
        """
        self.steps: list[TracedStep] = []
        self.most_steps = most_steps
        self._steps_before = sum(len(tracer.steps) for tracer in before)
        self._size_before: int = sum(tracer.size for tracer in before)
        self.size: int = 0
        """Bytes that the steps take as JSON, about."""
        self._keep_stack = keep_stack
        self._keep_memory = keep_memory
        self._keep_return_data = keep_return_data

    def watching(self, config: ExecutionConfig = MINING) -> ExecutionConfig:
        """Return the same configuration, with all that is executed under it seen."""
        on_step = self.run if self.most_steps else None
        return msgspec.structs.replace(config, on_step=on_step, records_calls=True)

    def run(self, opcode: Any, computation: Any) -> None:
        """Run one opcode and keep what there is to see. Raises TraceTooLong."""
        if self._steps_before + len(self.steps) >= self.most_steps:
            raise TraceTooLong(f"more than {self.most_steps} steps")
        self.size += self._size_of(computation)
        if self._size_before + self.size > _MOST_BYTES:
            raise TraceTooLong(f"more than {_MOST_BYTES} bytes")
        gas = computation.get_gas_remaining()
        step = TracedStep(
            program_counter=computation.code.program_counter - 1,
            opcode=_mnemonic(opcode),
            gas=gas,
            depth=computation.msg.depth + 1,
            stack=stack_words(computation) if self._keep_stack else (),
            memory=self._memory(computation) if self._keep_memory else b"",
            address=computation.msg.storage_address,
            return_data=computation.return_data if self._keep_return_data else b"",
        )
        self.steps.append(step)
        try:
            opcode(computation=computation)
            if step.opcode == mnemonics.SLOAD:
                step.loaded = _number(computation._stack.values[-1])
        except VMError as error:
            step.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            step.gas_cost = gas - computation.get_gas_remaining()

    def _size_of(self, computation: Any) -> int:
        size = _STEP_BYTES
        if self._keep_stack:
            words = stack_words(computation)
            size += _WORD_BYTES * len(words) + sum(map(int.bit_length, words)) // 4
        if self._keep_memory:
            size += 2 * len(computation._memory)
        if self._keep_return_data:
            size += 2 * len(computation.return_data)
        return size

    def _memory(self, computation: Any) -> bytes:
        """Return the memory now; where it is as it was at the last step, the same object."""
        memory = computation._memory._bytes
        last = self.steps[-1].memory if self.steps else b""
        return last if last == memory else bytes(memory)


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
    """Data it returned or reverted with; the code where it created a contract."""
    error: str
    """Empty where it succeeded."""
    calls: tuple[Frame, ...]
    logs: tuple[tuple[bytes, tuple[int, ...], bytes], ...]
    """(address, topics, data) of what it logged itself."""
    code: bytes = b""
    """The code that ran: a contract's, or what creates one."""
    trail: tuple[int, ...] = ()
    """Positions by which it came to its end, that last; empty where nobody watched (`Trails`)."""


def frame_of(computation: ComputationAPI) -> Frame:
    """Return the outermost call of an execution, all others inside it."""
    traced: Any = computation
    message = traced.msg
    error = traced.error if traced.is_error else None
    is_create = message.is_create
    is_burnt = error is not None and error.erases_return_data
    return Frame(
        kind=traced.called_by or ("CREATE" if is_create else "CALL"),
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
        code=bytes(message.code),
        trail=_trail(traced),
    )


def _trail(computation: Any) -> tuple[int, ...]:
    trail = getattr(computation, "trail", ())
    return (*trail, computation.code.program_counter - 1) if trail else ()


def _named(error: VMError) -> str:
    name = type(error).__name__
    return "execution reverted" if name == "Revert" else f"{name}: {error}".rstrip(": ")


def _mnemonic(opcode: Any) -> str:
    name: str = getattr(opcode, "mnemonic", None) or opcode.__wrapped__.mnemonic
    return "KECCAK256" if name == "SHA3" else name


def stack_words(computation: Any) -> tuple[int, ...]:
    """Return the stack of a computation, lowest first."""
    return tuple(map(_number, computation._stack.values))


def _number(value: int | bytes) -> int:
    return value if isinstance(value, int) else int.from_bytes(value, "big")


class Accesses:
    """Accounts and storage words that executions touched, failed calls included (EIP-2929)."""

    def __init__(self) -> None:
        self._slots: dict[bytes, set[int]] = {}

    def address_touched(self, address: bytes) -> None:
        """Note an account."""
        self._slots.setdefault(address, set())

    def storage_touched(self, address: bytes, slot: int) -> None:
        """Note a storage word."""
        self._slots.setdefault(address, set()).add(slot)

    def touched(self) -> dict[bytes, tuple[int, ...]]:
        """Storage words by account; none where only the account itself was touched."""
        return {address: tuple(sorted(self._slots[address])) for address in sorted(self._slots)}


class StorageReads:
    """A step hook that keeps the words that code reads from storage."""

    def __init__(self) -> None:
        self.words: list[tuple[bytes, int, int]] = []
        """(account, slot, word) in the order of reading."""

    def run(self, opcode: Any, computation: Any) -> None:
        """Run one opcode."""
        stack = stack_words(computation)
        if opcode is computation.opcodes[SLOAD] and stack:
            account, slot = computation.msg.storage_address, stack[-1]
            self.words.append((account, slot, computation.state.get_storage(account, slot)))
        opcode(computation=computation)
