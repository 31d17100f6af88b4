"""Handlers of opcodes, which write what each comes to in a trace.

What needs more of the machine than a few lines is a function of `runtime.py`, or py-evm's own
opcode on the real stack.
"""

from __future__ import annotations

from evm_dex.evm.compiler.builder import Builder, Handler
from evm_dex.evm.compiler.control import jump, jumpdest, jumpi
from evm_dex.evm.compiler.effects import (
    by_py_evm,
    log,
    of_account,
    return_opcode,
    revert,
    send,
    sload,
    sstore,
    stop,
    tload,
    tstore,
)
from evm_dex.evm.compiler.memory import (
    copy,
    keccak256,
    mcopy,
    mload,
    mstore,
    mstore8,
    pay,
    returndatacopy,
)
from evm_dex.evm.compiler.path import Path
from evm_dex.evm.compiler.values import Value


def _push(size: int) -> Handler:
    gas = 3 if size else 2

    def write(builder: Builder, path: Path) -> bool:
        start = path.position + 1
        path.position = end = start + size
        word = int.from_bytes(builder.code[start:end])
        if end > len(builder.code):  # zeros follow it
            word <<= 8 * (end - max(start, len(builder.code)))
        path.stack.append(path.values.constant(word))
        path.gas += gas
        return True

    return write


def _duplicate(depth: int) -> Handler:
    def write(_: Builder, path: Path) -> bool:
        path.duplicate(depth)
        path.gas += 3
        return True

    return write


def _swap(depth: int) -> Handler:
    def write(_: Builder, path: Path) -> bool:
        path.swap(depth)
        path.gas += 3
        return True

    return write


def _pop(_: Builder, path: Path) -> bool:
    path.pop()
    path.gas += 2
    return True


def _operation(name: str, gas: int, arguments: int, *, is_swapped: bool = False) -> Handler:
    def write(_: Builder, path: Path) -> bool:
        stack = path.stack
        if len(stack) < arguments:
            path.need(arguments)
        words = stack[-arguments:]
        if not is_swapped:
            words.reverse()
        stack[-arguments:] = (path.values.make(name, *words),)
        path.gas += gas
        return True

    return write


def _not(_: Builder, path: Path) -> bool:
    ones = path.values.constant(2**256 - 1)
    path.stack.append(path.values.make("xor", path.pop(), ones))
    path.gas += 3
    return True


def _exp(builder: Builder, path: Path) -> bool:
    moment = path.moment()
    base, exponent = path.pop(), path.pop()
    path.gas += 10
    if exponent.constant is not None:
        path.gas += 50 * ((exponent.constant.bit_length() + 7) // 8)
    else:
        name = builder.writer.atom(exponent)
        pay(builder, f"({name}.bit_length() + 7) // 8 * 50", moment)
    path.stack.append(path.values.make("exp", base, exponent))
    return True


# What a frame is told


def _constant_of_frame(text: str, gas: int, *, uses: str = "", high: int = 2**256 - 1) -> Handler:
    """Return a word that is the same all through a frame."""

    def write(builder: Builder, path: Path) -> bool:
        if uses:
            builder.uses.add(uses)
        path.stack.append(builder.constant_of_frame(text, high))
        path.gas += gas
        return True

    return write


def _looked_up(text: str, gas: int, *, uses: str = "") -> Handler:
    """Return a word that is what it is at this moment."""

    def write(builder: Builder, path: Path) -> bool:
        if uses:
            builder.uses.add(uses)
        path.stack.append(builder.writer.result(text))
        path.gas += gas
        return True

    return write


def _calldataload(builder: Builder, path: Path) -> bool:
    builder.uses.add("d")
    path.stack.append(path.values.make("calldata", path.pop()))
    path.gas += 3
    return True


def _program_counter(_: Builder, path: Path) -> bool:
    path.stack.append(path.values.constant(path.position))
    path.gas += 2
    return True


def _codesize(builder: Builder, path: Path) -> bool:
    path.stack.append(path.values.constant(len(builder.code)))
    path.gas += 2
    return True


def _gas(builder: Builder, path: Path) -> bool:
    path.gas += 2
    moment, value, writer = path.moment(), Value("result"), builder.writer
    name = writer.new_variable()
    writer.write(lambda: f"{name} = {moment.gas_left()}")
    writer.bind(value, name)
    path.stack.append(value)
    return True


_LENGTH = 2**63 - 1
_ADDRESS = 2**160 - 1

HANDLERS: dict[int, Handler] = {
    0x00: stop,
    0x01: _operation("add", 3, 2),
    0x02: _operation("mul", 5, 2),
    0x03: _operation("sub", 3, 2),
    0x04: _operation("div", 5, 2),
    0x05: _operation("sdiv", 5, 2),
    0x06: _operation("mod", 5, 2),
    0x07: _operation("smod", 5, 2),
    0x08: _operation("addmod", 8, 3),
    0x09: _operation("mulmod", 8, 3),
    0x0A: _exp,
    0x0B: _operation("signextend", 5, 2),
    0x10: _operation("lt", 3, 2),
    0x11: _operation("lt", 3, 2, is_swapped=True),
    0x12: _operation("slt", 3, 2),
    0x13: _operation("slt", 3, 2, is_swapped=True),
    0x14: _operation("eq", 3, 2),
    0x15: _operation("iszero", 3, 1),
    0x16: _operation("and", 3, 2),
    0x17: _operation("or", 3, 2),
    0x18: _operation("xor", 3, 2),
    0x19: _not,
    0x1A: _operation("byte", 3, 2),
    0x1B: _operation("shl", 3, 2),
    0x1C: _operation("shr", 3, 2),
    0x1D: _operation("sar", 3, 2),
    0x20: keccak256,
    0x30: _constant_of_frame("from_bytes(A)", 2, uses="A", high=_ADDRESS),
    0x31: of_account("balance"),
    0x32: _constant_of_frame("from_bytes(c.transaction_context.origin)", 2, high=_ADDRESS),
    0x33: _constant_of_frame("from_bytes(c.msg.sender)", 2, high=_ADDRESS),
    0x34: _constant_of_frame("c.msg.value", 2),
    0x35: _calldataload,
    0x36: _constant_of_frame("len(d)", 2, uses="d", high=_LENGTH),
    0x37: copy("d", "d"),
    0x38: _codesize,
    0x39: copy("CODE", ""),
    0x3A: _constant_of_frame("c.transaction_context.gas_price", 2),
    0x3B: of_account("codesize"),
    0x3C: by_py_evm(0x3C, 4),
    0x3D: _looked_up("len(c.return_data)", 2),
    0x3E: returndatacopy,
    0x3F: by_py_evm(0x3F, 1),
    0x40: by_py_evm(0x40, 1),
    0x41: _constant_of_frame("from_bytes(c.state.coinbase)", 2, high=_ADDRESS),
    0x42: _constant_of_frame("c.state.timestamp", 2),
    0x43: _constant_of_frame("c.state.block_number", 2),
    0x44: _constant_of_frame("from_bytes(c.state.mix_hash)", 2),
    0x45: _constant_of_frame("c.state.gas_limit", 2),
    0x46: _constant_of_frame("c.state.execution_context.chain_id", 2),
    0x47: _looked_up("c.state.get_balance(A)", 5, uses="A"),
    0x48: _constant_of_frame("c.state.base_fee", 2),
    0x49: by_py_evm(0x49, 1),
    0x4A: _constant_of_frame("c.state.blob_base_fee", 2),
    0x50: _pop,
    0x51: mload,
    0x52: mstore,
    0x53: mstore8,
    0x54: sload,
    0x55: sstore,
    0x56: jump,
    0x57: jumpi,
    0x58: _program_counter,
    0x59: _looked_up("n", 2, uses="memory"),
    0x5A: _gas,
    0x5B: jumpdest,
    0x5C: tload,
    0x5D: tstore,
    0x5E: mcopy,
    **{0x5F + size: _push(size) for size in range(33)},
    **{0x7F + depth: _duplicate(depth) for depth in range(1, 17)},
    **{0x8F + depth: _swap(depth) for depth in range(1, 17)},
    **{0xA0 + topics: log(topics) for topics in range(5)},
    0xF0: by_py_evm(0xF0, 3),
    0xF1: send(0xF1),
    0xF2: send(0xF2),
    0xF3: return_opcode,
    0xF4: send(0xF4),
    0xF5: by_py_evm(0xF5, 4),
    0xFA: send(0xFA),
    0xFD: revert,
}
"""Opcodes by number; one that isn't here is left to the interpreter."""
