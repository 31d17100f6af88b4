"""Py-evm's execution of messages, without what it pays for at every opcode and every call.

Taking the gas of an opcode goes through three methods there; here it is part of the opcode. And
where code may be jumped to is found out once per code, not once per execution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from eth.exceptions import OutOfGas
from eth.vm.code_stream import CodeStream
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.opcode import _FastOpcode

_JUMPDEST, _PUSH1, _PUSH32 = 0x5B, 0x60, 0x7F
_CODES_REMEMBERED = 256


class Code(CodeStream):
    """Code that is run, and where it is in it."""

    def is_valid_opcode(self, position: int) -> bool:
        """Whether a jump may go there; asked of positions with a JUMPDEST alone."""
        return position in jump_destinations(self._raw_code_bytes)


@lru_cache(_CODES_REMEMBERED)
def jump_destinations(code: bytes) -> frozenset[int]:
    """Positions of the JUMPDESTs that are no part of pushed data (Yellow Paper, 9.4.3)."""
    found = []
    position = 0
    while position < len(code):
        opcode = code[position]
        if opcode == _JUMPDEST:
            found.append(position)
        elif _PUSH1 <= opcode <= _PUSH32:
            position += opcode - _PUSH1 + 1
        position += 1
    return frozenset(found)


def _metered(opcode: Any) -> Any:
    """An opcode of fixed cost that takes its gas itself. Others are left as they are."""
    if type(opcode) is not _FastOpcode:
        return opcode
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
    return run


def _all_metered(opcodes: Mapping[int, Any]) -> dict[int, Any]:
    return {number: _metered(opcode) for number, opcode in opcodes.items()}


class Computation(PragueComputation):
    """One message in execution, under the rules of Prague."""

    opcodes = _all_metered(PragueComputation.opcodes)

    def __init__(self, state: Any, message: Any, transaction_context: Any) -> None:
        super().__init__(state, message, transaction_context)
        self.code = Code(message.code)
