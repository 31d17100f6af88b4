"""Py-evm's execution of messages, without what it pays for at every opcode.

Taking the gas of an opcode goes through three methods there; here it is part of the opcode. And
where code may be jumped to is found out once per code, not once per execution. Calls by code that
no one watches step by step are in `frames.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from types import FunctionType
from typing import Any, cast

from eth.abc import ComputationAPI
from eth.exceptions import Halt, OutOfGas, VMError
from eth.vm import mnemonics
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.logic.invalid import InvalidOpcode
from eth.vm.memory import Memory
from eth.vm.opcode import _FastOpcode
from eth.vm.opcode_values import (
    CALL,
    CALLCODE,
    CREATE,
    CREATE2,
    DELEGATECALL,
    SELFDESTRUCT,
    STATICCALL,
)
from eth_hash.auto import keccak
from eth_typing import Address

from evm_dex.evm.compiler.execute import execute
from evm_dex.evm.compiler.program import program_of
from evm_dex.evm.config import OPCODES_PER_LOOK, Deadline, StepHook
from evm_dex.evm.console_calls import CONSOLE
from evm_dex.evm.frame_parts import Code, GasLeft, Words
from evm_dex.evm.frames import opcode_of, send
from evm_dex.evm.trace_bounds import count_recorded
from evm_dex.evm.unmade_calls import CALL_KINDS, UnmadeCall, recording_create
from precompiles.types import NATIVE_COIN

_COIN = Address(NATIVE_COIN)
_TRANSFER = int.from_bytes(keccak(b"Transfer(address,address,uint256)"), "big")


def _metered(opcode: Any) -> Any:
    """Return an opcode of fixed cost that takes its gas itself. Others do what they did."""
    if type(opcode) is not _FastOpcode:
        return _function_of(opcode)
    logic: Callable[[Any], Any] = opcode.logic_fn
    cost, mnemonic = opcode.gas_cost, opcode.mnemonic

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - cost
        if left < 0:
            raise OutOfGas(f"{mnemonic} takes {cost} gas, {meter.gas_remaining} is left")
        meter.gas_remaining = left
        logic(computation)

    run.mnemonic = mnemonic  # type: ignore[attr-defined] # functions take any attribute
    run.gas_cost = cost  # type: ignore[attr-defined] # likewise
    return run


def _function_of(opcode: Any) -> Any:
    """Return an opcode as a function.

    Python calls an object through C, and from 3.12 on it allows fewer levels of C (1,500) than
    the EVM has frames with two each.
    """
    if isinstance(opcode, FunctionType):
        return opcode
    call: Callable[[Any], Any] = opcode.__call__

    def run(computation: Any) -> None:
        call(computation)

    run.mnemonic = opcode.mnemonic  # type: ignore[attr-defined] # functions take any attribute
    run.gas_cost = opcode.gas_cost  # type: ignore[attr-defined] # likewise
    return run


def _all_metered(opcodes: Mapping[int, Any]) -> dict[int, Any]:
    """All 256 opcodes; those that mean nothing end the frame."""
    invalid = {number: InvalidOpcode(number) for number in range(256) if number not in opcodes}
    known = {number: _metered(opcode) for number, opcode in opcodes.items()}
    creates = {number: recording_create(number, known[number]) for number in (CREATE, CREATE2)}
    return {**known, **invalid, **creates, SELFDESTRUCT: _told_of(opcodes[SELFDESTRUCT])}


def _told_of(self_destruct: Any) -> Any:
    """SELFDESTRUCT that logs the wei that it moves, or is noted, as the configuration asks."""

    def run(computation: Any) -> None:
        stack = computation._stack.values
        config = computation.state.config
        if not (config.logs_transfers or config.records_calls) or not stack:
            self_destruct(computation=computation)
            return
        to = stack[-1] if isinstance(stack[-1], int) else int.from_bytes(stack[-1], "big")
        sender = computation.msg.storage_address
        wei = computation.state.get_balance(sender)
        try:
            self_destruct(computation=computation)
        except Halt:
            heir = Address(to.to_bytes(32, "big")[-20:])
            if config.records_calls:
                computation.left_to = heir, wei
            if wei and config.logs_transfers:
                computation.log_transfer(sender, heir, wei)
            raise

    run.mnemonic = mnemonics.SELFDESTRUCT  # type: ignore[attr-defined] # functions take any attribute
    return run


def _table(opcodes: Mapping[int, Any]) -> list[Any]:
    table = [opcodes[number] for number in range(256)]
    for number in (CALL, CALLCODE, DELEGATECALL, STATICCALL):
        table[number] = opcode_of(number, table[number])
    return table


class Computation(PragueComputation):
    """One message in execution, under the rules of Prague and the configuration of its state."""

    state: Any
    """A `DexState`."""
    opcodes = _all_metered(PragueComputation.opcodes)
    table = _table(opcodes)
    """The same by number, for where no one watches."""
    called_by = ""
    """The opcode that made it, where the configuration records calls; empty for the outermost."""
    logs_before = 0
    """Number of its caller's own logs before it; likewise."""
    left_to: tuple[Address, int] | None = None
    """To whom it left how many wei when it destroyed itself; likewise."""
    unmade_calls: list[UnmadeCall] | None = None
    """Its calls that have no computation; likewise."""
    levels_below = 0
    """Depth of the calls that it made."""
    send = send
    # As py-evm's, which are made anew for each frame, slowly.
    stack_pop_ints = property(attrgetter("_stack.pop_ints"))
    stack_pop_bytes = property(attrgetter("_stack.pop_bytes"))
    stack_pop_any = property(attrgetter("_stack.pop_any"))
    stack_pop1_int = property(attrgetter("_stack.pop1_int"))
    stack_pop1_bytes = property(attrgetter("_stack.pop1_bytes"))
    stack_pop1_any = property(attrgetter("_stack.pop1_any"))
    stack_push_int = property(attrgetter("_stack.push_int"))
    stack_push_bytes = property(attrgetter("_stack.push_bytes"))

    def __init__(self, state: Any, message: Any, transaction_context: Any) -> None:
        # Not super's, which checks and makes everything anew for each frame.
        self.state = state
        self.msg = message
        self.transaction_context = transaction_context
        watch = state.config.watch
        self.code = Code(program_of(message.code) if watch is None else watch.program_for(self))
        self._gas_meter: Any = GasLeft(message.gas)
        self._stack = Words()
        self._memory = Memory()
        self.children = []
        self.accounts_to_delete = []
        self.beneficiaries = []
        self._log_entries = []
        if message.depth == 0:
            state.mark_address_warm(state.coinbase)  # EIP-3651
        if state.config.logs_transfers and message.value and message.should_transfer_value:
            self.log_transfer(message.sender, message.storage_address, message.value)

    @property
    def is_origin_computation(self) -> bool:
        """Whether a transaction made it; a delegated sender's own calls (EIP-7702) are none."""
        return self.msg.depth == 0

    @classmethod
    def apply_computation(
        cls,
        state: Any,
        message: Any,
        transaction_context: Any,
        parent_computation: Any = None,
    ) -> ComputationAPI:
        """Run a message: a precompile, or code. What fails is in the computation's error."""
        deadline = state.config.deadline
        if deadline is not None:
            deadline.check()
        computation = cls(state, message, transaction_context)
        with computation:
            computation._note_creations(parent_computation)
            moved = state.config.precompiles
            precompiles = computation.precompiles if moved is None else moved
            precompile = precompiles.get(message.code_address)
            if precompile is None:
                computation._execute()
            elif not message.is_delegation:
                precompile(computation)
        if not state.config.records_calls:
            computation._release()
        return computation

    def add_child_computation(self, child_computation: Any) -> None:
        """Take in a message that ended; of those before it, what they returned is not needed."""
        if self.children and not self.state.config.records_calls:
            self.children[-1]._output = b""
        super().add_child_computation(child_computation)
        self.levels_below = max(self.levels_below, child_computation.levels_below + 1)

    def take_in(self, child: Computation, opcode: int) -> None:
        """Take what a frame that ended leaves: all of it where calls are recorded."""
        self.levels_below = max(self.levels_below, child.levels_below + 1)
        if self.state.config.records_calls:
            child.called_by = CALL_KINDS[opcode]
            child.logs_before = len(self._log_entries)
            self.children.append(child)
            count_recorded(self.state, len(child.msg.data) + len(child._output))
        elif child._error is None:
            self._gas_meter.gas_refunded += child.get_gas_refund()
            self._log_entries += child.get_raw_log_entries()
            if child.beneficiaries or child.children:
                self.accounts_to_delete += child.get_accounts_for_deletion()
                self.beneficiaries += child.get_self_destruct_beneficiaries()

    # As py-evm's, which recurse through C.

    def _effective(self) -> Iterator[Computation]:
        """Give the message and those below it whose effects stay, none that failed."""
        waiting = [self]
        while waiting:
            computation = waiting.pop()
            if computation._error is None:
                yield computation
                waiting += computation.children

    def get_gas_refund(self) -> int:
        """Return the gas to be paid back."""
        if not self.children:
            own: int = self._gas_meter.gas_refunded if self._error is None else 0
            return own + self.msg.refund
        refund: int = sum(it._gas_meter.gas_refunded for it in self._effective())
        return refund + self.msg.refund

    def get_accounts_for_deletion(self) -> list[Address]:
        """Return the contracts that destroyed themselves, each once."""
        return list(dict.fromkeys(a for it in self._effective() for a in it.accounts_to_delete))

    def get_self_destruct_beneficiaries(self) -> list[Address]:
        """Return who was left the wei of such contracts, each once."""
        return list(dict.fromkeys(a for it in self._effective() for a in it.beneficiaries))

    def get_raw_log_entries(self) -> tuple[Any, ...]:
        """Return all logs in the order in which they were made."""
        return tuple(sorted(entry for it in self._effective() for entry in it._log_entries))

    def fail(self, error: VMError) -> None:
        """End with an error."""
        error.__traceback__ = None  # it holds the frames that hold the message
        self._error = error
        if error.burns_gas:
            self._gas_meter.gas_remaining = 0

    def register_account_for_deletion(self, beneficiary: Address) -> None:
        """Note that the account destroys itself; it may have been noted by a call it made."""
        self.accounts_to_delete.append(self.msg.storage_address)
        self.beneficiaries.append(beneficiary)

    def _release(self) -> None:
        """Let go of what nobody asks an ended message for: inputs, outputs and memory.

        py-evm keeps all messages of a transaction until its end, for gas, logs and deletions, and
        a contract may send a megabyte again and again for little gas.
        """
        self.msg.data = b""
        if self.msg.is_create:
            self.msg.code = b""
        if self.children:
            self.children[-1]._output = b""
        self.return_data = b""
        self._memory = Memory()
        if self._error is not None:
            self._error.__traceback__ = None  # it holds the frames that hold the message

    def generate_child_computation(self, child_msg: Any) -> Any:
        """Run a message that this one sends."""
        child = cast(Computation, super().generate_child_computation(child_msg))
        if self.state.config.records_calls:
            child.called_by = self._call_kind()
            child.logs_before = len(self._log_entries)
            given = len(child_msg.code if child_msg.is_create else child_msg.data)
            count_recorded(self.state, given + len(child.output))
        return child

    def note_unmade(
        self, kind: str, to: bytes, value: int, gas: int, gas_used: int, data: bytes, error: str
    ) -> None:
        """Note a call that has no computation; `gas` is what it was given."""
        place, logs = len(self.children), len(self._log_entries)
        if self.unmade_calls is None:
            self.unmade_calls = []
        call = UnmadeCall(place, logs, kind, to, value, gas, gas_used, data, error)
        self.unmade_calls.append(call)
        count_recorded(self.state, len(data))

    def log_transfer(self, sender: Address, to: Address, wei: int) -> None:
        """Log a transfer of the native coin; like other logs it is gone where the frame fails."""
        topics = (_TRANSFER, int.from_bytes(sender, "big"), int.from_bytes(to, "big"))
        self.add_log_entry(_COIN, topics, wei.to_bytes(32, "big"))

    def _note_creations(self, parent: Any) -> None:
        """Share the list of contracts that the transaction creates (EIP-6780)."""
        if parent is None:
            self.contracts_created = []
            if self.msg.is_create:  # CREATE and CREATE2 take theirs themselves (EIP-3860)
                self.consume_initcode_gas_cost(self)
        else:
            self.contracts_created = parent.contracts_created
        if self.msg.is_create:
            self.contracts_created.append(self.msg.storage_address)

    def _execute(self) -> None:
        """Run the code; an account without any takes no step."""
        config = self.state.config
        if not self.msg.code:
            if self.msg.code_address == CONSOLE and config.on_console is not None:
                config.on_console(bytes(self.msg.data))
            return
        try:
            if not config.needs_interpreter:
                execute(self)
            else:
                self._interpret(config.on_step, config.deadline)
        except Halt:
            return

    def _interpret(self, on_step: StepHook | None, deadline: Deadline | None) -> None:
        """Run the code's opcodes one by one."""
        opcodes, until_look = self.opcodes, OPCODES_PER_LOOK
        for number in self.code:
            if on_step is None:
                opcodes[number](computation=self)
            else:
                on_step(opcodes[number], self)
            until_look -= 1
            if not until_look:
                until_look = OPCODES_PER_LOOK
                if deadline is not None:
                    deadline.check()

    def _call_kind(self) -> str:
        """Return the opcode by which the computation makes its next call."""
        position = self.code.program_counter - 1
        code = self.msg.code
        if 0 <= position < len(code):
            return CALL_KINDS.get(code[position], "CALL")
        return "CALL"  # by a precompile, which has no opcodes
