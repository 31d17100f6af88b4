"""Failed calls in the words Ethereum clients look for."""

from __future__ import annotations

from evm_dex.abi.interface import ERROR_STRING, PANIC
from evm_dex.abi.lazy_eth_abi import decode, undecodable
from evm_dex.errors import CallFailed
from evm_dex.node.rpc_errors import REVERTED, RpcError, failed
from precompiles.abi.codec import Malformed
from precompiles.errors import ContractError

_SELECTOR_BYTES = 4
REVERT_REASON = "reverted"
"""What the chain gives as reason where code chose to revert."""
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
"""As geth words Solidity's panic codes."""


def call_error(error: CallFailed) -> RpcError:
    """The error of a call: code 3 with the revert data, or -32000 where the EVM halted."""
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


def _halt(reason: str) -> str:
    """`OutOfGas: …` is py-evm's; clients look for geth's words."""
    return f"out of gas: {reason}" if reason.startswith("OutOfGas") else reason
