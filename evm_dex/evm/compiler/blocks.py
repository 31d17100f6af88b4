"""Basic blocks, which the interpreter runs where there is no trace.

A block's fixed gas and bounds on the stack are checked once (as by evmone's advanced interpreter).
No opcode is in many, so all blocks of some code together are a few times as long as it at most.
"""

from __future__ import annotations

import re
from typing import Any

from evm_dex.evm.compiler.block_steps import STEPS, Run, gas_left, push, small_push
from evm_dex.evm.compiler.path import STACK_LIMIT

JUMPDEST = 0x5B
_PC, _GAS, _PUSH1, _PUSH32 = 0x58, 0x5A, 0x60, 0x7F
_run_of_jumpdests: Any = re.compile(rb"\x5b+").match
_SHORT = 8
"""A block of fewer steps goes on behind a jump destination, with what others have too."""
_MOST_SMALL = 2**16
_STEPS = [STEPS.get(opcode) for opcode in range(256)]


Block = tuple[int, int, int, tuple[Run, ...], int, int]
"""Opcodes that run one after the other, as long as they touch only their frame.

Their fixed gas, how many words must be on the stack and how many may be, the opcodes, where they
end, and the opcode there: JUMPDEST where just another block follows.
"""


def block_at(code: bytes, start: int, note: Run | None = None) -> Block:
    """Read the block that starts somewhere in code with zeros after it.

    With a `note`, which is its first step then, it ends at every jump destination.
    """
    position, gas = start, 0
    if code[start] == JUMPDEST:
        if code[start + 1] == JUMPDEST and note is None:  # all but the last of several
            end = _run_of_jumpdests(code, start).end() - 1
            return end - start, 0, STACK_LIMIT, (), end, JUMPDEST
        position, gas = start + 1, 1
    steps: list[Run] = [] if note is None else [note]
    is_joined = note is None
    reads_of_gas: list[tuple[int, int]] = []
    height = lowest = highest = 0
    while True:
        opcode = code[position]
        step = _STEPS[opcode]
        if step is not None:
            run, cost, takes, gives = step
            steps.append(run)
            if takes > height - lowest:
                lowest = height - takes
            height += gives - takes
        elif _PUSH1 <= opcode <= _PUSH32:
            size, cost = opcode - _PUSH1 + 1, 3
            word = int.from_bytes(code[position + 1 : position + 1 + size])
            steps.append(small_push(word) if word < _MOST_SMALL else push(word))
            height += 1
            position += size
        elif opcode == JUMPDEST and is_joined and _is_worth_joining(code, position, steps):
            gas += 1
            position += 1
            continue
        elif opcode in (_PC, _GAS):
            cost = 2
            if opcode == _GAS:
                reads_of_gas.append((len(steps), gas + cost))
            steps.append(small_push(position))
            height += 1
        else:
            break
        highest = max(highest, height)
        gas += cost
        position += 1
    for index, before in reads_of_gas:
        steps[index] = gas_left(gas - before)
    return gas, -lowest, STACK_LIMIT - highest, tuple(steps), position, opcode


def _is_worth_joining(code: bytes, position: int, steps: list[Run]) -> bool:
    """Tell whether a block goes on behind the jump destination where it has come to."""
    return len(steps) < _SHORT and code[position + 1] != JUMPDEST


def step_at(code: bytes, start: int, index: int) -> tuple[int, int]:
    """Return where a block's step of that number is, and the fixed gas of those before it."""
    position, gas = start, 0
    for _ in range(index):
        while code[position] == JUMPDEST:
            position, gas = position + 1, gas + 1
        opcode = code[position]
        step = _STEPS[opcode]
        size = opcode - _PUSH1 + 1 if _PUSH1 <= opcode <= _PUSH32 else 0
        gas += step.gas if step else 3 if size else 2
        position += 1 + size
    while code[position] == JUMPDEST:
        position, gas = position + 1, gas + 1
    return position, gas
