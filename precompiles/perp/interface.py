"""The perpetuals exchange as one precompile."""

from __future__ import annotations

from precompiles.perp.methods.account_methods import AccountMethods
from precompiles.perp.methods.market_methods import MarketMethods
from precompiles.perp.methods.order_methods import OrderMethods
from precompiles.perp.methods.position_methods import PositionMethods
from precompiles.types import PERP_ADDRESS


class Perp(OrderMethods, PositionMethods, AccountMethods, MarketMethods):
    """The perpetuals exchange, IPerp."""

    address = PERP_ADDRESS
