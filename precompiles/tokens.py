"""Transfers of ERC-20 tokens, each checked against the balances that the token reports."""

from __future__ import annotations

from typing import Any

from eth_hash.auto import keccak

from precompiles.abi.codec import Layout, Malformed
from precompiles.context import CallContext
from precompiles.errors import TokenAmountMismatch, TokenCallFailed
from precompiles.types import Address

_BALANCE_OF = keccak(b"balanceOf(address)")[:4]
_TRANSFER = keccak(b"transfer(address,uint256)")[:4]
_TRANSFER_FROM = keccak(b"transferFrom(address,address,uint256)")[:4]
_ADDRESS = Layout(["address"])
_TRANSFER_INPUTS = Layout(["address", "uint256"])
_TRANSFER_FROM_INPUTS = Layout(["address", "address", "uint256"])
_WORD = Layout(["uint256"])
_FLAG = Layout(["bool"])


def pull(context: CallContext, token: Address, owner: Address, here: Address, amount: int) -> None:
    """Take `amount` from `owner`, who has approved the precompile at `here`.

    Raises TokenCallFailed, or TokenAmountMismatch when the token moved another amount than it
    was asked to (a fee on transfer, say).
    """
    before = _balance_of(context, token, here)
    inputs = _TRANSFER_FROM_INPUTS.encode((owner, here, amount))
    _call_token(context, token, _TRANSFER_FROM, inputs)
    received = _balance_of(context, token, here) - before
    if received != amount:
        raise TokenAmountMismatch(token, amount, max(received, 0))


def push(context: CallContext, token: Address, here: Address, to: Address, amount: int) -> None:
    """Send `amount` from the precompile at `here`. Raises like `pull`."""
    before = _balance_of(context, token, here)
    _call_token(context, token, _TRANSFER, _TRANSFER_INPUTS.encode((to, amount)))
    sent = before - _balance_of(context, token, here)
    if sent != amount:
        raise TokenAmountMismatch(token, amount, max(sent, 0))


def _call_token(context: CallContext, token: Address, selector: bytes, inputs: bytes) -> None:
    """Call a token that must return true, or nothing as some do."""
    if not context.has_code(token):
        raise TokenCallFailed(token)
    success, output = context.call(token, 0, selector + inputs)
    if not success or (output and _decode(_FLAG, token, output) is not True):
        raise TokenCallFailed(token)


def _balance_of(context: CallContext, token: Address, owner: Address) -> int:
    if not context.has_code(token):
        raise TokenCallFailed(token)
    success, output = context.call(token, 0, _BALANCE_OF + _ADDRESS.encode((owner,)))
    if not success:
        raise TokenCallFailed(token)
    balance: int = _decode(_WORD, token, output)
    return balance


def _decode(layout: Layout, token: Address, output: bytes) -> Any:
    try:
        return layout.decode(output)[0]
    except Malformed as error:
        raise TokenCallFailed(token) from error
