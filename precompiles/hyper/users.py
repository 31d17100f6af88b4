"""Accounts that exist on HyperCore, and the fee that is paid once for a new account.

Source: Hyperliquid documentation, "Activation gas fee", and what others measured against it: the
sender pays one unit of a quote token, the transferred one where that is a quote, else USDC, else
the first quote that it has enough of.
"""

from __future__ import annotations

from precompiles.hyper.core import Core
from precompiles.hyper.errors import ActivationFeeNotPayable, ReceiverNotActivated
from precompiles.hyper.system_addresses import FEES, USDC
from precompiles.hyper.unified import gather
from precompiles.hyper.units import power_of_ten
from precompiles.ledger.hyper.records import CoreToken, CoreUser
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address


def exists(core: Core, user: Address) -> bool:
    """Return whether an account ever received anything."""
    return core.tables.user(user) is not None


def welcome(ledger: Ledger, user: Address) -> None:
    """Make an account exist that was paid by no user's transfer; its fee is still to be paid."""
    if ledger.core.user(user) is None:
        ledger.core.put_user(user, CoreUser(is_activated=False, uses_big_blocks=False))


def activate(core: Core, receiver: Address, sent: CoreToken, amount: int) -> None:
    """Pay for a receiver that does not exist yet, and for a sender that was never paid for.

    `amount` of `sent` is about to leave the user, and is no longer there for the fee. Raises
    ActivationFeeNotPayable, or ReceiverNotActivated where sends make no accounts.
    """
    sender = core.tables.user(core.user)
    assert sender is not None, "only those who exist act"
    if not sender.is_activated:
        _pay(core, core.user, sent, amount)
        core.tables.put_user(core.user, CoreUser(True, sender.uses_big_blocks))
    if not exists(core, receiver):
        if not core.tables.rules.sends_activate:
            raise ReceiverNotActivated(receiver)
        _pay(core, receiver, sent, amount)
        core.tables.put_user(receiver, CoreUser(is_activated=True, uses_big_blocks=False))


def use_big_blocks(ledger: Ledger, user: Address, *, on: bool) -> None:
    """Let an account that exists send its EVM transactions into big blocks, or small ones."""
    record = ledger.core.user(user)
    assert record is not None, "only those who exist choose"
    ledger.core.put_user(user, CoreUser(record.is_activated, uses_big_blocks=on))


def activation_fee(token: CoreToken) -> int:
    """Return one unit of a quote token, in wei."""
    return power_of_ten(token.wei_decimals)


def _pay(core: Core, new: Address, sent: CoreToken, amount: int) -> None:
    quotes = _quotes(core)
    for token in [sent] if sent in quotes else quotes:
        fee = activation_fee(token)
        kept = amount if token is sent else 0
        gather(core, token, fee + kept)
        if core.available(token) >= fee + kept:
            address = core.address_of(token)
            core.ledger.spot.change_balance(core.user, address, total=-fee)
            core.ledger.spot.change_balance(FEES, address, total=fee)
            return
    raise ActivationFeeNotPayable(new, activation_fee(quotes[0]))


def _quotes(core: Core) -> list[CoreToken]:
    """Return the tokens that pairs are quoted in, USDC first."""
    indexes = sorted({USDC, *(pair.quote for pair in core.tables.pairs)})
    found = (core.tables.token(index) for index in indexes)
    return [token for token in found if token is not None]
