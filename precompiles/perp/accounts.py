"""What accounts and positions are worth, and what margin is asked of them.

An account's cross positions are judged together, in one pass over them; a position with its own
collateral is judged alone.

Margin is reckoned at the oracle's price, which no book can move (dYdX). A cross position whose
price is stale counts at the last one, but never for more than it was entered for: a loss that was
seen stays, and a gain that may be gone shields nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from precompiles.engine.funding import funding_change
from precompiles.engine.liquidation import is_liquidatable, is_past_threshold, threshold_price
from precompiles.engine.margin import (
    initial_margin,
    maintenance_margin,
    notional_up,
    position_value,
    required_initial_margin,
)
from precompiles.engine.position import entry_price
from precompiles.engine.rounding import divide_down, divide_up
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket, PerpPrices, Position
from precompiles.perp.clock import prices_at
from precompiles.perp.markets import tiers_of
from precompiles.perp.oracle import is_fresh, require_fresh
from precompiles.types import Address, PositionKind

HEALTH_GAS = 300
"""For each position that is looked at to judge an account."""
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
        """What may back new positions; negative where margin is missing."""
        return self.equity - self.initial

    @property
    def removable(self) -> int:
        """What may be taken out (Hyperliquid's rule); negative for nothing."""
        return self.equity - max(self.initial, divide_up(self.notional, REMAINING_SHARE))

    @property
    def spare(self) -> int:
        """What may be lost before the maintenance margin is missing."""
        return self.equity - self.maintenance

    @property
    def is_liquidatable(self) -> bool:
        """Whether the maintenance margin is missing."""
        return is_liquidatable(self.equity, self.maintenance)


def cross_health(ledger: Ledger, user: Address, now: int) -> Health:
    """An account's cash and cross positions together, at the oracle's prices."""
    perp = ledger.perp
    equity, initial, maintenance, notional = perp.cash(user), 0, 0, 0
    for position_id in perp.open_positions.cross.of(user):
        position = perp.positions.rows[position_id]
        health = position_health(ledger, position, now)
        equity += health.equity
        initial += health.initial
        maintenance += health.maintenance
        notional += health.notional
    return Health(equity, initial, maintenance, notional)


def charged_health(ledger: Ledger, execution: Execution, user: Address) -> Health:
    """`cross_health`, paid for by the caller."""
    execution.charge(HEALTH_GAS * len(ledger.perp.open_positions.cross.of(user)))
    return cross_health(ledger, user, execution.now)


def position_health(ledger: Ledger, position: Position, now: int) -> Health:
    """One position with its own cash; for a cross position its part in the account's health."""
    market = ledger.perp.markets.rows[position.asset]
    prices = prices_at(ledger, market, now)
    notional = notional_up(position.size, prices.oracle, market.base_unit)
    tiers = tiers_of(market)
    if position.kind == PositionKind.STANDALONE:
        maintenance = divide_down(entry_margin(position), STANDALONE_MAINTENANCE)
    else:
        maintenance = maintenance_margin(notional, tiers)
    return Health(
        equity_of(market, prices, position),
        required_initial_margin(notional, position.leverage, tiers),
        maintenance,
        notional,
    )


def equity_of(market: PerpMarket, prices: PerpPrices, position: Position) -> int:
    """Cash, value, and funding not settled yet."""
    value = value_of(market, prices, position)
    return position.cash + value + funding_due(market, prices, position)


def settled_cash(ledger: Ledger, unit: Sequence[Position]) -> int:
    """The cash behind a unit's positions.

    Cross positions of the same account that are not among them count as if they had never been
    bought or sold.
    """
    first = unit[0]
    if first.has_own_cash:
        return first.cash
    among = {position.id for position in unit}
    ids = ledger.perp.open_positions.cross.of(first.owner)
    others = sum(ledger.perp.positions.rows[i].signed_entry for i in ids if i not in among)
    return ledger.perp.cash(first.owner) + others


def value_of(market: PerpMarket, prices: PerpPrices, position: Position) -> int:
    """What a position counts for at the oracle's price, rounded down; see above for a stale one."""
    value = position_value(position.size, prices.oracle, market.base_unit)
    if is_fresh(market, prices, prices.time):
        return value
    return min(value, position.signed_entry)


def funding_due(market: PerpMarket, prices: PerpPrices, position: Position) -> int:
    """What settling funding now would add to the position's cash."""
    change = prices.funding_index - position.funding_index
    return funding_change(position.size, change, market.base_unit)


def unit_health(ledger: Ledger, position: Position, now: int) -> Health:
    """The health that decides about a position: its account's if it is cross, else its own."""
    if position.kind == PositionKind.CROSS:
        return cross_health(ledger, position.owner, now)
    return position_health(ledger, position, now)


def is_in_danger(ledger: Ledger, position: Position, now: int) -> bool:
    """Whether a position may be liquidated, by the rule of its kind."""
    if position.kind != PositionKind.STANDALONE:
        return unit_health(ledger, position, now).is_liquidatable
    market = ledger.perp.markets.rows[position.asset]
    prices = prices_at(ledger, market, now)
    threshold = standalone_threshold(market, position)
    if is_past_threshold(prices.oracle, threshold, position.is_long):
        return True
    # The threshold knows nothing of funding, which may have used the margin up as well.
    if position.margin + funding_due(market, prices, position) >= entry_margin(position):
        return False
    equity = equity_of(market, prices, position)
    return equity * STANDALONE_MAINTENANCE < entry_margin(position)


def entry_margin(position: Position) -> int:
    """What a standalone position of this size was backed by when it was opened."""
    return initial_margin(position.entry_notional, position.leverage)


def require_fresh_account(ledger: Ledger, user: Address, now: int) -> None:
    """Raises StalePrice for the first market of an account's cross positions that has one."""
    for position_id in ledger.perp.open_positions.cross.of(user):
        market = ledger.perp.markets.rows[ledger.perp.positions.rows[position_id].asset]
        require_fresh(market, prices_at(ledger, market, now), now)


def standalone_threshold(market: PerpMarket, position: Position) -> int:
    """The price at which a standalone position is liquidated: by entry and leverage alone."""
    entry = entry_price(position.size, position.entry_notional, market.base_unit)
    return threshold_price(entry, position.leverage, position.is_long)
