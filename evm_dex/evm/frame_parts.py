"""The parts of a frame, made without the checks that py-evm makes of values it made itself."""

from __future__ import annotations

from collections.abc import Iterator

from eth.exceptions import FullStack, InsufficientStack, OutOfGas
from eth.vm.code_stream import CodeStream
from eth.vm.opcode_values import STOP
from eth.vm.stack import Stack

from evm_dex.evm.compiler.path import STACK_LIMIT
from evm_dex.evm.compiler.program import Program


class Code(CodeStream):
    """Code that is run, and where it is in it."""

    __slots__ = ("program",)

    def __init__(self, program: Program) -> None:
        self.program = program
        self.program_counter = 0
        self._raw_code_bytes = code = program.code
        self._length_cache = len(code)

    def __iter__(self) -> Iterator[int]:
        """Yield opcodes from where it is; past the end there is a STOP, in its own place."""
        code, end = self._raw_code_bytes, self._length_cache
        while self.program_counter < end:
            self.program_counter += 1
            yield code[self.program_counter - 1]
        self.program_counter += 1
        yield STOP

    def is_valid_opcode(self, position: int) -> bool:
        """Return whether a JUMPDEST byte at this position is an instruction, not PUSH data."""
        return self.program.is_destination(position)


class GasLeft:
    """Gas of one frame, as py-evm's meter keeps it."""

    __slots__ = ("gas_refunded", "gas_remaining", "start_gas")

    def __init__(self, gas: int) -> None:
        self.start_gas = self.gas_remaining = gas
        self.gas_refunded = 0

    def consume_gas(self, amount: int, reason: str) -> None:
        """Take gas. Raises OutOfGas."""
        left = self.gas_remaining - amount
        if left < 0:
            error = OutOfGas(f"{reason} takes {amount} gas, {self.gas_remaining} is left")
            error.needed = amount  # type: ignore[attr-defined] # exceptions take any attribute
            raise error
        self.gas_remaining = left

    def return_gas(self, amount: int) -> None:
        """Give back what a call left."""
        self.gas_remaining += amount

    def refund_gas(self, amount: int) -> None:
        """Add to what is paid back at the end, or take from it."""
        self.gas_refunded += amount


class Words(Stack):
    """The stack, of numbers alone, which is what compiled code finds on it."""

    __slots__ = ()

    def __init__(self) -> None:
        self.values = []

    def push_int(self, value: int) -> None:
        """Push a number."""
        if len(self.values) >= STACK_LIMIT:
            raise FullStack("Stack limit reached")
        self.values.append(value)

    def push_bytes(self, value: bytes) -> None:
        """Push what bytes say."""
        self.push_int(int.from_bytes(value, "big"))

    def dup(self, position: int) -> None:
        """Push a word that is on the stack again, 1 for the top."""
        if len(self.values) < position:
            raise InsufficientStack(f"Insufficient stack items for DUP{position}")
        self.push_int(int(self.values[-position]))

    def pop1_any(self) -> int | bytes:
        """Take the top word."""
        if not self.values:
            raise InsufficientStack("Wanted 1 stack item, had none")
        return self.values.pop()


class CallMessage:
    """The message of a frame, under py-evm's names."""

    __slots__ = (
        "called", "code", "code_address", "data", "depth", "gas", "is_delegation", "is_static",
        "sender", "should_transfer_value", "storage_address", "to", "value",
    )  # fmt: skip
    is_create = False
    create_address = None
    refund = 0

    def __init__(
        self, gas: int, sender: bytes, to: bytes, value: int, data: bytes, depth: int
    ) -> None:
        self.gas = gas
        self.sender = sender
        self.to = self.storage_address = to
        self.value = value
        self.data = data
        self.depth = depth
        self.code: bytes = b""
        self.code_address = self.called = to
        self.should_transfer_value = True
        self.is_static = False
        self.is_delegation = False

    @property
    def data_as_bytes(self) -> bytes:
        """Return the input."""
        return self.data
