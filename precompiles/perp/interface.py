"""The perpetuals exchange as one precompile."""

from __future__ import annotations

from precompiles.perp.methods.account_methods import AccountMethods
from precompiles.perp.methods.market_methods import MarketMethods
from precompiles.perp.methods.order_methods import OrderMethods
from precompiles.perp.methods.position_methods import PositionMethods


class Perp(OrderMethods, PositionMethods, AccountMethods, MarketMethods):
    """IPerp."""
