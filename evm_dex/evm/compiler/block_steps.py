"""Steps of a basic block in the interpreter: opcodes that touch stack and memory of a frame alone.

What they cost beside memory, hashing and copying is taken by block, ahead. One that can't be done
ends the frame whatever follows, since gas that is missing inside a block is missing at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from struct import Struct
from typing import Any, NamedTuple

from sha3 import keccak_256

from evm_dex.evm.compiler.arithmetic import FUNCTIONS, WORD, signed
from evm_dex.evm.compiler.runtime import growth

_MOST_SHARED = 2**16
_WORD_BYTES = 32
_from_bytes = int.from_bytes
_word = Struct("32s")
_read_word, _write_word = _word.unpack_from, _word.pack_into


class FrameFails(Exception):  # noqa: N818 - named for what happened, like all errors here
    """A step can't be done, and so neither can its block."""


Run = Callable[[Any, list[int], bytearray], object]
"""Given a computation, the words of its stack, and its memory."""


class BlockStep(NamedTuple):
    """One opcode."""

    run: Run
    gas: int
    takes: int
    """Words that must be on the stack."""
    gives: int
    """Words that are there in their place after it."""


def _operation(name: str) -> Run:
    function = FUNCTIONS[name]
    arity = _ARITIES.get(name, 2)

    def one(_: Any, words: list[int], __: bytearray) -> None:
        words.append(function(words.pop()))

    def two(_: Any, words: list[int], __: bytearray) -> None:
        words.append(function(words.pop(), words.pop()))

    def three(_: Any, words: list[int], __: bytearray) -> None:
        words.append(function(words.pop(), words.pop(), words.pop()))

    return (one, two, three)[arity - 1]


_ARITIES = {"iszero": 1, "addmod": 3, "mulmod": 3}


def _greater(_: Any, words: list[int], __: bytearray) -> None:
    words.append(+(words.pop() > words.pop()))


def _signed_greater(_: Any, words: list[int], __: bytearray) -> None:
    words.append(+(signed(words.pop()) > signed(words.pop())))


def _not(_: Any, words: list[int], __: bytearray) -> None:
    words.append(words.pop() ^ WORD)


def _pop(_: Any, words: list[int], __: bytearray) -> None:
    del words[-1]


def duplicate(depth: int) -> Run:
    """DUP1 to DUP16."""

    def run(_: Any, words: list[int], __: bytearray) -> None:
        words.append(words[-depth])

    return run


def swap(depth: int) -> Run:
    """SWAP1 to SWAP16."""
    deep = -1 - depth

    def run(_: Any, words: list[int], __: bytearray) -> None:
        words[-1], words[deep] = words[deep], words[-1]

    return run


def push(word: int) -> Run:
    """PUSH0 to PUSH32, and what else is known from the code alone."""

    def run(_: Any, words: list[int], __: bytearray) -> None:
        words.append(word)

    return run


small_push = lru_cache(_MOST_SHARED)(push)
"""The same for words that come up often, shared by all code."""


@lru_cache(_MOST_SHARED)
def gas_left(rest: int) -> Run:
    """GAS, where so much is taken already of what follows it."""

    def run(c: Any, words: list[int], _: bytearray) -> None:
        words.append(c._gas_meter.gas_remaining + rest)

    return run


# What a frame is told


def _told(read: Callable[[Any], int]) -> Run:
    def run(c: Any, words: list[int], _: bytearray) -> None:
        words.append(read(c))

    return run


def _told_bytes(read: Callable[[Any], bytes]) -> Run:
    def run(c: Any, words: list[int], _: bytearray) -> None:
        words.append(_from_bytes(read(c)))

    return run


def _calldataload(c: Any, words: list[int], _: bytearray) -> None:
    start, data = words.pop(), c.msg.data
    beyond = start + _WORD_BYTES - len(data)
    if beyond <= 0:
        words.append(_from_bytes(_read_word(data, start)[0]))
    else:
        words.append(_from_bytes(data[start:]) << 8 * beyond if beyond < _WORD_BYTES else 0)


def _blobhash(c: Any, words: list[int], _: bytearray) -> None:
    hashes, index = c.transaction_context.blob_versioned_hashes, words[-1]
    words[-1] = _from_bytes(hashes[index]) if index < len(hashes) else 0


# Memory


def _reach(c: Any, memory: bytearray, start: int, size: int, gas: int = 0) -> None:
    """Let memory reach what an opcode touches, and take gas on top. Raises FrameFails."""
    end, meter = start + size, c._gas_meter
    grows = size and end > len(memory)
    if grows:
        gas += growth(len(memory), end)
    if gas > meter.gas_remaining:
        raise FrameFails
    meter.gas_remaining -= gas
    if grows:
        memory.extend(bytes(-(-end // _WORD_BYTES) * _WORD_BYTES - len(memory)))


def _word_gas(size: int, per_word: int) -> int:
    return (size + _WORD_BYTES - 1) // _WORD_BYTES * per_word


def _mload(c: Any, words: list[int], memory: bytearray) -> None:
    start = words.pop()
    if start + _WORD_BYTES > len(memory):
        words.append(start)  # stays there if this fails
        _reach(c, memory, start, _WORD_BYTES)
        del words[-1]
    words.append(_from_bytes(_read_word(memory, start)[0]))


def _msize(_: Any, words: list[int], memory: bytearray) -> None:
    words.append(len(memory))


def _mstore(c: Any, words: list[int], memory: bytearray) -> None:
    start = words[-1]
    if start + _WORD_BYTES > len(memory):
        _reach(c, memory, start, _WORD_BYTES)
    _write_word(memory, start, words[-2].to_bytes(_WORD_BYTES))
    del words[-2:]


def _mstore8(c: Any, words: list[int], memory: bytearray) -> None:
    start = words[-1]
    if start >= len(memory):
        _reach(c, memory, start, 1)
    memory[start] = words[-2] & 0xFF
    del words[-2:]


def _keccak256(c: Any, words: list[int], memory: bytearray) -> None:
    start, size = words[-1], words[-2]
    _reach(c, memory, start, size, _word_gas(size, 6))
    words[-2:] = (_from_bytes(keccak_256(memory[start : start + size]).digest()),)


def _copy(read: Callable[[Any], bytes]) -> Run:
    """CALLDATACOPY and CODECOPY: what is beyond the end is 0."""

    def run(c: Any, words: list[int], memory: bytearray) -> None:
        size = words[-3]
        if size:
            to, start = words[-1], words[-2]
            _reach(c, memory, to, size, _word_gas(size, 3))
            memory[to : to + size] = read(c)[start : start + size].ljust(size, b"\0")
        del words[-3:]

    return run


def _returndatacopy(c: Any, words: list[int], memory: bytearray) -> None:
    start, size = words[-2], words[-3]
    if start + size > len(c.return_data):
        raise FrameFails
    if size:
        to = words[-1]
        _reach(c, memory, to, size, _word_gas(size, 3))
        memory[to : to + size] = c.return_data[start : start + size]
    del words[-3:]


def _mcopy(c: Any, words: list[int], memory: bytearray) -> None:
    size = words[-3]
    if size:
        to, start = words[-1], words[-2]
        _reach(c, memory, max(to, start), size, _word_gas(size, 3))
        memory[to : to + size] = memory[start : start + size]
    del words[-3:]


STEPS: dict[int, BlockStep] = {
    **{
        number: BlockStep(_operation(name), gas, _ARITIES.get(name, 2), 1)
        for number, name, gas in (
            (0x01, "add", 3), (0x02, "mul", 5), (0x03, "sub", 3), (0x04, "div", 5),
            (0x05, "sdiv", 5), (0x06, "mod", 5), (0x07, "smod", 5), (0x08, "addmod", 8),
            (0x09, "mulmod", 8), (0x0B, "signextend", 5), (0x10, "lt", 3), (0x12, "slt", 3),
            (0x14, "eq", 3), (0x15, "iszero", 3), (0x16, "and", 3), (0x17, "or", 3),
            (0x18, "xor", 3), (0x1A, "byte", 3), (0x1B, "shl", 3), (0x1C, "shr", 3),
            (0x1D, "sar", 3),
        )
    },
    0x11: BlockStep(_greater, 3, 2, 1),
    0x13: BlockStep(_signed_greater, 3, 2, 1),
    0x19: BlockStep(_not, 3, 1, 1),
    0x20: BlockStep(_keccak256, 30, 2, 1),
    0x30: BlockStep(_told_bytes(attrgetter("msg.storage_address")), 2, 0, 1),
    0x32: BlockStep(_told_bytes(attrgetter("transaction_context.origin")), 2, 0, 1),
    0x33: BlockStep(_told_bytes(attrgetter("msg.sender")), 2, 0, 1),
    0x34: BlockStep(_told(attrgetter("msg.value")), 2, 0, 1),
    0x35: BlockStep(_calldataload, 3, 1, 1),
    0x36: BlockStep(_told(lambda c: len(c.msg.data)), 2, 0, 1),
    0x37: BlockStep(_copy(lambda c: c.msg.data), 3, 3, 0),
    0x38: BlockStep(_told(lambda c: len(c.code)), 2, 0, 1),
    0x39: BlockStep(_copy(lambda c: c.code.program.code), 3, 3, 0),
    0x3A: BlockStep(_told(attrgetter("transaction_context.gas_price")), 2, 0, 1),
    0x3D: BlockStep(_told(lambda c: len(c.return_data)), 2, 0, 1),
    0x3E: BlockStep(_returndatacopy, 3, 3, 0),
    0x41: BlockStep(_told_bytes(attrgetter("state.execution_context.coinbase")), 2, 0, 1),
    0x42: BlockStep(_told(attrgetter("state.execution_context.timestamp")), 2, 0, 1),
    0x43: BlockStep(_told(attrgetter("state.execution_context.block_number")), 2, 0, 1),
    0x44: BlockStep(_told_bytes(attrgetter("state.execution_context.mix_hash")), 2, 0, 1),
    0x45: BlockStep(_told(attrgetter("state.execution_context.gas_limit")), 2, 0, 1),
    0x46: BlockStep(_told(attrgetter("state.execution_context.chain_id")), 2, 0, 1),
    0x47: BlockStep(_told(lambda c: c.state.get_balance(c.msg.storage_address)), 5, 0, 1),
    0x48: BlockStep(_told(attrgetter("state.execution_context.base_fee_per_gas")), 2, 0, 1),
    0x49: BlockStep(_blobhash, 3, 1, 1),
    0x4A: BlockStep(_told(attrgetter("state.blob_base_fee")), 2, 0, 1),
    0x50: BlockStep(_pop, 2, 1, 0),
    0x51: BlockStep(_mload, 3, 1, 1),
    0x52: BlockStep(_mstore, 3, 2, 0),
    0x53: BlockStep(_mstore8, 3, 2, 0),
    0x59: BlockStep(_msize, 2, 0, 1),
    0x5E: BlockStep(_mcopy, 3, 3, 0),
    0x5F: BlockStep(push(0), 2, 0, 1),
    **{0x7F + depth: BlockStep(duplicate(depth), 3, depth, depth + 1) for depth in range(1, 17)},
    **{0x8F + depth: BlockStep(swap(depth), 3, depth + 1, depth + 1) for depth in range(1, 17)},
}  # fmt: skip
"""By opcode, but for those whose step depends on where they are."""
