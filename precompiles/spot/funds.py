"""Tokens coming in and going out.

The ledger changes before a token is called on the way out and after it was called on the way
in.
"""

from __future__ import annotations

from precompiles.errors import AmountTooLarge, AmountZero, TokenCallFailed
from precompiles.execution import Execution
from precompiles.orders.events import Deposit, Withdrawal
from precompiles.spot.orders import require_available
from precompiles.tokens import pull, push
from precompiles.types import MAX_AMOUNT, NATIVE_COIN, Address


def deposit(execution: Execution, here: Address, token: Address, amount: int) -> None:
    """Pull `amount` of an ERC-20 from the caller, who has approved the precompile at `here`.

    Raises AmountZero, AmountTooLarge, TokenCallFailed, or TokenAmountMismatch when the token
    moved another amount than it was asked to (a fee on transfer, say).
    """
    _check_deposit(execution, token, amount)
    pull(execution.call, token, execution.caller, here, amount)
    credit(execution, execution.caller, token, amount)


def deposit_native(execution: Execution) -> int:
    """Credit and return the coins that came with the call. Raises AmountZero or AmountTooLarge."""
    value = execution.call.value
    _check_deposit(execution, NATIVE_COIN, value)
    credit(execution, execution.caller, NATIVE_COIN, value)
    return value


def withdraw(execution: Execution, here: Address, token: Address, amount: int) -> None:
    """Send `amount` of the caller's available tokens to it.

    Raises AmountZero, InsufficientBalance, TokenCallFailed or TokenAmountMismatch.
    """
    if amount == 0:
        raise AmountZero
    user, spot = execution.caller, execution.ledger.spot
    require_available(execution.ledger, user, token, amount)
    spot.change_balance(user, token, total=-amount)
    spot.change_token_total(token, -amount)
    execution.emit(Withdrawal(user, token, amount))
    if token == NATIVE_COIN:
        success, _ = execution.call.call(user, amount, b"")
        if not success:
            raise TokenCallFailed(token)
        return
    push(execution.call, token, here, user, amount)


def credit(execution: Execution, user: Address, token: Address, amount: int) -> None:
    """Book tokens that the precompile has received for `user`."""
    execution.ledger.spot.change_balance(user, token, total=amount)
    execution.ledger.spot.change_token_total(token, amount)
    execution.emit(Deposit(user, token, amount))


def _check_deposit(execution: Execution, token: Address, amount: int) -> None:
    """Keep the sum over all accounts within 128 bits, so that no balance can outgrow them."""
    if amount == 0:
        raise AmountZero
    total = execution.ledger.spot.token_total(token)
    if total + amount > MAX_AMOUNT:
        raise AmountTooLarge(amount, MAX_AMOUNT - total)
