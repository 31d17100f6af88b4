"""Accounts that several sign for: who they are, and whether an action has enough of them.

Source: Hyperliquid documentation, "Multi-sig", and what others measured against the test network.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from precompiles.hyper.core import Core
from precompiles.hyper.signed.errors import (
    InvalidMultiSigThreshold,
    InvalidMultiSigUser,
    InvalidSigners,
    MultiSigSignerIsSelf,
    MultiSigSignerUnknown,
    NotInnerSigner,
    NotOuterSigner,
    OuterSignerNotUser,
    ThresholdNotMet,
    TooManyMultiSigSigners,
)
from precompiles.hyper.signed.order_wires import AddressText, address_of
from precompiles.hyper.signed.typed_actions import ConvertToMultiSigUserAction
from precompiles.hyper.signed.wire import MultiSigAction
from precompiles.ledger.hyper.signed_records import MultiSigSigners
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

MOST_SIGNERS = 10


class _Signers(Struct, rename="camel"):
    authorized_users: list[AddressText]
    threshold: int


_decode = msgspec.json.Decoder(_Signers | None).decode


def convert(core: Core, action: ConvertToMultiSigUserAction) -> None:
    """Let others sign for an account from now on, or its own key again.

    Who is named twice is one signer; vaults and sub-accounts have none.

    Raises InvalidSigners, InvalidMultiSigUser, MultiSigSignerIsSelf, MultiSigSignerUnknown,
    TooManyMultiSigSigners or InvalidMultiSigThreshold.
    """
    try:
        asked = _decode(action.signers)
    except msgspec.MsgspecError as error:
        raise InvalidSigners from error
    accounts = core.tables.multi_sigs
    is_led = any(key[20:] == core.user for key in core.tables.sub_accounts.rows)
    if is_led or core.tables.vaults.get(core.user) is not None:
        raise InvalidMultiSigUser(core.user)
    if asked is None:
        if accounts.get(core.user) is None:
            raise InvalidMultiSigUser(core.user)
        accounts.put(core.user, None)
        return
    users = sorted({address_of(text) for text in asked.authorized_users})
    if core.user in users:
        raise MultiSigSignerIsSelf
    for user in users:
        if core.tables.user(user) is None:
            raise MultiSigSignerUnknown(user)
    if len(users) > MOST_SIGNERS:
        raise TooManyMultiSigSigners(MOST_SIGNERS)
    if not 1 <= asked.threshold <= len(users):
        raise InvalidMultiSigThreshold(len(users))
    accounts.put(core.user, MultiSigSigners(tuple(users), asked.threshold))


def account_of(
    ledger: Ledger, signer: Address, action: MultiSigAction, inner_signers: tuple[Address, ...]
) -> Address:
    """Return the account that an action is for, signed by `inner_signers` and sent by `signer`.

    Who sends it is one of those who sign for the account, or an agent of one with funds of its
    own, and need not have signed inside. Those who did are nobody's agents; each counts once.
    Raises InvalidMultiSigUser, NotOuterSigner, OuterSignerNotUser, NotInnerSigner or
    ThresholdNotMet.
    """
    payload = action.payload
    account = address_of(payload.multi_sig_user)
    signers = ledger.core.multi_sigs.get(account)
    if signers is None:
        raise InvalidMultiSigUser(account)
    agents = ledger.core.api_wallets
    leads = signer in signers.users or any(agents.get(it + signer) for it in signers.users)
    if signer != address_of(payload.outer_signer) or not leads:
        raise NotOuterSigner(signer)
    if ledger.core.user(signer) is None:
        raise OuterSignerNotUser(signer)
    for each in inner_signers:
        if each not in signers.users:
            raise NotInnerSigner(each)
    votes = len(set(inner_signers))
    if votes < signers.threshold:
        raise ThresholdNotMet(votes, signers.threshold)
    return account
