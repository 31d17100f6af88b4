"""Watching an execution: every step of the machine, the calls it is made of, what it touches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from eth.abc import ComputationAPI
from eth.exceptions import FullStack, InsufficientStack, OutOfGas, VMError
from eth.vm import mnemonics
from eth.vm.opcode_values import SLOAD

from evm_dex.errors import TraceTooLong
from evm_dex.evm.config import MINING, AccessObserver, ExecutionConfig
from evm_dex.evm.halts import halt_of, problem_of
from evm_dex.evm.trace_bounds import MOST_BYTES
from evm_dex.evm.unmade_calls import UnmadeCall


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
    """Gas it takes, what it hands to a call among it; not what it hands to a creation."""
    refund: int = 0
    """Gas to refund, before this step."""
    loaded: int = 0
    """The word that SLOAD found."""
    error: str = ""
    """Reason that it could not begin: gas, or the stack."""


_STEP_BYTES = 120
_UNBEGUN = (OutOfGas, InsufficientStack, FullStack)
_CALLS = ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL")
_CREATES = ("CREATE", "CREATE2")
_WITH_VALUE = ("CALL", "CALLCODE")
_STIPEND = 2_300
_KEPT_BACK = 64
"""One in so many of the gas stays with the caller (EIP-150)."""
_WORD_BYTES = 5
"""Quotes, comma and 0x around a word's digits."""


class Tracer:
    """Keeps steps, up to a limit on their number and on the size of their text.

    What steps cost, and where their errors are, is go-ethereum's: eth/tracers/logger.
    """

    def __init__(
        self,
        *,
        most_steps: int = 0,
        limit: int = 0,
        before: Sequence[Tracer] = (),
        keep_stack: bool = True,
        keep_memory: bool = False,
        keep_return_data: bool = False,
        accesses: AccessObserver | None = None,
    ) -> None:
        """With `most_steps` 0 only calls are watched, at next to no cost.

        More than `most_steps` raise; after `limit`, unless that is 0, no more are kept. What
        tracers `before` this one keep counts towards its bounds. `accesses` is told of what the
        execution touches.
        """
        self.steps: list[TracedStep] = []
        self.most_steps = most_steps
        self._limit = limit
        self._accesses = accesses
        self._refund = 0
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
        return msgspec.structs.replace(
            config, on_step=on_step, records_calls=True, accesses=self._accesses
        )

    def run(self, opcode: Any, computation: Any) -> None:
        """Run one opcode and keep what there is to see. Raises TraceTooLong."""
        if self._limit and len(self.steps) >= self._limit:
            opcode(computation=computation)
            return
        if self._steps_before + len(self.steps) >= self.most_steps:
            raise TraceTooLong(f"more than {self.most_steps} steps")
        self.size += self._size_of(computation)
        if self._size_before + self.size > MOST_BYTES:
            raise TraceTooLong(f"more than {MOST_BYTES} bytes")
        gas = computation.get_gas_remaining()
        if not self.steps:
            self._refund = computation.msg.refund
        step = TracedStep(
            program_counter=computation.code.program_counter - 1,
            opcode=_mnemonic(opcode),
            gas=gas,
            depth=computation.msg.depth + 1,
            stack=stack_words(computation) if self._keep_stack else (),
            memory=self._memory(computation) if self._keep_memory else b"",
            address=computation.msg.storage_address,
            return_data=computation.return_data if self._keep_return_data else b"",
            refund=self._refund,
        )
        self.steps.append(step)
        words = computation._stack.values
        requested = _number(words[-1]) if words and step.opcode in _CALLS else 0
        has_value = step.opcode in _WITH_VALUE and len(words) > 2 and _number(words[-3]) > 0
        refunded, made = computation._gas_meter.gas_refunded, len(computation.children)
        try:
            opcode(computation=computation)
        except VMError as error:
            step.gas_cost = gas - computation.get_gas_remaining()
            if isinstance(error, _UNBEGUN):
                step.error = halt_of(error, len(step.stack))
                lacking = getattr(error, "needed", 0) or getattr(opcode, "gas_cost", 0)
                step.gas_cost += lacking
            raise
        except BaseException:
            step.gas_cost = gas - computation.get_gas_remaining()
            raise
        step.gas_cost = gas - computation.get_gas_remaining()
        self._refund += computation._gas_meter.gas_refunded - refunded
        if step.opcode == mnemonics.SLOAD:
            step.loaded = _number(computation._stack.values[-1])
        elif step.opcode in _CALLS or step.opcode in _CREATES:
            child = computation.children[-1] if len(computation.children) > made else None
            if child is not None and child.is_error:
                self._refund = step.refund
            stipend = _STIPEND * has_value
            step.gas_cost = _charged(step, gas, child, requested, stipend)

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


def _charged(step: TracedStep, gas: int, child: Any, requested: int, stipend: int) -> int:
    """Return what a call took before it began, of the `gas` there was."""
    is_create = step.opcode in _CREATES
    if child is not None:
        back = child.get_gas_remaining() if not child.is_error or not child.error.burns_gas else 0
        return step.gas_cost + back - (child.msg.gas if is_create else 0)
    if is_create:
        return step.gas_cost
    own = step.gas_cost + stipend  # the call was refused, and got back what it was given
    left = gas - own
    return own + min(requested, left - left // _KEPT_BACK)


class FrameLog(NamedTuple):
    """A log, and where it is."""

    address: bytes
    topics: tuple[int, ...]
    data: bytes
    position: int
    """Number of calls that the frame made before it."""
    number: int
    """Place among all logs of the transaction, those of failed calls too."""


class Frame(msgspec.Struct, frozen=True):
    """One call of an execution, with those it made."""

    kind: str
    """The opcode that made it; SELFDESTRUCT for the wei that a contract leaves behind."""
    sender: bytes
    to: bytes
    value: int
    gas: int
    gas_used: int
    input: bytes
    output: bytes
    """Data it returned or reverted with; the code where it created a contract."""
    error: str
    """The reason it failed, in go-ethereum's words; empty where it succeeded."""
    calls: tuple[Frame, ...] = ()
    logs: tuple[FrameLog, ...] = ()
    """Everything it logged itself."""
    problem: str = ""
    """The reason it failed, as this machine explains it."""
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
    paid_before = _init_code_gas(message) if is_create and not message.depth else 0
    keeps_output = error is None or not error.erases_return_data
    kind = traced.called_by or ("CREATE" if is_create else "CALL")
    return Frame(
        kind=kind,
        sender=message.storage_address if kind == "DELEGATECALL" else message.sender,
        to=message.storage_address if is_create else _called(message),
        value=message.value,
        gas=message.gas - paid_before,
        gas_used=traced.get_gas_used() - paid_before,
        input=bytes(message.code if is_create else message.data_as_bytes),
        output=bytes(traced.output) if keeps_output else b"",
        error="" if error is None else halt_of(error, len(traced._stack.values)),
        calls=tuple(_calls(traced)),
        logs=tuple(_logs(traced)),
        problem="" if error is None else problem_of(error),
        code=bytes(message.code),
        trail=_trail(traced),
    )


def _trail(computation: Any) -> tuple[int, ...]:
    trail = getattr(computation, "trail", ())
    return (*trail, computation.code.program_counter - 1) if trail else ()


def _called(message: Any) -> bytes:
    """Return whose code a call asks for, which may be that of another (EIP-7702)."""
    if message.is_delegation:
        return bytes(getattr(message, "called", message.to))
    return bytes(message.code_address or message.to)


def _init_code_gas(message: Any) -> int:
    """Return gas for a transaction's init code (EIP-3860), part of what it costs beforehand."""
    return 2 * -(-len(message.code) // 32)


def _calls(traced: Any) -> list[Frame]:
    # No generator: each level of one is a level of C, of which Python 3.12 allows few.
    unmade = traced.unmade_calls or ()
    found, at = [], 0
    for place, child in enumerate(traced.children):
        while at < len(unmade) and unmade[at].place <= place:
            found.append(_unmade(traced, unmade[at]))
            at += 1
        found.append(frame_of(child))
    found += [_unmade(traced, call) for call in unmade[at:]]
    if traced.left_to is not None:
        heir, wei = traced.left_to
        own = traced.msg.storage_address
        found.append(Frame("SELFDESTRUCT", own, heir, wei, 0, 0, b"", b"", ""))
    return found


def _unmade(traced: Any, call: UnmadeCall) -> Frame:
    own = traced.msg.storage_address
    given = (call.value, call.gas, call.gas_used, call.input, b"", call.error)
    return Frame(call.kind, own, call.to, *given, problem=call.error)


def _logs(traced: Any) -> Iterator[FrameLog]:
    befores = [child.logs_before for child in traced.children]
    befores += [call.logs_before for call in traced.unmade_calls or ()]
    befores.sort()
    position = 0
    for place, (number, address, topics, data) in enumerate(traced._log_entries):
        while position < len(befores) and befores[position] <= place:
            position += 1
        yield FrameLog(address, tuple(topics), data, position, number)


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

    def begin(self, state: object, transaction: object) -> None:
        """Note nothing: what a transaction touches is told."""

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
