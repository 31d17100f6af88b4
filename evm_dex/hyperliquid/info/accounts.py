"""Balances, positions, and what belongs to accounts."""

from __future__ import annotations

from evm_dex.hyperliquid.info.account_facts import leading_vaults
from evm_dex.hyperliquid.info.info_type import Info, User, UserSpan, info_type
from evm_dex.hyperliquid.info.markets import mark_of, meta_and_contexts, spot_context
from evm_dex.hyperliquid.info.orders import UserDex, frontend_open_orders, twap_states
from evm_dex.hyperliquid.info.universes import DexRequest, dex_of
from evm_dex.hyperliquid.listings import Listing, number, ratio, usd
from evm_dex.hyperliquid.tape import between
from evm_dex.hyperliquid.tape_records import Json
from precompiles.engine.amounts import ceil_divide, floor_divide
from precompiles.engine.liquidation_price import liquidation_price
from precompiles.engine.margin import leverage_schedule
from precompiles.engine.position import entry_price
from precompiles.hyper.dexs import dex_account
from precompiles.hyper.signed.account_actions import sub_accounts_of
from precompiles.hyper.system_addresses import token_address
from precompiles.hyper.unified import held
from precompiles.hyper.vaults import equity_of
from precompiles.ledger.perp.records import Position
from precompiles.perp.accrual import prices_at
from precompiles.perp.collateral import withdrawable_cash
from precompiles.perp.danger import judged_group
from precompiles.perp.health import Health, cross_health, funding_due, position_health, together
from precompiles.perp.markets import tiers_of
from precompiles.types import Address

_HYPE_PLACES = 8


class CoinOfUser(User):
    """A request about an account and a coin."""

    coin: str


@info_type("clearinghouseState", UserDex)
def clearinghouse_state(info: Info, request: UserDex) -> Json:
    """Return an account's margin and positions on a dex.

    A unified account's collateral is in its spot wallet: here is what its positions gained.
    """
    dex, ledger = dex_of(info, request.dex), info.ledger
    is_unified = ledger.core.is_unified(request.address)
    user = dex_account(ledger, dex, request.address)
    cash = 0 if is_unified else ledger.perp.cash(user)
    value, raw, notional, used = cash, cash, 0, 0
    cross = Health(cash, 0, 0, 0)
    cross_raw, cross_used = cash, 0
    positions = []
    for position in positions_of(info, user, dex):
        whole = health = position_health(ledger, position, info.now)
        market = ledger.perp.markets.rows[position.asset]
        prices = prices_at(ledger, market, info.now)
        behind = position.cash + funding_due(market, prices, position)
        if is_unified:
            health = health._replace(equity=health.equity - position.margin)
            behind -= position.margin
        margin = ceil_divide(health.notional, position.leverage)
        notional += health.notional
        raw += behind
        value += health.equity
        if position.has_own_cash:
            used += max(0, whole.equity)
        else:
            cross = together(0, (cross, health))
            cross_raw += behind
            used, cross_used = used + margin, cross_used + margin
        positions.append({"type": "oneWay", "position": _position(info, position, whole)})
    withdrawable = 0 if is_unified else max(0, withdrawable_cash(ledger, user, info.now))
    return {
        "marginSummary": _summary(value, notional, raw, used),
        "crossMarginSummary": _summary(cross.equity, cross.notional, cross_raw, cross_used),
        "crossMaintenanceMarginUsed": usd(cross.maintenance),
        "withdrawable": usd(withdrawable),
        "assetPositions": positions,
        "time": info.now_ms,
    }


@info_type("spotClearinghouseState", User)
def spot_clearinghouse_state(info: Info, request: User) -> Json:
    """Return an account's tokens."""
    ledger, settings = info.ledger, info.ledger.core.settings
    assert settings is not None, "HyperCore has begun"
    balances = []
    for token in ledger.core.tokens:
        address = token_address(settings, token.index)
        balance = held(ledger, request.address, token.index, info.now)
        entry = ledger.core.entries.get(address + request.address)
        if balance.total:
            balances.append(
                {
                    "coin": token.name,
                    "token": token.index,
                    "total": number(balance.total, token.wei_decimals),
                    "hold": number(balance.hold, token.wei_decimals),
                    "entryNtl": usd(entry.usd if entry else 0),
                }
            )
    return {"balances": balances}


@info_type("activeAssetData", CoinOfUser)
def active_asset_data(info: Info, request: CoinOfUser) -> Json:
    """Return what an account may trade of a perpetual."""
    listing = info.listing(request.coin)
    user = dex_account(info.ledger, listing.dex, request.address)
    market = info.ledger.perp.markets.rows[listing.address]
    chosen = info.ledger.perp.leverages.get(listing.address + user)
    usual = info.ledger.core.rules.default_leverage
    leverage = chosen.leverage if chosen else min(usual, market.max_leverage)
    is_cross = chosen is None or chosen.is_cross
    mark = mark_of(info, listing)
    available = max(0, cross_health(info.ledger, user, info.now).available)
    most = floor_divide(available * leverage * market.base_unit, mark) if mark else 0
    shown: Json = {"type": "cross" if is_cross else "isolated", "value": leverage}
    if not is_cross:
        shown["rawUsd"] = "0.0"
    return {
        "user": request.user.lower(),
        "coin": listing.coin,
        "leverage": shown,
        "maxTradeSzs": [listing.size(most)] * 2,
        "availableToTrade": [usd(available)] * 2,
        "markPx": listing.price(mark),
    }


@info_type("userFunding", UserSpan)
def user_funding(info: Info, request: UserSpan) -> list[Json]:
    """Return the funding that an account received and paid."""
    payments = info.tape.payments.get(request.address, ())
    return [it.json() for it in between(payments, request.start_time, request.end_time)]


@info_type("userNonFundingLedgerUpdates", UserSpan)
def user_ledger_updates(info: Info, request: UserSpan) -> list[Json]:
    """Return an account's transfers, deposits and withdrawals."""
    updates = info.tape.ledger_updates.get(request.address, ())
    return [it.json() for it in between(updates, request.start_time, request.end_time)]


@info_type("subAccounts2", User)
@info_type("subAccounts", User)
def sub_accounts(info: Info, request: User) -> list[Json] | None:
    """Return an account's sub-accounts; None for none."""
    found = []
    for address, record in sub_accounts_of(info.ledger, request.address):
        text = f"0x{address.hex()}"
        found.append(
            {
                "name": record.name,
                "subAccountUser": text,
                "master": request.user.lower(),
                "clearinghouseState": clearinghouse_state(info, UserDex(text)),
                "spotState": spot_clearinghouse_state(info, User(text)),
            }
        )
    return found or None


@info_type("webData2", User)
def web_data(info: Info, request: User) -> Json:
    """Return all that a page shows of an account."""
    user = UserDex(request.user)
    meta, contexts = meta_and_contexts(info, DexRequest())
    return {
        "clearinghouseState": clearinghouse_state(info, user),
        "leadingVaults": leading_vaults(info, request),
        "totalVaultEquity": usd(
            sum(
                equity_of(info.ledger, request.address, Address(key[:20]), info.now)
                for key in info.ledger.core.vault_shares.rows
                if key[20:] == request.address
            )
        ),
        "openOrders": frontend_open_orders(info, user),
        "agentAddress": None,
        "agentValidUntil": None,
        "cumLedger": "0.0",
        "meta": meta,
        "assetCtxs": contexts,
        "serverTime": info.now_ms,
        "isVault": info.ledger.core.vaults.get(request.address) is not None,
        "user": request.user.lower(),
        "twapStates": [list(state) for state in twap_states(info, request.address)],
        "spotState": spot_clearinghouse_state(info, request),
        "spotAssetCtxs": [spot_context(info, listing) for listing in info.listings.pairs],
        "perpsAtOpenInterestCap": [],
    }


def positions_of(info: Info, account: Address, dex: int) -> list[Position]:
    """Return an account's open positions that orders change, in the order of the markets."""
    listings = info.listings.perps(dex)
    found = (info.ledger.perp.netting_position(account, it.address) for it in listings)
    return [position for position in found if position is not None]


def _position(info: Info, position: Position, health: Health) -> Json:
    listing = info.listings.by_address[position.asset]
    market = info.ledger.perp.markets.rows[position.asset]
    prices = prices_at(info.ledger, market, info.now)
    funding = -funding_due(market, prices, position)
    value = health.notional
    pnl = value - position.entry_notional if position.is_long else position.entry_notional - value
    margin = ceil_divide(health.notional, position.leverage)
    leverage: Json = {"type": "cross", "value": position.leverage}
    if position.has_own_cash:
        leverage = {"type": "isolated", "value": position.leverage, "rawUsd": usd(position.cash)}
        margin = max(0, health.equity)
    basis = floor_divide(position.entry_notional, position.leverage)
    return {
        "coin": listing.coin,
        "szi": listing.size(position.size),
        "leverage": leverage,
        "entryPx": listing.price(
            entry_price(position.size, position.entry_notional, market.base_unit)
        ),
        "positionValue": usd(value),
        "unrealizedPnl": usd(pnl),
        "returnOnEquity": ratio(pnl, basis) if pnl >= 0 else f"-{ratio(-pnl, basis)}",
        "liquidationPx": _liquidation_price(info, listing, position),
        "marginUsed": usd(margin),
        "maxLeverage": market.max_leverage,
        "cumFunding": {
            "allTime": usd(funding),
            "sinceOpen": usd(funding),
            "sinceChange": usd(funding),
        },
    }


def _liquidation_price(info: Info, listing: Listing, position: Position) -> str | None:
    market = info.ledger.perp.markets.rows[position.asset]
    prices = prices_at(info.ledger, market, info.now)
    health = judged_group(info.ledger, position, info.now)
    schedule = leverage_schedule(tiers_of(market))
    price = liquidation_price(
        position.size, prices.oracle, health.maintenance_excess, schedule, market.base_unit
    )
    return None if price is None else listing.price(price)


def _summary(value: int, notional: int, raw: int, used: int) -> Json:
    return {
        "accountValue": usd(value),
        "totalNtlPos": usd(notional),
        "totalRawUsd": usd(raw),
        "totalMarginUsed": usd(used),
    }
