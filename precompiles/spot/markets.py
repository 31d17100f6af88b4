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
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.spot.records import Market
from precompiles.ownership import require_owner
from precompiles.spot.events import MarketListed, OwnershipTransferred
from precompiles.spot.execution import Execution
from precompiles.types import (
    MAX_AMOUNT,
    MAX_FEE_RATE,
    ZERO_ADDRESS,
    Address,
    SelfTradePrevention,
)


def list_market(
    ledger: Ledger,
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
    require_owner(ledger, execution.caller)
    if ledger.markets.get(asset):
        raise MarketExists(asset)
    if self_trade_prevention > max(SelfTradePrevention):
        raise _invalid("selfTradePrevention")
    market = Market(
        asset,
        len(ledger.markets.rows),
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
    ledger.markets.put(asset, market)
    execution.events.append(MarketListed.of(market))


def transfer_ownership(ledger: Ledger, execution: Execution, new_owner: Address) -> None:
    """Hand the exchange over; only its owner may. Raises NotExchangeOwner."""
    previous = require_owner(ledger, execution.caller)
    ledger.set_owner(new_owner)
    execution.events.append(OwnershipTransferred(previous, new_owner))


def require_market(ledger: Ledger, asset: Address) -> Market:
    """The market of an asset, or UnknownMarket."""
    market = ledger.markets.get(asset)
    if market is None:
        raise UnknownMarket(asset)
    return market


def check_grid(market: Market, amount: int, price: int) -> None:
    """Amount and price must be positive, within limits, and on the market's grid."""
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
    """Nothing beyond 128 bits: an error, not a wrap."""
    if value > MAX_AMOUNT:
        raise AmountTooLarge(value, MAX_AMOUNT)


def _check_market(market: Market) -> None:
    sizes = {"baseUnit": market.base_unit, "tick": market.tick, "lot": market.lot}
    for name, value in sizes.items():
        if not 0 < value <= MAX_AMOUNT:
            raise _invalid(name)
    for name, rate in {"makerFee": market.maker_fee, "takerFee": market.taker_fee}.items():
        if rate > MAX_FEE_RATE:
            raise _invalid(name)
    if market.asset == ZERO_ADDRESS:
        raise _invalid("asset")
    if market.quote in (ZERO_ADDRESS, market.asset):
        raise _invalid("quote")
    if market.fee_recipient == ZERO_ADDRESS and (market.maker_fee or market.taker_fee):
        raise _invalid("feeRecipient")


def _invalid(field: str) -> InvalidMarket:
    return InvalidMarket(field.encode().ljust(32, b"\0"))
