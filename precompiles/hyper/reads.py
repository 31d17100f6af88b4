"""Answers of the read precompiles, from the ledger as it is.

Within the users' transactions of a block the ledger stands still, so what they see is HyperCore
as the block was begun. What has no engine here answers as for an account that never used it.
Source of inputs and outputs: the published L1Read interface and recorded answers of the chain.
"""

from __future__ import annotations

from typing import NamedTuple

from precompiles.engine.amounts import ceil_divide
from precompiles.hyper import words
from precompiles.hyper.asset_ids import AssetKind, parse_asset_id, perp_id
from precompiles.hyper.dexs import FIRST_DEX, dex_account
from precompiles.hyper.prices import pair_market, pair_price
from precompiles.hyper.staking import delegations_of
from precompiles.hyper.system_addresses import EMISSIONS, perp_address, token_address
from precompiles.hyper.unified import held
from precompiles.hyper.units import read_perp_price, read_spot_price
from precompiles.hyper.vaults import equity_of
from precompiles.hyper.words import ReadFailed, i64, struct, u64
from precompiles.ledger.hyper.records import CorePair, CorePerp, CoreSettings, CoreToken
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpPrices, Position
from precompiles.perp.accrual import prices_at
from precompiles.perp.health import cross_health, funding_due, position_health
from precompiles.types import Address

L1_BLOCKS_PER_SECOND = 14
"""HyperCore's own pace, as observed in 2026."""
_MILLISECONDS = 1_000
_NO_QUESTION = 2**32 - 1
_BASE_BORROW_RATE = 500
"""Basis points a year of a loan while the reserve is hardly used."""


class View(NamedTuple):
    """The ledger at a block time, as one read sees it."""

    ledger: Ledger
    settings: CoreSettings
    now: int

    def perp(self, number: int) -> CorePerp:
        """Return a perpetual by number. Raises ReadFailed."""
        perp = self.ledger.core.perp(number)
        if perp is None:
            raise ReadFailed(f"there is no perpetual {number}")
        return perp

    def pair(self, index: int) -> CorePair:
        """Return a spot pair by index. Raises ReadFailed."""
        pair = self.ledger.core.pair(index)
        if pair is None:
            raise ReadFailed(f"there is no spot pair {index}")
        return pair

    def token(self, index: int) -> CoreToken:
        """Return a token by index. Raises ReadFailed."""
        token = self.ledger.core.token(index)
        if token is None:
            raise ReadFailed(f"there is no token {index}")
        return token

    def prices(self, perp: CorePerp) -> PerpPrices:
        """Return a perpetual's prices at the block's time."""
        market = self.ledger.perp.markets.rows[perp_address(perp.perp_id)]
        return prices_at(self.ledger, market, self.now)

    def token_address(self, index: int) -> Address:
        """Return the address by which the ledger knows a token."""
        return token_address(self.settings, index)


def position(view: View, user: Address, number: int) -> bytes:
    """Signed size, entry notional, cash behind an isolated one, leverage, whether isolated."""
    asset = perp_address(number)
    user = dex_account(view.ledger, view.perp(number).dex, user)
    found = view.ledger.perp.netting_position(user, asset)
    if found is None:
        chosen = view.ledger.perp.leverages.get(asset + user)
        leverage, is_isolated = (chosen.leverage, not chosen.is_cross) if chosen else (0, False)
        return u64(0) * 3 + u64(leverage) + u64(is_isolated)
    cash = found.cash if found.has_own_cash else 0
    return (
        i64(found.size)
        + u64(found.entry_notional)
        + i64(cash)
        + u64(found.leverage)
        + u64(found.has_own_cash)
    )


def spot_balance(view: View, user: Address, index: int) -> bytes:
    """Total, hold, and what it was bought for; a unified user's collateral is here."""
    view.token(index)
    address = view.token_address(index)
    balance = held(view.ledger, user, index, view.now)
    entry = view.ledger.core.entries.get(address + user)
    return u64(balance.total) + u64(balance.hold) + u64(entry.usd if entry else 0)


def user_vault_equity(view: View, user: Address, vault: Address) -> bytes:
    """Read what a user's part of a vault is worth, and its lock's end in milliseconds."""
    if view.ledger.core.vaults.get(vault) is None:
        raise ReadFailed(f"there is no vault 0x{vault.hex()}")
    share = view.ledger.core.vault_shares.get(vault + user)
    until = share.locked_until if share else 0
    return u64(equity_of(view.ledger, user, vault, view.now)) + u64(until * _MILLISECONDS)


def withdrawable(view: View, user: Address) -> bytes:
    """Read the collateral that may leave the first perpetuals dex; 0 for a unified user."""
    if view.ledger.core.is_unified(user):
        return u64(0)
    return u64(max(0, cross_health(view.ledger, user, view.now).withdrawable))


def delegations(view: View, user: Address) -> bytes:
    """Read validators, amounts, and their locks' ends in milliseconds; by validator."""
    rows = [
        words.address(validator) + u64(it.amount) + u64(it.locked_until * _MILLISECONDS)
        for validator, it in delegations_of(view.ledger, user)
    ]
    return u64(32) + words.array(rows)


def delegator_summary(view: View, user: Address) -> bytes:
    """Read what is delegated, undelegated, on its way out, and in how many withdrawals."""
    core = view.ledger.core
    stake = core.stakes.get(user)
    leaving = [it.amount for it in core.unstaking.rows.values() if it.user == user]
    total = core.delegated.get(user)
    undelegated, delegated = stake.undelegated if stake else 0, total.wei if total else 0
    return u64(delegated) + u64(undelegated) + u64(sum(leaving)) + u64(len(leaving))


def mark_price(view: View, number: int) -> bytes:
    """With 6 - szDecimals decimals."""
    perp = view.perp(number)
    return u64(read_perp_price(view.prices(perp).mark, perp.size_decimals))


def oracle_price(view: View, number: int) -> bytes:
    """With 6 - szDecimals decimals."""
    perp = view.perp(number)
    return u64(read_perp_price(view.prices(perp).oracle, perp.size_decimals))


def spot_price(view: View, index: int) -> bytes:
    """Read the median of best bid, best ask and last trade; the last trade if one-sided."""
    pair = view.pair(index)
    return u64(_read_spot(view, pair, pair_price(view.ledger, view.settings, pair)))


def l1_block_number(view: View) -> bytes:
    """HyperCore's block, which goes on with block time."""
    elapsed = view.now - view.settings.l1_time
    return u64(view.settings.l1_block + L1_BLOCKS_PER_SECOND * elapsed)


def perp_asset_info(view: View, number: int) -> bytes:
    """Coin, margin table, decimals of sizes, leverage, and whether it is isolated only."""
    perp = view.perp(number)
    market = view.ledger.perp.markets.rows[perp_address(number)]
    return struct(
        (words.text(perp.coin),),
        u64(perp.margin_table),
        u64(perp.size_decimals),
        u64(market.max_leverage),
        u64(perp.only_isolated),
    )


def spot_info(view: View, index: int) -> bytes:
    """Name, base and quote."""
    pair = view.pair(index)
    return struct((words.text(pair.name),), u64(pair.base) + u64(pair.quote))


def token_info(view: View, index: int) -> bytes:
    """Name, pairs, fee share, deployer, linked contract, and decimals."""
    token = view.token(index)
    pairs = [u64(pair.index) for pair in view.ledger.core.pairs if index in (pair.base, pair.quote)]
    return struct(
        (words.text(token.name),),
        (words.array(pairs),),
        u64(token.deployer_fee_share),
        words.address(token.deployer),
        words.address(token.evm_contract),
        u64(token.size_decimals),
        u64(token.wei_decimals),
        i64(token.evm_extra_decimals),
    )


def token_supply(view: View, index: int) -> bytes:
    """Maximum, total and circulating supply, future emissions, and who holds the difference."""
    token = view.token(index)
    address = view.token_address(index)
    total = view.ledger.spot.token_total(address)
    emissions = view.ledger.spot.balance(EMISSIONS, address).total
    supply = u64(token.max_supply) + u64(total) + u64(total - emissions) + u64(emissions)
    return struct(supply, (words.array(()),))


def best_prices(view: View, asset: int) -> bytes:
    """Best bid and ask; 0 where a side is empty."""
    found = parse_asset_id(asset)
    if found is None or found.kind is AssetKind.OUTCOME:
        raise ReadFailed(f"there is no asset {asset}")
    if found.kind is AssetKind.SPOT:
        pair = view.pair(found.number)
        market = pair_market(view.ledger, view.settings, pair)
        prices = view.ledger.spot.book(market).best_prices()
        return b"".join(u64(_read_spot(view, pair, price)) for price in prices)
    perp = view.perp(perp_id(found))
    prices = view.ledger.perp.book(perp_address(perp.perp_id)).best_prices()
    return b"".join(u64(read_perp_price(price, perp.size_decimals)) for price in prices)


def account_margin_summary(view: View, dex: int, user: Address) -> bytes:
    """Account value, margin in use, notional of positions, and cash without them.

    A unified user's collateral is in its spot wallet: here is what its positions gained.
    """
    if dex != FIRST_DEX and view.ledger.core.dex(dex) is None:
        raise ReadFailed(f"there is no perpetuals dex {dex}")
    perp, is_unified = view.ledger.perp, view.ledger.core.is_unified(user)
    user = dex_account(view.ledger, dex, user)
    value = raw = 0 if is_unified else perp.cash(user)
    margin = notional = 0
    for found in _positions(view.ledger, user, dex):
        market = perp.markets.rows[found.asset]
        health = position_health(view.ledger, found, view.now)
        cash = found.cash + funding_due(market, prices_at(view.ledger, market, view.now), found)
        elsewhere = found.margin if is_unified else 0
        value += health.equity - elsewhere
        raw += cash - elsewhere
        notional += health.notional
        used = ceil_divide(health.notional, found.leverage)
        margin += max(0, health.equity) if found.has_own_cash else used
    return i64(value) + u64(margin) + u64(notional) + i64(raw)


def core_user_exists(view: View, user: Address) -> bytes:
    """Whether it ever received anything."""
    return u64(view.ledger.core.user(user) is not None)


def borrow_lend_user_state(view: View, user: Address, index: int) -> bytes:
    """Nobody has a loan, and the chain has no answer for those who never had one."""
    view.token(index)
    raise ReadFailed(f"0x{user.hex()} never borrowed or lent token {index}")


def borrow_lend_reserve_state(view: View, index: int) -> bytes:
    """Read a reserve that nobody uses."""
    view.token(index)
    return u64(_BASE_BORROW_RATE) + u64(0) * 7


def outcome_status(view: View, outcome: int) -> bytes:
    """Read an outcome; there are none."""
    del view, outcome
    return u64(0) + u64(0) + u64(_NO_QUESTION)


def _positions(ledger: Ledger, user: Address, dex: int) -> list[Position]:
    """Return an account's netting positions on a dex, by market."""
    assets = (perp_address(perp.perp_id) for perp in ledger.core.perps if perp.dex == dex)
    held = (ledger.perp.netting_position(user, asset) for asset in assets)
    return [found for found in held if found is not None]


def _read_spot(view: View, pair: CorePair, price: int) -> int:
    base, quote = view.token(pair.base), view.token(pair.quote)
    return read_spot_price(price, quote.wei_decimals, base.size_decimals)
