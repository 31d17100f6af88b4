"""Executing code: traces where there are some, py-evm's opcodes one by one elsewhere."""

from __future__ import annotations

from typing import Any

from evm_dex.evm.compiler.program import Program
from evm_dex.evm.compiler.runtime import first_look, look

_JUMPDEST, _JUMPI = 0x5B, 0x57
_MOST_COUNTED = 255


def execute(computation: Any) -> None:
    """Run a computation's code to its end. Raises py-evm's Halt and VMError, TookTooLong."""
    stream, table = computation.code, computation.table
    program: Program = stream.program
    code, counts, hot = program.padded, program.counts, program.hot_after
    taken, passed = program.taken, program.passed
    meter = computation._gas_meter
    computation.next_look = first_look(computation)
    position = _run_traces(computation, program, 0)
    while position is not None:
        opcode = code[position]
        while True:
            stream.program_counter = position + 1
            table[opcode](computation)
            if opcode == _JUMPI:
                ways = passed if stream.program_counter == position + 1 else taken
                if ways[position] < _MOST_COUNTED:
                    ways[position] += 1
            position = stream.program_counter
            opcode = code[position]
            if opcode == _JUMPDEST:
                count = counts[position]
                if count >= hot or meter.gas_remaining <= computation.next_look:
                    break
                counts[position] = count + 1
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
