"""The commonest opcodes without what py-evm's pay for: they do what goes well, and else call those.

The stack holds numbers alone, which `Computation.stack_push_bytes` sees to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evm_dex.evm.compiler.arithmetic import FUNCTIONS
from evm_dex.evm.compiler.path import STACK_LIMIT

Opcode = Callable[[Any], Any]
_PUSH0, _DUP1, _SWAP1 = 0x5F, 0x80, 0x90
_BINARY = {
    0x01: ("add", 3), 0x02: ("mul", 5), 0x03: ("sub", 3), 0x04: ("div", 5), 0x06: ("mod", 5),
    0x10: ("lt", 3), 0x12: ("slt", 3), 0x14: ("eq", 3), 0x16: ("and", 3), 0x17: ("or", 3),
    0x18: ("xor", 3), 0x1B: ("shl", 3), 0x1C: ("shr", 3),
}  # fmt: skip


def quicken(opcodes: list[Opcode]) -> list[Opcode]:
    """Return a table of all opcodes by number, the commonest of them quicker."""
    quick = opcodes.copy()
    for number, (name, gas) in _BINARY.items():
        quick[number] = _binary(FUNCTIONS[name], gas, opcodes[number])
    for size in range(33):
        quick[_PUSH0 + size] = _push(size, opcodes[_PUSH0 + size])
    for depth in range(1, 17):
        quick[_DUP1 + depth - 1] = _duplicate(depth, opcodes[_DUP1 + depth - 1])
        quick[_SWAP1 + depth - 1] = _swap(depth, opcodes[_SWAP1 + depth - 1])
    return quick


def _binary(function: Callable[..., int], gas: int, other: Opcode) -> Opcode:
    def run(computation: Any) -> Any:
        meter, words = computation._gas_meter, computation._stack.values
        left = meter.gas_remaining - gas
        if left < 0 or len(words) < 2:
            return other(computation)
        meter.gas_remaining = left
        top = words.pop()
        words[-1] = function(top, words[-1])
        return None

    return run


def _push(size: int, other: Opcode) -> Opcode:
    gas = 3 if size else 2

    def run(computation: Any) -> Any:
        meter, words = computation._gas_meter, computation._stack.values
        left = meter.gas_remaining - gas
        if left < 0 or len(words) >= STACK_LIMIT:
            return other(computation)
        meter.gas_remaining = left
        stream = computation.code
        start = stream.program_counter
        stream.program_counter = end = start + size
        words.append(int.from_bytes(stream.program.padded[start:end]))
        return None

    return run


def _duplicate(depth: int, other: Opcode) -> Opcode:
    def run(computation: Any) -> Any:
        meter, words = computation._gas_meter, computation._stack.values
        left = meter.gas_remaining - 3
        if left < 0 or not depth <= len(words) < STACK_LIMIT:
            return other(computation)
        meter.gas_remaining = left
        words.append(words[-depth])
        return None

    return run


def _swap(depth: int, other: Opcode) -> Opcode:
    deep = -1 - depth

    def run(computation: Any) -> Any:
        meter, words = computation._gas_meter, computation._stack.values
        left = meter.gas_remaining - 3
        if left < 0 or len(words) <= depth:
            return other(computation)
        meter.gas_remaining = left
        words[-1], words[deep] = words[deep], words[-1]
        return None

    return run
