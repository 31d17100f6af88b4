"""Our execution of messages against py-evm's own."""

from __future__ import annotations

from typing import Any

from eth.exceptions import OutOfGas
from eth.vm.code_stream import CodeStream
from eth.vm.forks.prague.computation import PragueComputation
from hypothesis import given
from hypothesis import strategies as st

from evm_dex.evm.compiler.program import Program
from evm_dex.evm.computation import Computation

JUMPDEST = 0x5B
CODES = st.lists(
    st.one_of(st.just(JUMPDEST), st.integers(0x5F, 0x7F), st.integers(0, 255)), max_size=120
).map(bytes)


@given(CODES)
def test_jumps_go_where_py_evm_lets_them(code: bytes) -> None:
    stream = CodeStream(code)
    allowed = {at for at, opcode in enumerate(code) if opcode == JUMPDEST}
    found = {at for at in range(len(code) + 40) if Program(code).is_destination(at)}
    assert found == {at for at in allowed if stream.is_valid_opcode(at)}


class Meter:
    """What an opcode sees of a computation before its own logic runs."""

    def __init__(self, gas: int) -> None:
        self.gas_remaining = gas
        self._gas_meter = self

    def consume_gas(self, amount: int, reason: str) -> None:
        if amount > self.gas_remaining:
            raise OutOfGas(reason)
        self.gas_remaining -= amount


def outcome(opcode: Any, gas: int) -> tuple[str, int]:
    meter = Meter(gas)
    try:
        opcode(computation=meter)
    except Exception as error:  # what the logic misses of a real computation, or OutOfGas
        return type(error).__name__, meter.gas_remaining
    return "", meter.gas_remaining


@given(st.sampled_from(sorted(PragueComputation.opcodes)), st.integers(0, 40_000))
def test_every_opcode_takes_the_gas_that_py_evm_takes(number: int, gas: int) -> None:
    """Also which error comes first, and what gas is left after it; names are those of py-evm."""
    ours: Any = Computation.opcodes[number]
    theirs: Any = PragueComputation.opcodes[number]
    assert outcome(ours, gas) == outcome(theirs, gas)
    assert getattr(ours, "mnemonic", None) == getattr(theirs, "mnemonic", None)
