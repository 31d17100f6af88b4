"""Executing code: traces where there are some, basic blocks elsewhere, py-evm's opcodes between."""

from __future__ import annotations

from typing import Any

from eth.exceptions import InvalidJumpDestination, OutOfGas, Revert, VMError

from evm_dex.evm.compiler.block_steps import FrameFails
from evm_dex.evm.compiler.blocks import JUMPDEST, step_at
from evm_dex.evm.compiler.program import Program
from evm_dex.evm.compiler.runtime import first_look, look

_STOP, _JUMP, _JUMPI = 0x00, 0x56, 0x57
_JUMP_GAS, _JUMPI_GAS = 8, 10
_MOST_COUNTED = 255


def execute(computation: Any) -> None:
    """Run a computation's code to its end. Raises py-evm's Halt and VMError, TookTooLong."""
    program: Program = computation.code.program
    computation.next_look = first_look(computation)
    try:
        position = _run_traces(computation, program, 0)
        while position is not None:
            position = _run_blocks(computation, program, position)
            if position is not None:
                position = _run_traces(computation, program, position)
    except (Revert, InvalidJumpDestination):  # behind which nothing follows but other heads
        raise
    except VMError:
        program.failed(computation.code.program_counter - 1)
        raise


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


def _run_blocks(c: Any, program: Program, position: int) -> int | None:
    """Run on from a position to where a trace may start, or None at the end."""
    words, meter, stream, table = c._stack.values, c._gas_meter, c.code, c.table
    blocks, counts, hot = program.blocks, program.counts, program.hot_after
    while True:
        gas, needs, most, steps, end, opcode = blocks.get(position) or program.read_block(position)
        left = meter.gas_remaining - gas
        if left < 0 or not needs <= len(words) <= most:
            program.came_by(c, position)
            _fail(c, position)
        meter.gas_remaining = left
        rest, memory = iter(steps), c._memory._bytes
        try:
            for step in rest:
                step(c, words, memory)
        except FrameFails:
            done = len(steps) - 1 - _length(rest) - program.notes
            place, before = step_at(program.padded, position, done)
            meter.gas_remaining += gas - before
            _fail(c, place)
        if opcode == JUMPDEST:
            position = end
            continue
        if opcode == _STOP:
            return None
        if opcode in (_JUMP, _JUMPI):
            following = _jump(meter, words, program, end, opcode)
            if following >= 0:
                position = following
                if opcode == _JUMPI and position == end + 1:
                    continue
                count = counts[position]
                if count >= hot or meter.gas_remaining <= c.next_look:
                    return position
                counts[position] = count + 1
                continue
        stream.program_counter = end + 1
        table[opcode](c)
        position = stream.program_counter


def _length(rest: Any) -> int:
    length: int = rest.__length_hint__()
    return length


def _jump(meter: Any, words: list[int], program: Program, end: int, opcode: int) -> int:
    """Jump, or not; to where, or -1 with nothing done where py-evm's opcode has to fail."""
    if opcode == _JUMP:
        left = meter.gas_remaining - _JUMP_GAS
        if left < 0 or not words or not program.is_destination(words[-1]):
            return -1
        meter.gas_remaining = left
        return words.pop()
    left = meter.gas_remaining - _JUMPI_GAS
    if left < 0 or len(words) < 2:
        return -1
    if words[-2]:
        following = words[-1]
        if not program.is_destination(following):
            return -1
        ways = program.taken
    else:
        following, ways = end + 1, program.passed
    if ways[end] < _MOST_COUNTED:
        ways[end] += 1
    meter.gas_remaining = left
    del words[-2:]
    return following


def _fail(c: Any, position: int) -> None:
    """End a frame inside a block: for what reason py-evm's opcodes say where anyone asks."""
    config = c.state.config
    if c.msg.depth and not config.records_calls and config.watch is None:
        raise OutOfGas("too little for a block, or too high or low a stack")
    stream, table, code = c.code, c.table, c.code.program.padded
    while True:
        stream.program_counter = position + 1
        table[code[position]](c)
        position = stream.program_counter
