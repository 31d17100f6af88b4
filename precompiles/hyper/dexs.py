"""Perpetuals dexs: the first, settled in USDC, and those of builders with their own collateral.

On a builder's dex (HIP-3) each user has an account of its own, which the exchange knows by another
address; a unified user has one for all dexs that are settled in a token, that on the first of them.
Nobody's collateral of one token stands for anything in another, and each dex has insurance and a
backstop of its own.
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


def account_address(dex: int, user: Address) -> Address:
    """Return the address of a standard user's account on a dex."""
    if dex == FIRST_DEX:
        return user
    return Address(keccak(b"dex" + index_key(dex) + user)[-len(user) :])


def dex_account(ledger: Ledger, dex: int, user: Address) -> Address:
    """Return the address by which the exchange knows a user on a dex that is listed."""
    return account_address(_kept_on(ledger, dex, user), user)


def settled_in(ledger: Ledger, dex: int) -> int:
    """Return the index of the token that a listed dex is settled in."""
    found = ledger.core.dex(dex)
    return found.collateral if found else USDC


def first_dexs(ledger: Ledger) -> dict[int, int]:
    """Return by each token that dexs are settled in the first of them."""
    return {**{it.collateral: it.index for it in reversed(ledger.core.dexs)}, USDC: FIRST_DEX}


def collateral_of(core: Core, dex: int) -> CoreToken:
    """Return the token that a dex is settled in. Raises UnknownDex."""
    if dex != FIRST_DEX and core.tables.dex(dex) is None:
        raise UnknownDex(dex)
    return core.token(settled_in(core.ledger, dex))


def acting_on(core: Core, dex: int) -> Execution:
    """Return the perpetuals exchange with the user as it is known on a dex."""
    return core.perp.acting_for(noted_account(core.ledger, dex, core.user))


def paid_on(core: Core, dex: int, builder: OrderBuilder | None) -> OrderBuilder | None:
    """Return an order's builder, a user of HyperCore, with the account that it has on a dex."""
    if builder is None:
        return None
    return replace(builder, account=noted_account(core.ledger, dex, builder.account))


def builder_of(ledger: Ledger, order_id: int) -> OrderBuilder | None:
    """Return an order's builder as a user of HyperCore; None for an order that pays nobody."""
    found = ledger.core.order_builder(order_id)
    return found and replace(found, account=ledger.core.owner_of(found.account))


def credit(execution: Execution, dex: int, receiver: Address, usd: int) -> None:
    """Pay collateral into an account on a dex."""
    ledger = execution.ledger
    account = noted_account(ledger, dex, receiver)
    add_total(ledger, dex, usd)
    collateral.credit(execution, account, usd)


def debit(core: Core, dex: int, usd: int) -> None:
    """Take what a user can do without from its account on a dex; see `collateral.debit`."""
    collateral.debit(acting_on(core, dex), usd)
    take_total(core.ledger, dex, usd)


def noted_account(ledger: Ledger, dex: int, user: Address) -> Address:
    """Return a user's account on a dex, with whose it is in the ledger."""
    kept_on = _kept_on(ledger, dex, user)
    account = account_address(kept_on, user)
    if kept_on != FIRST_DEX and ledger.core.dex_accounts.get(account) is None:
        ledger.core.dex_accounts.put(account, DexAccount(kept_on, user))
    return account


def add_total(ledger: Ledger, dex: int, usd: int) -> None:
    """Count what comes onto a builder's dex; what is on none of them is on the first."""
    found = ledger.core.dex(dex)
    if found is not None:
        ledger.core.put_dex(replace(found, total=found.total + usd))


def take_total(ledger: Ledger, dex: int, usd: int) -> None:
    """Count what has left a dex: no more of a token than came in, on all of its dexs together.

    Trades with unified users, who have one account for all of those, move it between them. Raises
    InsufficientCollateral.
    """
    left = usd if dex != FIRST_DEX else max(0, -_on_first(ledger))
    if not left:
        return
    token = settled_in(ledger, dex)
    same = [it for it in ledger.core.dexs if it.collateral == token]
    for found in sorted(same, key=lambda it: it.index != dex):
        taken = min(left, found.total)
        left -= taken
        ledger.core.put_dex(replace(found, total=found.total - taken))
    if left and (token != USDC or _on_first(ledger) < 0):
        raise InsufficientCollateral(usd - left, usd)


def _on_first(ledger: Ledger) -> int:
    on_builders = sum(it.total for it in ledger.core.dexs)
    return ledger.perp.fund.collateral_total - on_builders


def _kept_on(ledger: Ledger, dex: int, user: Address) -> int:
    """Return the dex that has a user's account for another one."""
    if dex == FIRST_DEX or not ledger.core.is_unified(user):
        return dex
    return first_dexs(ledger)[settled_in(ledger, dex)]
