"""Errors as callers see them: the codes and words of JSON-RPC and of Ethereum clients."""

from __future__ import annotations

from typing import Any

from evm_dex.abi.abi_values import decode, undecodable
from evm_dex.abi.contract_interface import ERROR_STRING, PANIC
from evm_dex.errors import CallFailed
from precompiles.abi.codec import Malformed
from precompiles.errors import ContractError

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
FAILED = -32000
READ_FAILED = -32003
"""Error of HyperEVM's nodes for a read precompile without an answer."""
LIMIT_EXCEEDED = -32005
REVERTED = 3
_SELECTOR_BYTES = 4
_NO_ANSWER = "PrecompileError"
REVERT_REASON = "reverted"
"""The chain's reason where code chose to revert."""
_PANICS = {
    0x00: "generic panic",
    0x01: "assert(false)",
    0x11: "arithmetic underflow or overflow",
    0x12: "division or modulo by zero",
    0x21: "enum overflow",
    0x22: "invalid encoded storage byte array accessed",
    0x31: "out-of-bounds array access; popping on an empty array",
    0x32: "out-of-bounds access of an array or bytesN",
    0x41: "out of memory",
    0x51: "uninitialized function",
}
"""Geth's words for Solidity's panic codes."""
_HALTS = {
    "OutOfGas": "out of gas",
    "InsufficientStack": "stack underflow",
    "FullStack": "stack limit reached",
    "InvalidJumpDestination": "invalid jump destination",
    "InvalidInstruction": "invalid opcode",
    "WriteProtection": "write protection",
    "OutOfBoundsRead": "return data out of bounds",
    "ContractCreationCollision": "contract address collision",
}
"""Geth's words for what stops code, by py-evm's names."""


class RpcError(Exception):
    """An answer that is an error; `data` is left out when None."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def as_json(self) -> dict[str, Any]:
        """Return the error object of a response."""
        found: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            found["data"] = self.data
        return found


def invalid_params(message: str) -> RpcError:
    """Return an error for wrong parameters."""
    return RpcError(INVALID_PARAMS, message)


def failed(message: str) -> RpcError:
    """Return an error for a valid request that can't be fulfilled."""
    return RpcError(FAILED, message)


def limit_exceeded(message: str) -> RpcError:
    """Return an error for a request for too much; the message says how to ask for less."""
    return RpcError(LIMIT_EXCEEDED, message)


def call_error(error: CallFailed) -> RpcError:
    """Return the error of a call: code 3 with the revert data, or -32000 where the EVM halted."""
    if error.reason.startswith(_NO_ANSWER):
        return RpcError(READ_FAILED, error.reason)
    if error.reason != REVERT_REASON:
        return failed(_halt(error.reason))
    reason = revert_reason(error.output)
    message = f"execution reverted: {reason}" if reason else "execution reverted"
    return RpcError(REVERTED, message, f"0x{error.output.hex()}")


def revert_reason(output: bytes) -> str | None:
    """Revert data in words, where its error is known: ours, Solidity's two, else None."""
    selector, fields = output[:_SELECTOR_BYTES], output[_SELECTOR_BYTES:]
    try:
        if selector == ERROR_STRING:
            return str(decode(["string"], fields)[0])
        if selector == PANIC:
            code: int = decode(["uint256"], fields)[0]
            return _PANICS.get(code, f"unknown panic code: {code:#x}")
        known = ContractError.known.get(selector)
        return None if known is None else str(known(*known.layout.decode(fields)))
    except (*undecodable(), Malformed, ValueError):
        return None


def halt_words(name: str) -> str:
    """Return what stopped code in geth's words, from its name in a receipt."""
    return _HALTS.get(name, name)


def _halt(reason: str) -> str:
    """Return a halt in geth's words, which clients look for."""
    return f"out of gas: {reason}" if reason.startswith("OutOfGas") else reason
