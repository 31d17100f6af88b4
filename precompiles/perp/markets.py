"""Listing perpetual markets, changing their rules, and what their grid allows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from precompiles.engine.margin import Tier, is_margin_table
from precompiles.errors import (
    AmountNotMultipleOfLot,
    AmountTooLarge,
    AmountZero,
    CollateralAlreadySet,
    CollateralNotSet,
    InvalidMarket,
    MarketExists,
    PriceNotMultipleOfTick,
    PriceZero,
    UnknownMarket,
)
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket
from precompiles.ledger.record import grow, shrink
from precompiles.orders.shared_rules import (
    check_fee_recipient,
    check_limits,
    check_units,
    fee_limits,
)
from precompiles.perp.accrual import accrue
from precompiles.perp.events import BackstopSet, CollateralSet, MarketChanged, MarketListed
from precompiles.types import (
    FEE_DENOMINATOR,
    MAX_AMOUNT,
    MAX_FEE_RATE,
    MAX_LEVERAGE,
    MAX_PERP_VALUE,
    NATIVE_COIN,
    ZERO_ADDRESS,
    Address,
    SelfTradePrevention,
)

DEFAULT_PRICE_AGE = 60
DEFAULT_SLIPPAGE = 5_000
DEFAULT_COOLDOWN = 30
MAX_TIERS = 20
MAX_SECONDS = 2**32 - 1


def set_collateral(execution: Execution, token: Address) -> None:
    """Choose the token of all margin, once; only the exchange's owner may.

    Raises NotExchangeOwner, CollateralAlreadySet, or InvalidMarket for what is no ERC-20.
    """
    ledger = execution.ledger
    execution.require_owner()
    settings = ledger.perp.settings
    if settings.collateral != ZERO_ADDRESS:
        raise CollateralAlreadySet(settings.collateral)
    if token in (ZERO_ADDRESS, NATIVE_COIN):
        raise InvalidMarket.of("collateral")
    ledger.perp.settings = replace(settings, collateral=token)
    execution.emit(CollateralSet(token))


def set_backstop(execution: Execution, account: Address) -> None:
    """Choose the account that takes over positions the book cannot absorb; zero for none."""
    ledger = execution.ledger
    execution.require_owner()
    ledger.perp.settings = replace(ledger.perp.settings, backstop=account)
    execution.emit(BackstopSet(account))


def list_market(
    execution: Execution,
    asset: Address,
    base_unit: int,
    tick: int,
    lot: int,
    max_leverage: int,
    feeder: Address,
) -> None:
    """Open a market with usual rules; only the exchange's owner may. Units as in `PerpMarket`.

    Raises NotExchangeOwner, CollateralNotSet, MarketExists, or InvalidMarket naming the field.
    """
    ledger = execution.ledger
    execution.require_owner()
    require_collateral(ledger)
    if ledger.perp.markets.get(asset):
        raise MarketExists(asset)
    market = PerpMarket(
        asset=asset,
        number=len(ledger.perp.markets.rows),
        base_unit=base_unit,
        tick=tick,
        lot=lot,
        maker_fee=0,
        taker_fee=0,
        liquidation_fee=0,
        fee_recipient=ZERO_ADDRESS,
        self_trade_prevention=SelfTradePrevention.EXPIRE_MAKER,
        feeder=feeder,
        max_price_age=DEFAULT_PRICE_AGE,
        max_slippage=DEFAULT_SLIPPAGE,
        partial_notional=0,
        cooldown=DEFAULT_COOLDOWN,
        max_open_interest=0,
        minimum_notional=0,
        price_band=0,
        impact_notional=0,
        vault=ZERO_ADDRESS,
        vault_limit=0,
        tiers=((b"", max_leverage),),
    )
    _check_market(market)
    ledger.perp.markets.put(asset, market)
    execution.emit(MarketListed(asset, base_unit, tick, lot, max_leverage, feeder))


def change_market(execution: Execution, asset: Address, what: str, **rules: Any) -> None:
    """Change some rules of a market; only the exchange's owner may.

    `what` is the method of the interface that did, for the log. Raises NotExchangeOwner,
    UnknownMarket, or InvalidMarket naming the field.
    """
    ledger = execution.ledger
    execution.require_owner()
    market = require_market(ledger, asset)
    # What was sampled until now followed the old rules.
    accrue(execution, market)
    market = replace(market, **rules)
    _check_market(market)
    ledger.perp.markets.put(asset, market)
    execution.emit(MarketChanged(asset, what.encode().ljust(32, b"\0")))


def stored_tiers(tiers: Sequence[tuple[int, int]]) -> tuple[tuple[bytes, int], ...]:
    """Return tiers in their stored form. Raises InvalidMarket unless they are a margin table."""
    if len(tiers) > MAX_TIERS or not is_margin_table(tiers) or tiers[-1][0] > MAX_AMOUNT:
        raise InvalidMarket.of("tiers")
    return tuple((shrink(bound), leverage) for bound, leverage in tiers)


@lru_cache(maxsize=1024)
def _tiers(stored: tuple[tuple[bytes, int], ...]) -> tuple[Tier, ...]:
    return tuple(Tier(grow(bound), leverage) for bound, leverage in stored)


def tiers_of(market: PerpMarket) -> tuple[Tier, ...]:
    """Return the margin table of a market."""
    return _tiers(market.tiers)


def listed_markets(ledger: Ledger) -> list[PerpMarket]:
    """Return all markets in the order of listing, which is the same on every machine."""
    return sorted(ledger.perp.markets.rows.values(), key=lambda market: market.number)


def require_market(ledger: Ledger, asset: Address) -> PerpMarket:
    """Return the market of an asset. Raises UnknownMarket."""
    market = ledger.perp.markets.get(asset)
    if market is None:
        raise UnknownMarket(asset)
    return market


def require_collateral(ledger: Ledger) -> Address:
    """Return the token of all margin. Raises CollateralNotSet."""
    token = ledger.perp.settings.collateral
    if token == ZERO_ADDRESS:
        raise CollateralNotSet
    return token


def check_amount(market: PerpMarket, amount: int) -> None:
    """Check that a size is positive, within limits, and a multiple of the lot."""
    if amount == 0:
        raise AmountZero
    if amount > MAX_PERP_VALUE:
        raise AmountTooLarge(amount, MAX_PERP_VALUE)
    if amount % market.lot:
        raise AmountNotMultipleOfLot(amount, market.lot)


def check_price(market: PerpMarket, price: int) -> None:
    """Check that a price is positive, within limits, and a multiple of the tick."""
    if price == 0:
        raise PriceZero
    if price > MAX_PERP_VALUE:
        raise AmountTooLarge(price, MAX_PERP_VALUE)
    if price % market.tick:
        raise PriceNotMultipleOfTick(price, market.tick)


def _check_market(market: PerpMarket) -> None:
    """Check every rule against its limits; the names are those of the interface."""
    limits = {
        "partialNotional": (market.partial_notional, MAX_AMOUNT),
        "maxOpenInterest": (market.max_open_interest, MAX_AMOUNT),
        "minimumNotional": (market.minimum_notional, MAX_AMOUNT),
        "impactNotional": (market.impact_notional, MAX_AMOUNT),
        "vaultLimit": (market.vault_limit, MAX_AMOUNT),
        "maxPriceAge": (market.max_price_age, MAX_SECONDS),
        "cooldown": (market.cooldown, MAX_SECONDS),
        **fee_limits(market),
        "liquidationFee": (market.liquidation_fee, MAX_FEE_RATE),
        "maxSlippage": (market.max_slippage, FEE_DENOMINATOR - 1),
        "priceBand": (market.price_band, FEE_DENOMINATOR - 1),
    }
    check_units(market)
    check_limits(limits)
    if not all(0 < leverage <= MAX_LEVERAGE for _, leverage in market.tiers):
        raise InvalidMarket.of("maxLeverage")
    if market.asset == ZERO_ADDRESS:
        raise InvalidMarket.of("market")
    check_fee_recipient(market)
