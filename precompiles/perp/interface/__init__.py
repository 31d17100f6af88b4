"""IPerp: each method declared once, in a file per subject."""

from __future__ import annotations

from precompiles.perp.interface.account_methods import AccountMethods
from precompiles.perp.interface.market_methods import MarketMethods
from precompiles.perp.interface.order_methods import OrderMethods
from precompiles.perp.interface.position_methods import PositionMethods
from precompiles.types import PERP_ADDRESS


class Perp(OrderMethods, PositionMethods, AccountMethods, MarketMethods):
    """The perpetuals exchange, IPerp."""

    address = PERP_ADDRESS
