"""Perpetuals dexs: the first, settled in USDC, and those of builders with their own collateral.

On a builder's dex (HIP-3) each user has an account of its own, which the exchange knows by another
address. Nobody's collateral on one dex stands for anything on another; the insurance fund, which
liquidations feed by the unit, is one for all.
"""

from __future__ import annotations

from eth_hash.auto import keccak
from msgspec.structs import replace

from precompiles.errors import InsufficientCollateral
from precompiles.execution import Execution
from precompiles.hyper.core import Core
from precompiles.hyper.errors import UnknownDex
from precompiles.hyper.system_addresses import USDC
from precompiles.ledger.hyper.records import CoreToken, DexAccount
from precompiles.ledger.hyper.signed_records import OrderBuilder
from precompiles.ledger.hyper.tables import index_key
from precompiles.ledger.ledger import Ledger
from precompiles.perp import collateral
from precompiles.types import Address

FIRST_DEX = 0
PERPS_PER_DEX = 10_000


def dex_account(dex: int, user: Address) -> Address:
    """Return the address by which the exchange knows a user on a dex."""
    if dex == FIRST_DEX:
        return user
    return Address(keccak(b"dex" + index_key(dex) + user)[-len(user) :])


def collateral_of(core: Core, dex: int) -> CoreToken:
    """Return the token that a dex is settled in. Raises UnknownDex."""
    if dex == FIRST_DEX:
        return core.token(USDC)
    found = core.tables.dex(dex)
    if found is None:
        raise UnknownDex(dex)
    return core.token(found.collateral)


def acting_on(core: Core, dex: int) -> Execution:
    """Return the perpetuals exchange with the user as it is known on a dex."""
    account = dex_account(dex, core.user)
    _note_account(core.ledger, account, dex, core.user)
    return core.perp.acting_for(account)


def paid_on(core: Core, dex: int, builder: OrderBuilder | None) -> OrderBuilder | None:
    """Return an order's builder, a user of HyperCore, with the account that it has on a dex."""
    if builder is None or dex == FIRST_DEX:
        return builder
    account = dex_account(dex, builder.account)
    _note_account(core.ledger, account, dex, builder.account)
    return replace(builder, account=account)


def builder_of(ledger: Ledger, order_id: int) -> OrderBuilder | None:
    """Return an order's builder as a user of HyperCore; None for an order that pays nobody."""
    found = ledger.core.order_builder(order_id)
    return found and replace(found, account=ledger.core.owner_of(found.account))


def credit(execution: Execution, dex: int, receiver: Address, usd: int) -> None:
    """Pay collateral into an account on a dex."""
    account = dex_account(dex, receiver)
    _note_account(execution.ledger, account, dex, receiver)
    _change_total(execution.ledger, dex, usd)
    collateral.credit(execution, account, usd)


def debit(core: Core, dex: int, usd: int) -> None:
    """Take what a user can do without from its account on a dex; see `collateral.debit`."""
    collateral.debit(acting_on(core, dex), usd)
    _change_total(core.ledger, dex, -usd)


def _note_account(ledger: Ledger, account: Address, dex: int, user: Address) -> None:
    if dex != FIRST_DEX and ledger.core.dex_accounts.get(account) is None:
        ledger.core.dex_accounts.put(account, DexAccount(dex, user))


def _change_total(ledger: Ledger, dex: int, change: int) -> None:
    """Count what is on a builder's dex, which no more can leave than came in."""
    found = ledger.core.dex(dex)
    if found is None:
        return
    if found.total + change < 0:
        raise InsufficientCollateral(found.total, -change)
    ledger.core.put_dex(replace(found, total=found.total + change))
