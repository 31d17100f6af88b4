"""Oracle prices, and their age."""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.engine.mark import BASIS_PERIOD, BOOK_PERIOD, FIXED
from precompiles.errors import AmountTooLarge, NoOraclePrice, NotFeeder, PriceZero, StalePrice
from precompiles.execution import Execution
from precompiles.ledger.perp.records import PerpMarket, PerpPrices
from precompiles.perp.accrual import accrue, mark_price_of
from precompiles.perp.events import OraclePriceSet
from precompiles.perp.markets import require_market
from precompiles.types import MAX_PERP_VALUE, Address


def set_price(execution: Execution, asset: Address, oracle: int, external: int) -> int:
    """Take the feeder's price, and what the asset costs on other perpetual markets (0: unknown).

    Returns the mark price that follows, from the book as it is now. Raises UnknownMarket,
    NotFeeder, PriceZero or AmountTooLarge.
    """
    ledger = execution.ledger
    market = require_market(ledger, asset)
    if execution.caller != market.feeder:
        raise NotFeeder(asset, execution.caller, market.feeder)
    if oracle == 0:
        raise PriceZero
    for price in (oracle, external):
        if price > MAX_PERP_VALUE:
            raise AmountTooLarge(price, MAX_PERP_VALUE)
    prices = accrue(execution, market)
    if prices.oracle == 0:
        prices = _begun(prices, oracle)
    prices = replace(prices, oracle=oracle, oracle_time=execution.now, external=external)
    prices = replace(prices, mark=mark_price_of(ledger, market, prices))
    ledger.perp.prices.put(asset, prices)
    execution.emit(OraclePriceSet(asset, oracle, prices.mark))
    return prices.mark


def _begun(prices: PerpPrices, oracle: int) -> PerpPrices:
    """Return averages that have seen the first price for a period, so that no sample is all."""
    return replace(
        prices,
        basis_denominator=BASIS_PERIOD * FIXED,
        book_numerator=oracle * BOOK_PERIOD * FIXED,
        book_denominator=BOOK_PERIOD * FIXED,
    )


def require_price(market: PerpMarket, prices: PerpPrices) -> None:
    """Check that there is a price. Raises NoOraclePrice."""
    if prices.oracle == 0:
        raise NoOraclePrice(market.asset)


def require_fresh(market: PerpMarket, prices: PerpPrices, now: int) -> None:
    """Check that the price is fresh enough. Raises NoOraclePrice or StalePrice."""
    require_price(market, prices)
    if not is_fresh(market, prices, now):
        raise StalePrice(market.asset, prices.oracle_time, market.max_price_age)


def is_fresh(market: PerpMarket, prices: PerpPrices, now: int) -> bool:
    """Return whether there is a price that is not too old."""
    return prices.oracle > 0 and now - prices.oracle_time <= market.max_price_age
