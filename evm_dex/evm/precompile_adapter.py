"""The adapter between a py-evm computation and the call context that a precompile sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Protocol, cast

from eth.abc import ComputationAPI
from eth.exceptions import Revert, VMError
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES
from eth.vm.opcode_values import CALL

from evm_dex.evm.machine import State
from precompiles.context import CallContext
from precompiles.errors import ContractError
from precompiles.types import Address

_CALL = PRAGUE_OPCODES[CALL]
_ALL_GAS = 2**256 - 1


class PrecompileError(VMError):
    """A precompile has no answer; its frame fails with all the gas gone."""


class Precompile(Protocol):
    """A precompile as the VM needs it."""

    @property
    def address(self) -> Address:
        """Its address."""

    def run(self, context: CallContext, calldata: bytes) -> bytes:
        """Run on calldata; raise ContractError for what the caller did wrong."""


class ComputationContext:
    """`CallContext` on one frame of py-evm."""

    __slots__ = (
        "_computation",
        "block_number",
        "caller",
        "is_delegate",
        "is_static",
        "timestamp",
        "value",
    )

    def __init__(self, computation: ComputationAPI) -> None:
        message, state = computation.msg, computation.state
        self._computation = computation
        self.caller = Address(message.sender)
        self.value = message.value
        self.is_static = message.is_static
        self.is_delegate = message.code_address != message.storage_address
        self.block_number: int = state.block_number
        self.timestamp = state.timestamp

    def charge(self, gas: int) -> None:
        """Take `gas` from the frame; py-evm's OutOfGas loses all of it."""
        self._computation.consume_gas(gas, reason="precompile")

    def gas_remaining(self) -> int:
        """Gas that could still be charged."""
        return self._computation.get_gas_remaining()

    def lose(self, reason: str) -> NoReturn:
        """Fail the frame."""
        raise PrecompileError(reason)

    def emit(self, topics: tuple[int, ...], data: bytes) -> None:
        """Append an event log under the precompile's address."""
        computation = self._computation
        computation.add_log_entry(computation.msg.storage_address, topics, data)

    def emit_at(self, address: Address, topics: tuple[int, ...], data: bytes) -> None:
        """Append an event log under another precompile's address."""
        self._computation.add_log_entry(cast(Any, address), topics, data)

    def balance(self, address: Address) -> int:
        """Wei of an account."""
        return cast(State, self._computation.state).get_balance(address)

    def call(self, to: Address, value: int, calldata: bytes) -> tuple[bool, bytes]:
        """Execute the CALL opcode itself, with all the gas the frame may pass on.

        So the 63/64 rule, the stipend, cold and warm access, the depth limit and what a failed
        call leaves behind are those of a contract. The calldata is paid for as memory.
        """
        computation: Any = self._computation
        size, config = len(calldata), computation.state.config
        computation.extend_memory(0, size)
        computation.memory_write(0, size, calldata)
        for word in (0, 0, size, 0, value):
            computation.stack_push_int(word)
        computation.stack_push_bytes(to)
        computation.stack_push_int(_ALL_GAS)
        if config.needs_interpreter:
            _CALL(computation=computation)
        else:
            computation.table[CALL](computation)
        succeeded: bool = computation.stack_pop1_int() == 1
        return succeeded, computation.return_data

    def has_code(self, address: Address) -> bool:
        """Whether `address` is a contract."""
        return cast(State, self._computation.state).get_code(address) != b""


def reverting(output: bytes) -> Exception:
    """Return the error by which a frame of py-evm reverts with some output."""
    return Revert(output)


def as_py_evm(precompile: Precompile) -> Callable[[ComputationAPI], ComputationAPI]:
    """Return a precompile in the form py-evm calls it.

    The caller's fault becomes a revert that carries the encoded error; any other Python
    exception is a bug of ours and is left to stop the block.
    """

    def execute(computation: ComputationAPI) -> ComputationAPI:
        view = cast(State, computation.state).config.ledger_view
        if view is not None:
            view.look()
        context = ComputationContext(computation)
        try:
            computation.output = precompile.run(context, computation.msg.data_as_bytes)
        except ContractError as error:
            computation.output = error.encode()
            raise reverting(computation.output) from None
        return computation

    return execute
