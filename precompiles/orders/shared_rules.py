"""Rules of markets and orders that both exchanges check in the same words."""

from __future__ import annotations

from collections.abc import Mapping

from precompiles.engine.book import OrderT, Side
from precompiles.errors import InvalidMarket, InvalidTimeInForce, WouldTakeLiquidity
from precompiles.ledger.perp.records import PerpMarket
from precompiles.ledger.spot import Market
from precompiles.types import MAX_AMOUNT, MAX_FEE_RATE, TIMES_IN_FORCE, ZERO_ADDRESS, TimeInForce


def check_units(market: Market | PerpMarket) -> None:
    """Check base unit, tick and lot of a market. Raises InvalidMarket naming the field."""
    units = {"baseUnit": market.base_unit, "tick": market.tick, "lot": market.lot}
    for name, value in units.items():
        if not 0 < value <= MAX_AMOUNT:
            raise InvalidMarket.of(name)


def check_limits(limits: Mapping[str, tuple[int, int]]) -> None:
    """Check values by field, each with its maximum. Raises InvalidMarket naming the field."""
    for name, (value, most) in limits.items():
        if value > most:
            raise InvalidMarket.of(name)


def fee_limits(market: Market | PerpMarket) -> dict[str, tuple[int, int]]:
    """Return the trading fees of a market by field, each with its maximum."""
    return {
        "makerFee": (market.maker_fee, MAX_FEE_RATE),
        "takerFee": (market.taker_fee, MAX_FEE_RATE),
    }


def check_fee_recipient(market: Market | PerpMarket) -> None:
    """Check that somebody receives the fees. Raises InvalidMarket."""
    if market.fee_recipient == ZERO_ADDRESS and (market.maker_fee or market.taker_fee):
        raise InvalidMarket.of("feeRecipient")


def check_time_in_force(value: int) -> None:
    """Check that there is such a time in force. Raises InvalidTimeInForce."""
    if value >= len(TIMES_IN_FORCE):
        raise InvalidTimeInForce(value)


def check_adds_liquidity(side: Side[OrderT], price: int, time_in_force: int) -> None:
    """Check that an ALO order at `price` meets nothing on `side`. Raises WouldTakeLiquidity."""
    if time_in_force == TimeInForce.ALO and side.crosses(price):
        assert side.best is not None
        raise WouldTakeLiquidity(price, side.best.price)
