"""Tokens coming in and going out.

The ledger changes before a token is called on the way out and after it was called on the way
in.
"""

from __future__ import annotations

from precompiles.context import CallContext
from precompiles.errors import AmountTooLarge, AmountZero, TokenCallFailed
from precompiles.ledger.ledger import Ledger
from precompiles.spot.events import Deposit, Withdrawal
from precompiles.spot.execution import Execution
from precompiles.spot.settlement import require_available
from precompiles.tokens import pull, push
from precompiles.types import MAX_AMOUNT, NATIVE_COIN, Address


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
    pull(context, token, execution.caller, here, amount)
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
    push(context, token, here, user, amount)


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
