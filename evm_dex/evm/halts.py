"""Reasons that stopped a frame, in the words of go-ethereum, which tools look for.

Source: go-ethereum, core/vm/errors.go.
"""

from __future__ import annotations

import re
from typing import Any

from eth.exceptions import (
    ContractCreationCollision,
    FullStack,
    InsufficientFunds,
    InsufficientStack,
    InvalidInstruction,
    InvalidJumpDestination,
    OutOfBoundsRead,
    OutOfGas,
    ReservedBytesInCode,
    Revert,
    StackDepthLimit,
    VMError,
    WriteProtection,
)

from evm_dex.evm.unmade_calls import OCCUPIED, TOO_DEEP, TOO_POOR

REVERTED = "execution reverted"
OUT_OF_GAS = "out of gas"
_WORDS: dict[type[VMError], str] = {
    Revert: REVERTED,
    FullStack: "stack limit reached 1024 (1023)",
    InvalidJumpDestination: "invalid jump destination",
    WriteProtection: "write protection",
    OutOfBoundsRead: "return data out of bounds",
    ContractCreationCollision: OCCUPIED,
    ReservedBytesInCode: "invalid code: must not begin with 0xef",
    StackDepthLimit: TOO_DEEP,
    InsufficientFunds: TOO_POOR,
}
_SHORTAGES = (
    ("EIP170", "max code size exceeded"),
    ("EIP-3860", "max initcode size exceeded"),
    ("Write contract code", "contract creation code storage out of gas"),
    ("Net-metered SSTORE", f"{OUT_OF_GAS}: not enough gas for reentrancy sentry"),
)
"""Py-evm's words where it raises OutOfGas for another reason, and that reason."""
_INVALID = 0xFE
_PRECOMPILE_FAILED = "precompiled failed"


def halt_of(error: VMError, stack: int) -> str:
    """Return why a frame ended that had so many words on its stack left."""
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words
    text = _text(error)
    if isinstance(error, OutOfGas):
        found = (words for part, words in _SHORTAGES if part in text)
        return next(found, OUT_OF_GAS)
    if isinstance(error, InsufficientStack):
        return _underflow(text, stack)
    if isinstance(error, InvalidInstruction):
        return _invalid_opcode(text)
    return _PRECOMPILE_FAILED if type(error) is VMError else problem_of(error)


def problem_of(error: VMError) -> str:
    """Return an error as the machine names and explains it."""
    return REVERTED if isinstance(error, Revert) else f"{type(error).__name__}: {_text(error)}"


def _text(error: VMError) -> str:
    return " ".join(map(str, error.args))


def _underflow(text: str, stack: int) -> str:
    numbers: list[Any] = re.findall(r"\d+", text)
    if not numbers:
        return "stack underflow"
    had = numbers[1] if len(numbers) > 1 else stack
    return f"stack underflow ({had} <=> {numbers[0]})"


def _invalid_opcode(text: str) -> str:
    found = re.search(r"0x([0-9a-f]+)", text)
    if found is None:
        return _WORDS[InvalidJumpDestination]
    number = int(found[1], 16)
    return (
        "invalid opcode: INVALID"
        if number == _INVALID
        else f"invalid opcode: opcode {number:#x} not defined"
    )
