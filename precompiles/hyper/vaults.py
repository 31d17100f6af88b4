"""Vaults: accounts on the perpetuals dex that belong to their depositors by shares.

A deposit buys shares at what the vault is worth, rounded down; a withdrawal sells as many as cover
it, rounded up: so nobody's shares are ever worth less for what another does. Source of the lock and
of the least deposit: Hyperliquid documentation, "For vault depositors".
"""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.engine.amounts import ceil_divide, floor_divide
from precompiles.hyper.core import Core
from precompiles.hyper.encoding import VaultTransfer
from precompiles.hyper.errors import (
    InsufficientVaultEquity,
    LeaderShareTooSmall,
    UnknownVault,
    VaultDepositTooSmall,
    VaultLocked,
)
from precompiles.hyper.units import COLLATERAL_DECIMALS
from precompiles.ledger.hyper.records import Vault, VaultShare
from precompiles.ledger.ledger import Ledger
from precompiles.perp import collateral
from precompiles.perp.health import cross_health
from precompiles.types import Address

LEADER_PERCENT = 5
"""Least part of a vault that its leader keeps in it while there are others."""
LEAST_DEPOSIT = 5 * 10**COLLATERAL_DECIMALS


def transfer(core: Core, action: VaultTransfer) -> None:
    """Pay into a vault, or take out of it; a withdrawal of 0 is one of everything."""
    vault = core.tables.vaults.get(action.vault)
    if vault is None:
        raise UnknownVault(action.vault)
    if action.is_deposit:
        _deposit(core, action.vault, vault, action.usd)
    else:
        _withdraw(core, action.vault, vault, action.usd)


def equity_of(ledger: Ledger, user: Address, vault: Address, now: int) -> int:
    """Return what an account's part of a vault is worth, in collateral, rounded down."""
    record = ledger.core.vaults.rows[vault]
    share = ledger.core.vault_shares.get(vault + user)
    worth = max(0, cross_health(ledger, vault, now).equity)
    return floor_divide(share.shares * worth, record.shares) if share else 0


def _deposit(core: Core, address: Address, vault: Vault, usd: int) -> None:
    if usd < LEAST_DEPOSIT:
        raise VaultDepositTooSmall(usd, LEAST_DEPOSIT)
    worth = max(0, cross_health(core.ledger, address, core.moment.now).equity)
    collateral.debit(core.perp, usd)
    collateral.credit(core.perp, address, usd)
    bought = floor_divide(usd * vault.shares, worth) if vault.shares and worth else usd
    key, shares = address + core.user, core.tables.vault_shares
    before = shares.get(key) or VaultShare(0, 0)
    until = core.moment.now + vault.lock
    shares.put(key, VaultShare(before.shares + bought, until))
    core.tables.vaults.put(address, replace(vault, shares=vault.shares + bought))


def _withdraw(core: Core, address: Address, vault: Vault, usd: int) -> None:
    key, shares = address + core.user, core.tables.vault_shares
    share = shares.get(key)
    available = equity_of(core.ledger, core.user, address, core.moment.now)
    usd = usd or available
    if share is None or not 0 < usd <= available:
        raise InsufficientVaultEquity(available, usd)
    if core.moment.now < share.locked_until:
        raise VaultLocked(address, share.locked_until)
    worth = cross_health(core.ledger, address, core.moment.now).equity
    sold = share.shares if usd == available else ceil_divide(usd * vault.shares, worth)
    collateral.debit(core.perp.acting_for(address), usd)
    collateral.credit(core.perp, core.user, usd)
    left = share.shares - sold
    least = ceil_divide((vault.shares - sold) * LEADER_PERCENT, 100)
    if core.user == vault.leader and left < least:
        raise LeaderShareTooSmall(left, least)
    shares.put(key, replace(share, shares=left) if left else None)
    core.tables.vaults.put(address, replace(vault, shares=vault.shares - sold))
