"""Executing code: traces where there are some, py-evm's opcodes one by one elsewhere."""

from __future__ import annotations

from typing import Any

from evm_dex.evm.compiler.program import Program
from evm_dex.evm.compiler.runtime import first_look, look

_JUMPDEST, _JUMPI = 0x5B, 0x57


def execute(computation: Any) -> None:
    """Run a computation's code to its end. Raises py-evm's Halt and VMError, TookTooLong."""
    stream, table = computation.code, computation.table
    program: Program = stream.program
    code = program.padded
    computation.next_look = first_look(computation)
    position = _run_traces(computation, program, 0)
    while position is not None:
        opcode = code[position]
        while True:
            stream.program_counter = position + 1
            table[opcode](computation)
            if opcode == _JUMPI:
                is_taken = stream.program_counter != position + 1
                program.count_branch(position, is_taken=is_taken)
            position = stream.program_counter
            opcode = code[position]
            if opcode == _JUMPDEST:
                break
        position = _run_traces(computation, program, position)


def _run_traces(computation: Any, program: Program, position: int) -> int | None:
    """Run on from a position; where the interpreter has to go on, or None at the end."""
    traces, meter = program.traces, computation._gas_meter
    while True:
        if meter.gas_remaining <= computation.next_look:
            look(computation, meter.gas_remaining)
        trace = traces.get(position) or program.pass_by(position)
        if trace is None:
            return position
        following = trace(computation)
        if following is None:
            return None
        if following < 0:
            return ~following
        position = following
