"""The perpetuals exchange as one precompile."""

from __future__ import annotations

from precompiles.perp.methods.accounts import AccountMethods
from precompiles.perp.methods.markets import MarketMethods
from precompiles.perp.methods.orders import OrderMethods
from precompiles.perp.methods.positions import PositionMethods


class Perp(OrderMethods, PositionMethods, AccountMethods, MarketMethods):
    """IPerp."""
