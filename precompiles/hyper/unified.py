"""Unified accounts: one balance of each token that perpetuals are settled in.

It is the collateral of all dexs that are settled in the token, and is shown in the spot wallet. The
ledger has it in the account of perpetuals, but for what spot orders hold and a rest below one unit
there: what spends spot balance first takes out what is missing, as far as no position needs it,
and after each action what is free goes back.

Source: Hyperliquid documentation, "Account abstraction modes". No fact is known of how loans of
portfolio margin are liquidated, so that mode is refused.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from precompiles.engine.amounts import ceil_divide
from precompiles.hyper.core import Core
from precompiles.hyper.dexs import (
    account_address,
    add_total,
    first_dexs,
    noted_account,
    take_total,
)
from precompiles.hyper.encoding import SetAbstraction
from precompiles.hyper.errors import (
    ModeOfVault,
    OpenOnOtherDex,
    PortfolioMarginNotSupported,
    UnifiedForGood,
    UnknownAbstraction,
)
from precompiles.hyper.signed.errors import UnknownSubAccount
from precompiles.hyper.system_addresses import perp_address, token_address
from precompiles.hyper.units import SPOT_WEI_PER_USD
from precompiles.ledger.hyper.records import AccountMode, CoreToken
from precompiles.ledger.ledger import Ledger
from precompiles.perp.collateral import withdrawable_cash
from precompiles.types import Address

STANDARD, UNIFIED, PORTFOLIO = 1, 2, 3
_ADDRESS = 20


class Held(NamedTuple):
    """A balance as the account's owner sees it, in wei."""

    total: int
    hold: int
    """What orders and positions need of it."""


def set_abstraction(core: Core, action: SetAbstraction) -> None:
    """Choose how an account of the user keeps its balances: its own, or a sub-account's.

    Raises UnknownSubAccount, ModeOfVault (of a dex's backstop too), UnknownAbstraction,
    PortfolioMarginNotSupported, UnifiedForGood, or OpenOnOtherDex while what is open on a
    builder's dex has its account.
    """
    user, ledger = action.user, core.ledger
    if user != core.user and core.tables.sub_accounts.get(core.user + user) is None:
        raise UnknownSubAccount(user)
    if core.tables.vaults.get(user) is not None or _is_backstop(ledger, user):
        raise ModeOfVault(user)
    if action.mode == PORTFOLIO:
        raise PortfolioMarginNotSupported
    if action.mode not in (STANDARD, UNIFIED):
        raise UnknownAbstraction(action.mode)
    was_unified = ledger.core.is_unified(user)
    if was_unified and action.mode == STANDARD:
        raise UnifiedForGood(user)
    ledger.core.modes.put(user, AccountMode(is_unified=action.mode == UNIFIED))
    if action.mode == UNIFIED and not was_unified:
        _bring_together(ledger, user)


def held(ledger: Ledger, user: Address, token: int, now: int) -> Held:
    """Return an account's balance of a token.

    Of a unified one with the collateral of its positions at entry: what they gained is not in it.
    Total less hold may leave the account.
    """
    address = _token_address(ledger, token)
    spot = ledger.spot.balance(user, address)
    account = _account(ledger, user, token)
    if account is None:
        return Held(spot.total, spot.hold)
    total = spot.total + _settled(ledger, account)
    free = spot.available + SPOT_WEI_PER_USD * max(0, withdrawable_cash(ledger, account, now))
    return Held(total, max(spot.hold, total - free))


def total_of(ledger: Ledger, user: Address, token: int) -> int:
    """Return an account's balance of a token; see `held`."""
    account = _account(ledger, user, token)
    kept = _settled(ledger, account) if account else 0
    return ledger.spot.balance(user, _token_address(ledger, token)).total + kept


def gather(core: Core, token: CoreToken, needed: int) -> None:
    """Take what the user's spot wallet lacks of a token out of its unified balance.

    As much as no position needs, rounded up to a unit of collateral.
    """
    account = _account(core.ledger, core.user, token.index)
    missing = needed - core.available(token)
    if account is None or missing <= 0:
        return
    most = max(0, withdrawable_cash(core.ledger, account, core.moment.now))
    usd = min(ceil_divide(missing, SPOT_WEI_PER_USD), most)
    if usd:
        _move(core.ledger, core.user, token.index, -usd)


def sweep(ledger: Ledger, since: int) -> None:
    """Move what is free in spot wallets that changed since a journal's mark to unified balances."""
    if not ledger.core.modes.rows:
        return
    changed: dict[bytes, None] = {}
    for table, key, _ in ledger.journal.entries[since:]:
        if table is ledger.spot.balances:
            changed[key] = None
    tokens = {_token_address(ledger, token): token for token in first_dexs(ledger)}
    for key in sorted(changed):
        token = tokens.get(Address(key[:_ADDRESS]))
        user = Address(key[_ADDRESS:])
        if token is not None and ledger.core.is_unified(user):
            _put_in(ledger, user, token)


def _is_backstop(ledger: Ledger, user: Address) -> bool:
    backstops = (it.backstop for it in ledger.core.dex_funds.rows.values())
    return any(ledger.core.owner_of(account) == user for account in backstops)


def _account(ledger: Ledger, user: Address, token: int) -> Address | None:
    """Return the account that has a unified user's balance of a token; None where there is none."""
    if not ledger.core.is_unified(user):
        return None
    dex = first_dexs(ledger).get(token)
    return None if dex is None else account_address(dex, user)


def _settled(ledger: Ledger, account: Address) -> int:
    """Return an account's collateral in wei, as if its positions were closed at their entries."""
    positions = ledger.perp.positions.rows
    ids = ledger.perp.open_positions.by_owner.of(account)
    cash = ledger.perp.cash(account) + sum(positions[i].margin for i in ids)
    return SPOT_WEI_PER_USD * max(0, cash)


def _put_in(ledger: Ledger, user: Address, token: int) -> None:
    usd = ledger.spot.balance(user, _token_address(ledger, token)).available // SPOT_WEI_PER_USD
    if usd:
        _move(ledger, user, token, usd)


def _move(ledger: Ledger, user: Address, token: int, usd: int) -> None:
    """Move collateral between a spot wallet and a unified balance; nothing comes or goes."""
    dex, wei = first_dexs(ledger)[token], usd * SPOT_WEI_PER_USD
    address = _token_address(ledger, token)
    account = noted_account(ledger, dex, user)
    fund = ledger.perp.fund
    ledger.perp.fund = replace(fund, collateral_total=fund.collateral_total + usd)
    if usd > 0:
        add_total(ledger, dex, usd)
    else:
        take_total(ledger, dex, -usd)
    ledger.perp.change_cash(account, usd)
    ledger.spot.change_balance(user, address, total=-wei)
    ledger.spot.change_token_total(address, -wei)


def _bring_together(ledger: Ledger, user: Address) -> None:
    """Move what a user has on other dexs, and free in its spot wallet, to its unified balances."""
    firsts = first_dexs(ledger)
    for dex in ledger.core.dexs:
        if firsts[dex.collateral] == dex.index:
            continue
        account = account_address(dex.index, user)
        if ledger.perp.open_positions.by_owner.of(account) or ledger.perp.live.by_owner.of(account):
            raise OpenOnOtherDex(dex.index)
        to, cash = noted_account(ledger, dex.index, user), ledger.perp.cash(account)
        ledger.perp.change_cash(account, -cash)
        ledger.perp.change_cash(to, cash)
        for perp in ledger.core.perps:
            asset = perp_address(perp.perp_id)
            chosen = ledger.perp.leverages.get(asset + account)
            if perp.dex == dex.index and chosen is not None:
                ledger.perp.leverages.put(asset + account, None)
                ledger.perp.leverages.put(asset + to, chosen)
    for token in sorted(firsts):
        _put_in(ledger, user, token)


def _token_address(ledger: Ledger, token: int) -> Address:
    settings = ledger.core.settings
    assert settings is not None, "HyperCore has begun"
    return token_address(settings, token)
