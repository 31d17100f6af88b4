"""Functions that compiled code calls: parts of opcodes too long to stand in every trace."""

from __future__ import annotations

from struct import Struct
from typing import Any

from eth.exceptions import Revert
from sha3 import keccak_256

from evm_dex.evm.compiler.arithmetic import FUNCTIONS, WORD
from evm_dex.evm.compiler.exits import Leaves

_WORD = Struct("32s")
_ACCOUNT_COLD = 2_600
_ACCOUNT_WARM = 100
_SLOT_COLD = 2_100
_SLOT_WARM = 100
_SLOT_SET = 20_000
_SLOT_RESET = 2_900
_SLOT_CLEARED = 4_800
_STIPEND = 2_300
_GAS_PER_LOOK = 20_000


def growth(length: int, end: int) -> int:
    """Gas for memory of so many bytes to reach `end`."""
    before, after = length // 32, (end + 31) // 32
    return 3 * (after - before) + after * after // 512 - before * before // 512


def grow(memory: bytearray, end: int, gas: int, way: int) -> int:
    """Let memory reach `end` bytes; the gas left. Raises Leaves with nothing done."""
    gas -= growth(len(memory), end)
    if gas < 0:
        raise Leaves(way)
    memory.extend(bytes(-(-end // 32) * 32 - len(memory)))
    return gas


def warmed(db: Any, address: bytes, slot: int, gas: int, way: int) -> int:
    """Take what a cold word costs more; the gas left. Raises Leaves with nothing done."""
    gas -= _SLOT_COLD - _SLOT_WARM
    if gas < 0:
        raise Leaves(way)
    db.mark_storage_warm(address, slot)
    return gas


def balance(c: Any, word: int, gas: int, way: int) -> tuple[int, int]:
    """Return the gas left, and the wei of an account. Raises Leaves with nothing done."""
    address = word.to_bytes(32)[12:]
    return _reached(c, address, gas, way), c.state.get_balance(address)


def codesize(c: Any, word: int, gas: int, way: int) -> tuple[int, int]:
    """Return the gas left, and the length of an account's code. Raises Leaves with nothing done."""
    address = word.to_bytes(32)[12:]
    return _reached(c, address, gas, way), len(c.state.get_code(address))


def _reached(c: Any, address: bytes, gas: int, way: int) -> int:
    """Take what it costs to look at an account (EIP-2929); the gas left."""
    is_warm = c.state.is_address_warm(address)
    gas -= _ACCOUNT_WARM if is_warm else _ACCOUNT_COLD
    if gas < 0:
        raise Leaves(way)
    if not is_warm:
        c.state.mark_address_warm(address)
    return gas


def sstore(
    c: Any, db: Any, address: bytes, slot: int, word: int, gas: int, left: int, way: int
) -> int:
    """Set a word (EIP-2200, 2929, 3529); the gas left. Raises Leaves with nothing done.

    `left` is the frame's gas, of which `gas` may be taken.
    """
    if c.msg.is_static or left <= _STIPEND:
        raise Leaves(way)
    current = db.get_storage(address, slot)
    original = db.get_storage(address, slot, False)
    refund = 0
    if current == word:
        cost = _SLOT_WARM
    elif original == current:
        cost = _SLOT_RESET if original else _SLOT_SET
        if original and not word:
            refund = _SLOT_CLEARED
    else:
        cost = _SLOT_WARM
        if original:
            refund = _SLOT_CLEARED * ((not word) - (not current))
        if original == word:
            refund += (_SLOT_RESET if original else _SLOT_SET) - _SLOT_WARM
    is_cold = (address, slot) not in db._warm
    cost += _SLOT_COLD * is_cold
    if cost > gas:
        raise Leaves(way)
    if is_cold:
        db.mark_storage_warm(address, slot)
    c._gas_meter.gas_refunded += refund
    db.set_storage(address, slot, word)
    return gas - cost


def log(c: Any, address: bytes, topics: tuple[int, ...], data: bytes) -> None:
    """Append a log entry."""
    number = c.transaction_context.get_next_log_counter()
    c._log_entries.append((number, address, topics, data))


def first_look(c: Any) -> int:
    """Return the gas left at which to look at the clock first; never without a deadline."""
    gas: int = c._gas_meter.gas_remaining
    return -1 if c.state.config.deadline is None else gas - _GAS_PER_LOOK


def look(c: Any, gas: int) -> int:
    """Look at the clock if that much gas is so little; below how much, at least 0, to look next.

    Raises TookTooLong.
    """
    if gas <= c.next_look:
        c.state.config.deadline.check()
        c.next_look = gas - _GAS_PER_LOOK
    following: int = c.next_look
    return max(following + 1, 0)


NAMES: dict[str, Any] = {
    **{name: function for name, function in FUNCTIONS.items() if name not in ("and", "or")},
    "M": WORD,
    "S": 2**255,
    "Z": b"\0",
    "from_bytes": int.from_bytes,
    "keccak": keccak_256,
    "pack": _WORD.pack_into,
    "unpack": _WORD.unpack_from,
    "grow": grow,
    "balance": balance,
    "codesize": codesize,
    "warmed": warmed,
    "Leaves": Leaves,
    "Revert": Revert,
    "sstore": sstore,
    "log": log,
    "look": look,
}
"""Names that the text of a trace may use."""
