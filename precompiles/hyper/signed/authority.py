"""Authority of signers: over themselves, the account whose agent they are, and what that leads."""

from __future__ import annotations

from precompiles.hyper.errors import UnknownUser
from precompiles.hyper.signed import multi_sig
from precompiles.hyper.signed.digest import Envelope
from precompiles.hyper.signed.errors import MultiSigRequired, NotActingFor
from precompiles.hyper.signed.typed_actions import UserSigned
from precompiles.hyper.signed.wire import MultiSigAction
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address


def acting_account(
    ledger: Ledger, signer: Address, envelope: Envelope, inner_signers: tuple[Address, ...] = ()
) -> Address:
    """Return the account that an action is for.

    An agent signs for the account that approved it, but not what moves its money: typed actions
    are the account's own. Raises UnknownUser for a signer that is neither, MultiSigRequired for
    one whose account others sign for, NotActingFor, and what `multi_sig.account_of` does.
    """
    action = envelope.action
    if isinstance(action, MultiSigAction):
        master = multi_sig.account_of(ledger, signer, action, inner_signers)
    else:
        master = signer if isinstance(action, UserSigned) else master_of(ledger, signer)
        if ledger.core.user(master) is None:
            raise UnknownUser(signer)
        if signer == master and ledger.core.multi_sigs.get(master) is not None:
            raise MultiSigRequired(master)
    if envelope.vault is None:
        return master
    vault = ledger.core.vaults.get(envelope.vault)
    is_own = ledger.core.sub_accounts.get(master + envelope.vault) is not None
    if not is_own and (vault is None or vault.leader != master):
        raise NotActingFor(envelope.vault)
    return envelope.vault


def master_of(ledger: Ledger, signer: Address) -> Address:
    """Return the account whose agent a signer is; itself for one that is nobody's."""
    for key in ledger.core.api_wallets.rows:
        if key[20:] == signer:
            return Address(key[:20])
    return signer
