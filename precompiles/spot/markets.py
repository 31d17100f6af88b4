"""Listing markets, and what a market's grid allows."""

from __future__ import annotations

from precompiles.errors import (
    AmountNotMultipleOfLot,
    AmountTooLarge,
    AmountZero,
    InvalidMarket,
    MarketExists,
    PriceNotMultipleOfTick,
    PriceZero,
    UnknownMarket,
)
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.spot import Market
from precompiles.orders.shared_rules import (
    check_fee_recipient,
    check_limits,
    check_units,
    fee_limits,
)
from precompiles.spot.events import MarketListed, OwnershipTransferred
from precompiles.types import (
    MAX_AMOUNT,
    ZERO_ADDRESS,
    Address,
    SelfTradePrevention,
)


def list_market(
    execution: Execution,
    *,
    asset: Address,
    quote: Address,
    base_unit: int,
    tick: int,
    lot: int,
    maker_fee: int,
    taker_fee: int,
    self_trade_prevention: int,
    fee_recipient: Address,
) -> None:
    """Open a market; only the exchange's owner may. Units are those of `Market`.

    Raises NotExchangeOwner, MarketExists, or InvalidMarket naming the field.
    """
    execution.require_owner()
    markets = execution.ledger.spot.markets
    if markets.get(asset):
        raise MarketExists(asset)
    if self_trade_prevention > max(SelfTradePrevention):
        raise InvalidMarket.of("selfTradePrevention")
    market = Market(
        asset,
        len(markets.rows),
        quote,
        base_unit,
        tick,
        lot,
        maker_fee,
        taker_fee,
        SelfTradePrevention(self_trade_prevention),
        fee_recipient,
    )
    _check_market(market)
    markets.put(asset, market)
    execution.emit(MarketListed.of(market))


def transfer_ownership(execution: Execution, new_owner: Address) -> None:
    """Hand the exchanges over; only their owner may. Raises NotExchangeOwner."""
    previous = execution.require_owner()
    execution.ledger.set_owner(new_owner)
    execution.emit(OwnershipTransferred(previous, new_owner))


def listed_markets(ledger: Ledger) -> list[Market]:
    """Return all markets in the order of listing."""
    return sorted(ledger.spot.markets.rows.values(), key=lambda market: market.number)


def require_market(ledger: Ledger, asset: Address) -> Market:
    """Return the market of an asset. Raises UnknownMarket."""
    market = ledger.spot.markets.get(asset)
    if market is None:
        raise UnknownMarket(asset)
    return market


def check_grid(market: Market, amount: int, price: int) -> None:
    """Check that amount and price are positive, within limits, and on the market's grid."""
    if amount == 0:
        raise AmountZero
    if price == 0:
        raise PriceZero
    check_size(amount)
    check_size(price)
    if amount % market.lot:
        raise AmountNotMultipleOfLot(amount, market.lot)
    if price % market.tick:
        raise PriceNotMultipleOfTick(price, market.tick)


def check_size(value: int) -> None:
    """Refuse values beyond 128 bits. Raises AmountTooLarge."""
    if value > MAX_AMOUNT:
        raise AmountTooLarge(value, MAX_AMOUNT)


def _check_market(market: Market) -> None:
    check_units(market)
    check_limits(fee_limits(market))
    if market.asset == ZERO_ADDRESS:
        raise InvalidMarket.of("asset")
    if market.quote in (ZERO_ADDRESS, market.asset):
        raise InvalidMarket.of("quote")
    check_fee_recipient(market)
