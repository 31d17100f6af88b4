"""Margin that a trade must leave an account with.

Growing a position asks for initial margin. Reducing one is free to do at any honest price, but
may not be a way to give away what the rest of the account is backed by.
"""

from __future__ import annotations

from typing import NamedTuple

from precompiles.errors import InsufficientCollateral
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket
from precompiles.perp.danger import judged_group
from precompiles.perp.health import charged_health, position_health
from precompiles.types import Address


class MarginSnapshot(NamedTuple):
    """State before a trade: equity beyond maintenance margin; below zero where it is missing."""

    account: int
    position: int
    """Of a netting position with its own cash; 0 without one."""
    idle_cash: int
    """Collateral of all accounts of the pool without a cross position."""
    pool: int


def margin_before(execution: Execution, market: PerpMarket, user: Address) -> MarginSnapshot:
    """Take a snapshot of an account that is about to trade in a market.

    No margin without a position: only a fill that reduces one needs it.
    """
    ledger = execution.ledger
    pool = ledger.core.pool_of(user)
    position = ledger.perp.netting_position(user, market.asset)
    if position is None:
        return MarginSnapshot(0, 0, ledger.perp.idle[pool], pool)
    account = charged_health(execution, user).maintenance_excess
    own = (
        position_health(ledger, position, execution.now).maintenance_excess
        if position.has_own_cash
        else 0
    )
    return MarginSnapshot(account, own, ledger.perp.idle[pool], pool)


def margin_excess(
    execution: Execution,
    market: PerpMarket,
    user: Address,
    before: MarginSnapshot,
    *,
    has_grown: bool,
) -> int:
    """Return the margin beyond what a trade must leave an account with; below zero if missing.

    After growing: the account its initial margin, and what has grown enough not to be liquidated
    at once. After only reducing: no debt, and no more maintenance margin missing than before, in
    both.
    """
    ledger = execution.ledger
    health = charged_health(execution, user)
    position = ledger.perp.netting_position(user, market.asset)
    if has_grown:
        if health.available < 0 or position is None:
            return health.available
        judged = judged_group(ledger, position, execution.now)
        return judged.maintenance_excess if judged.is_liquidatable else 0
    missing = min(health.equity, health.maintenance_excess - min(0, before.account))
    if missing < 0 or position is None or not position.has_own_cash:
        return missing
    own = position_health(ledger, position, execution.now)
    return min(own.equity, own.maintenance_excess - min(0, before.position))


def require_backing(ledger: Ledger, before: MarginSnapshot) -> None:
    """Check that what a trade made idle is there. Raises InsufficientCollateral.

    Who leaves a position takes its profit along, and somebody else must have that. Where the
    positions that stay are worth less than nothing together, a bankrupt one waits for its
    liquidation, which takes from the other side what it lacks; until then nobody leaves with it.
    """
    held, idle = ledger.held(before.pool), ledger.perp.idle[before.pool]
    if idle > max(held, before.idle_cash):
        raise InsufficientCollateral(held, idle)
