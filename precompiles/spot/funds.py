"""Tokens coming in and going out.

The ledger changes before a token is called on the way out and after it was called on the way
in. What the token says it did is checked against the balance it reports.
"""

from __future__ import annotations

from typing import Any

from eth_hash.auto import keccak

from precompiles.abi.codec import Layout, Malformed
from precompiles.context import CallContext
from precompiles.errors import AmountTooLarge, AmountZero, TokenAmountMismatch, TokenCallFailed
from precompiles.ledger.ledger import Ledger
from precompiles.spot.events import Deposit, Withdrawal
from precompiles.spot.execution import Execution
from precompiles.spot.settlement import require_available
from precompiles.types import MAX_AMOUNT, NATIVE_COIN, Address

_BALANCE_OF = keccak(b"balanceOf(address)")[:4]
_TRANSFER = keccak(b"transfer(address,uint256)")[:4]
_TRANSFER_FROM = keccak(b"transferFrom(address,address,uint256)")[:4]
_ADDRESS = Layout(["address"])
_TRANSFER_INPUTS = Layout(["address", "uint256"])
_TRANSFER_FROM_INPUTS = Layout(["address", "address", "uint256"])
_WORD = Layout(["uint256"])
_FLAG = Layout(["bool"])


def deposit(
    ledger: Ledger,
    execution: Execution,
    context: CallContext,
    here: Address,
    token: Address,
    amount: int,
) -> None:
    """Pull `amount` of an ERC-20 from the caller, who has approved the precompile at `here`.

    Raises AmountZero, AmountTooLarge, TokenCallFailed, or TokenAmountMismatch when the token
    moved another amount than it was asked to (a fee on transfer, say).
    """
    _check_deposit(ledger, token, amount)
    before = _balance_of(context, token, here)
    _call_token(
        context,
        token,
        _TRANSFER_FROM,
        _TRANSFER_FROM_INPUTS.encode((execution.caller, here, amount)),
    )
    received = _balance_of(context, token, here) - before
    if received != amount:
        raise TokenAmountMismatch(token, amount, max(received, 0))
    credit(ledger, execution, execution.caller, token, amount)


def deposit_native(ledger: Ledger, execution: Execution, value: int) -> None:
    """Credit the coins that came with the call. Raises AmountZero or AmountTooLarge."""
    _check_deposit(ledger, NATIVE_COIN, value)
    credit(ledger, execution, execution.caller, NATIVE_COIN, value)


def withdraw(
    ledger: Ledger,
    execution: Execution,
    context: CallContext,
    here: Address,
    token: Address,
    amount: int,
) -> None:
    """Send `amount` of the caller's available tokens to it.

    Raises AmountZero, InsufficientBalance, TokenCallFailed or TokenAmountMismatch.
    """
    if amount == 0:
        raise AmountZero
    user = execution.caller
    require_available(ledger, user, token, amount)
    ledger.change_balance(user, token, total=-amount)
    ledger.change_token_total(token, -amount)
    execution.events.append(Withdrawal(user, token, amount))
    if token == NATIVE_COIN:
        success, _ = context.call(user, amount, b"")
        if not success:
            raise TokenCallFailed(token)
        return
    before = _balance_of(context, token, here)
    _call_token(context, token, _TRANSFER, _TRANSFER_INPUTS.encode((user, amount)))
    sent = before - _balance_of(context, token, here)
    if sent != amount:
        raise TokenAmountMismatch(token, amount, max(sent, 0))


def credit(
    ledger: Ledger, execution: Execution, user: Address, token: Address, amount: int
) -> None:
    """Book tokens that the precompile has received for `user`."""
    ledger.change_balance(user, token, total=amount)
    ledger.change_token_total(token, amount)
    execution.events.append(Deposit(user, token, amount))


def _check_deposit(ledger: Ledger, token: Address, amount: int) -> None:
    """The sum over all accounts stays within 128 bits, so no balance can ever outgrow them."""
    if amount == 0:
        raise AmountZero
    total = ledger.token_total(token)
    if total + amount > MAX_AMOUNT:
        raise AmountTooLarge(amount, MAX_AMOUNT - total)


def _call_token(context: CallContext, token: Address, selector: bytes, inputs: bytes) -> None:
    """Call a token that returns true, or nothing as some do; anything else is a failure."""
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
