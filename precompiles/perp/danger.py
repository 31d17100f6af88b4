"""Liquidation checks: accounts and positions at the oracle price, which no book can move.

On HyperCore it is the mark price, as on Hyperliquid.

Positions are judged by *margin group*: a position with its own collateral, or all cross positions
of an account. A position whose price is stale counts at the last one, but never for more than it
was entered for: a loss that was seen stays, and a gain that may be gone shields nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from precompiles.engine.liquidation_price import (
    is_past_threshold,
    liquidation_price,
    threshold_price,
)
from precompiles.engine.margin import leverage_schedule, position_value
from precompiles.engine.position import entry_price
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket, PerpPrices, Position
from precompiles.perp.accrual import prices_at
from precompiles.perp.health import (
    STANDALONE_MAINTENANCE,
    Health,
    entry_margin,
    funding_due,
    health_at,
    together,
)
from precompiles.perp.markets import tiers_of
from precompiles.perp.oracle import is_fresh
from precompiles.types import Address, PositionKind


def margin_group_members(ledger: Ledger, position: Position) -> list[Position]:
    """Return a position's margin group: all that is judged with it, by ascending id."""
    if position.has_own_cash:
        return [position]
    ids = ledger.perp.open_positions.cross.of(position.owner)
    return [ledger.perp.positions.rows[position_id] for position_id in ids]


def judged_group(ledger: Ledger, position: Position, now: int) -> Health:
    """Return the health that decides about a position: its account's if cross, else its own."""
    if position.has_own_cash:
        return judged_position(ledger, position, now)
    return judged_account(ledger, position.owner, now)


def judged_account(ledger: Ledger, user: Address, now: int) -> Health:
    """Judge an account's cash and cross positions together."""
    rows, ids = ledger.perp.positions.rows, ledger.perp.open_positions.cross.of(user)
    return together(ledger.perp.cash(user), (judged_position(ledger, rows[i], now) for i in ids))


def judged_position(ledger: Ledger, position: Position, now: int) -> Health:
    """One position with its own cash; for a cross position its part in the account's health."""
    market = ledger.perp.markets.rows[position.asset]
    prices = prices_at(ledger, market, now)
    price = judged_price(ledger, prices)
    return health_at(market, position, price, judged_equity(ledger, market, prices, position))


def judged_price(ledger: Ledger, prices: PerpPrices) -> int:
    """Return the price that positions are judged at: the oracle's, or HyperCore's mark."""
    return prices.oracle if ledger.core.settings is None else prices.mark


def judged_equity(
    ledger: Ledger, market: PerpMarket, prices: PerpPrices, position: Position
) -> int:
    """Cash, value, and funding not settled yet."""
    value = judged_value(ledger, market, prices, position)
    return position.cash + value + funding_due(market, prices, position)


def judged_value(ledger: Ledger, market: PerpMarket, prices: PerpPrices, position: Position) -> int:
    """Return a position's judged equity, rounded down; a stale one counts for at most its entry."""
    value = position_value(position.size, judged_price(ledger, prices), market.base_unit)
    if is_fresh(market, prices, prices.time):
        return value
    return min(value, position.signed_entry)


def settled_cash(ledger: Ledger, positions: Sequence[Position]) -> int:
    """Return the cash behind the positions of one margin group.

    Those of the group that are not among them count as if they had never been bought or sold.
    """
    first = positions[0]
    if first.has_own_cash:
        return first.cash
    among = {position.id for position in positions}
    ids = ledger.perp.open_positions.cross.of(first.owner)
    others = sum(ledger.perp.positions.rows[i].signed_entry for i in ids if i not in among)
    return ledger.perp.cash(first.owner) + others


def is_in_danger(ledger: Ledger, position: Position, now: int) -> bool:
    """Return whether a position may be liquidated, by the rule of its kind."""
    if position.kind != PositionKind.STANDALONE:
        return judged_group(ledger, position, now).is_liquidatable
    market = ledger.perp.markets.rows[position.asset]
    prices = prices_at(ledger, market, now)
    threshold = standalone_threshold(market, position)
    if is_past_threshold(judged_price(ledger, prices), threshold, position.is_long):
        return True
    # The threshold knows nothing of funding, which may have used the margin up as well.
    if position.margin + funding_due(market, prices, position) >= entry_margin(position):
        return False
    equity = judged_equity(ledger, market, prices, position)
    return equity * STANDALONE_MAINTENANCE < entry_margin(position)


def liquidation_price_of(ledger: Ledger, position: Position, now: int) -> int:
    """Return the oracle price that liquidates a position, all other prices fixed; 0 for none."""
    market = ledger.perp.markets.rows[position.asset]
    if position.kind == PositionKind.STANDALONE:
        return standalone_threshold(market, position)
    health = judged_group(ledger, position, now)
    price = liquidation_price(
        position.size,
        judged_price(ledger, prices_at(ledger, market, now)),
        health.equity - health.maintenance,
        leverage_schedule(tiers_of(market)),
        market.base_unit,
    )
    return price or 0


def standalone_threshold(market: PerpMarket, position: Position) -> int:
    """Return the liquidation price of a standalone position, by entry and leverage alone."""
    entry = entry_price(position.size, position.entry_notional, market.base_unit)
    return threshold_price(entry, position.leverage, position.is_long)
