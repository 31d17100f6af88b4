"""Calls that end before they have a frame, noted where calls are recorded.

A call deeper than 1,024 levels, or of more wei than there is, and a creation where a contract is
already: the opcode pushes 0, and no computation tells of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from eth.vm.opcode_values import CALL, CALLCODE, CREATE, CREATE2, DELEGATECALL, STATICCALL

CALL_KINDS = {
    CALL: "CALL",
    CALLCODE: "CALLCODE",
    STATICCALL: "STATICCALL",
    DELEGATECALL: "DELEGATECALL",
    CREATE: "CREATE",
    CREATE2: "CREATE2",
}
TOO_DEEP = "max call depth exceeded"
TOO_POOR = "insufficient balance for transfer"
OCCUPIED = "contract address collision"
_HIGHEST_NONCE = "nonce uint64 overflow"
_DEEPEST = 1_024
_CREATE_WORDS = 3
_KEPT_BACK = 64
"""One in so many of the gas stays with the caller (EIP-150)."""


class UnmadeCall(NamedTuple):
    """One call without a frame."""

    place: int
    """Number of calls with a computation that the caller made before it."""
    logs_before: int
    """Number of the caller's own logs before it."""
    kind: str
    to: bytes
    """Empty for a creation."""
    value: int
    gas: int
    gas_used: int
    input: bytes
    error: str


class _Meter:
    """The gas of a frame, with what was last taken from it."""

    def __init__(self, meter: Any) -> None:
        self._meter = meter
        self.taken = 0

    def consume_gas(self, amount: int, reason: str) -> None:
        self._meter.consume_gas(amount, reason)
        self.taken = amount

    def __getattr__(self, name: str) -> Any:
        return getattr(self._meter, name)


def recording_create(number: int, create: Any) -> Any:
    """Return py-evm's CREATE or CREATE2, which then notes what it does not make."""

    def run(computation: Any) -> None:
        words = computation._stack.values
        if not computation.state.config.records_calls or len(words) < _CREATE_WORDS:
            create(computation=computation)
            return
        value, start, size = (int(word) for word in reversed(words[-_CREATE_WORDS:]))
        meter, made = computation._gas_meter, len(computation.children)
        computation._gas_meter = watched = _Meter(meter)
        try:
            create(computation=computation)
        finally:
            computation._gas_meter = meter
        if len(computation.children) != made:
            return
        error = _refusal(computation, value)
        left = meter.gas_remaining
        gas, used = (left - left // _KEPT_BACK, 0) if error else (watched.taken, watched.taken)
        code = bytes(computation._memory._bytes[start : start + size])
        kind = CALL_KINDS[number]
        computation.note_unmade(kind, b"", value, gas, used, code, error or OCCUPIED)

    run.mnemonic = create.mnemonic  # type: ignore[attr-defined] # functions take any attribute
    return run


def _refusal(computation: Any, value: int) -> str:
    """Return why a creation was refused at once; empty where it took gas first."""
    own = computation.msg.storage_address
    if computation.msg.depth >= _DEEPEST:
        return TOO_DEEP
    if computation.state.get_balance(own) < value:
        return TOO_POOR
    return _HIGHEST_NONCE if computation.state.get_nonce(own) == 2**64 - 1 else ""
