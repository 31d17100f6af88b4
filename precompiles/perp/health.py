"""Health of accounts and positions: equity, and the margin required.

An account's cross positions are judged together, in one pass over them; a position with its own
collateral alone. What may be risked is reckoned at the mark price; what may be liquidated is not
(see `danger`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from precompiles.engine.amounts import ceil_divide, floor_divide
from precompiles.engine.funding import funding_change
from precompiles.engine.liquidation_price import is_liquidatable
from precompiles.engine.margin import (
    initial_margin,
    maintenance_margin,
    notional_up,
    position_value,
    required_initial_margin,
)
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket, PerpPrices, Position
from precompiles.perp.accrual import prices_at
from precompiles.perp.markets import tiers_of
from precompiles.perp.oracle import require_fresh
from precompiles.types import Address, PositionKind

HEALTH_GAS = 300
"""For each position read to judge an account."""
STANDALONE_MAINTENANCE = 10
"""A standalone position is liquidated when a tenth of its margin is left."""
REMAINING_SHARE = 10
"""Taking collateral out leaves at least a tenth of the positions' notional."""


class Health(NamedTuple):
    """All in collateral; margins and notional rounded up, equity down."""

    equity: int
    initial: int
    maintenance: int
    notional: int

    @property
    def available(self) -> int:
        """Margin available for new positions; negative where margin is missing."""
        return self.equity - self.initial

    @property
    def withdrawable(self) -> int:
        """Collateral that may be taken out (Hyperliquid's rule); negative for nothing."""
        return self.equity - max(self.initial, ceil_divide(self.notional, REMAINING_SHARE))

    @property
    def maintenance_excess(self) -> int:
        """Equity beyond the maintenance margin; negative where it is missing."""
        return self.equity - self.maintenance

    @property
    def is_liquidatable(self) -> bool:
        """Return whether the maintenance margin is missing."""
        return is_liquidatable(self.equity, self.maintenance)


def cross_health(ledger: Ledger, user: Address, now: int) -> Health:
    """Return the health of an account's cash and cross positions, at the mark prices of now."""
    rows, ids = ledger.perp.positions.rows, ledger.perp.open_positions.cross.of(user)
    return together(ledger.perp.cash(user), (position_health(ledger, rows[i], now) for i in ids))


def charged_health(execution: Execution, user: Address) -> Health:
    """`cross_health`, paid for by the caller."""
    ledger = execution.ledger
    execution.charge(HEALTH_GAS * len(ledger.perp.open_positions.cross.of(user)))
    return cross_health(ledger, user, execution.now)


def position_health(ledger: Ledger, position: Position, now: int) -> Health:
    """One position with its own cash; for a cross position its part in the account's health."""
    market = ledger.perp.markets.rows[position.asset]
    prices = prices_at(ledger, market, now)
    value = position_value(position.size, prices.mark, market.base_unit)
    equity = position.cash + value + funding_due(market, prices, position)
    return health_at(market, position, prices.mark, equity)


def health_at(market: PerpMarket, position: Position, price: int, equity: int) -> Health:
    """Return a position's health with the margins required at a price."""
    notional = notional_up(position.size, price, market.base_unit)
    tiers = tiers_of(market)
    if position.kind == PositionKind.STANDALONE:
        maintenance = floor_divide(entry_margin(position), STANDALONE_MAINTENANCE)
    else:
        maintenance = maintenance_margin(notional, tiers)
    initial = required_initial_margin(notional, position.leverage, tiers)
    return Health(equity, initial, maintenance, notional)


def together(cash: int, healths: Iterable[Health]) -> Health:
    """Cash and what stands behind it as one."""
    equity, initial, maintenance, notional = cash, 0, 0, 0
    for health in healths:
        equity += health.equity
        initial += health.initial
        maintenance += health.maintenance
        notional += health.notional
    return Health(equity, initial, maintenance, notional)


def funding_due(market: PerpMarket, prices: PerpPrices, position: Position) -> int:
    """Return what settling funding now would add to the position's cash."""
    change = prices.funding_index - position.funding_index
    return funding_change(position.size, change, market.base_unit)


def entry_margin(position: Position) -> int:
    """Return the margin that a standalone position of this size was opened with."""
    return initial_margin(position.entry_notional, position.leverage)


def require_fresh_account(ledger: Ledger, user: Address, now: int) -> None:
    """Check the prices behind an account's cross positions. Raises StalePrice for the first."""
    for position_id in ledger.perp.open_positions.cross.of(user):
        market = ledger.perp.markets.rows[ledger.perp.positions.rows[position_id].asset]
        require_fresh(market, prices_at(ledger, market, now), now)
