"""What has to be done when the mark price has moved: triggers to fire, accounts to liquidate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp_records import PerpMarket, PerpPrices, Position
from precompiles.perp.accounts import (
    is_in_danger,
    standalone_threshold,
    unit_health,
)
from precompiles.perp.clock import prices_at, touch
from precompiles.perp.execution import Execution
from precompiles.perp.liquidation import (
    LIQUIDATE_GAS,
    is_liquidatable_now,
    liquidate,
)
from precompiles.perp.oracle import is_fresh
from precompiles.perp.triggers import fire
from precompiles.types import Address, PositionKind

GAS_RESERVE = 5_000_000
"""What the costliest trigger or liquidation may need, with a hundred positions to look at."""


class Due(NamedTuple):
    """Ids, ascending."""

    triggers: list[int]
    positions: list[int]

    def __bool__(self) -> bool:
        return bool(self.triggers or self.positions)


def keep(ledger: Ledger, execution: Execution, limit: int) -> int:
    """Fire due triggers, then liquidate what can be, up to `limit` in all; how many were done.

    Markets without a fresh price are left out, as are positions that are cooling down. What is
    left for want of `limit`, or of gas after the first, is there for the next call.
    """
    for market in ledger.perp.markets.rows.values():
        touch(ledger, execution, market)
    due = find_due(ledger, execution.now)
    done = 0
    for trigger_id in due.triggers[:limit]:
        if done and execution.gas_remaining() < GAS_RESERVE:
            return done
        execution.charge(LIQUIDATE_GAS)
        fire(ledger, execution, ledger.perp.triggers.rows[trigger_id])
        done += 1
    # Triggers that fired may have saved some and endangered others.
    for position_id in find_due(ledger, execution.now).positions:
        if done >= limit or (done and execution.gas_remaining() < GAS_RESERVE):
            break
        position = ledger.perp.positions.rows.get(position_id)
        if position is None or not position.is_open:
            continue
        if not is_liquidatable_now(ledger, position, execution.now):
            continue
        execution.charge(LIQUIDATE_GAS)
        liquidate(ledger, execution, position_id)
        done += 1
    return done


def find_due(ledger: Ledger, now: int) -> Due:
    """What `keep` would do at block time `now`. Looks only at accounts that may be in danger."""
    perp = ledger.perp
    triggers: list[int] = []
    users = set(perp.watchlist.touched)
    for market in perp.markets.rows.values():
        prices = prices_at(ledger, market, now)
        if is_fresh(market, prices, now):
            triggers.extend(perp.waiting_triggers.due(market.asset, prices.mark))
            users |= perp.watchlist.endangered(market.asset, prices.mark)
        users |= _funded_since(ledger, market, prices)
    positions: list[int] = []
    for user in users:
        positions.extend(_look_at(ledger, user, now))
    return Due(sorted(triggers), sorted(positions))


def _funded_since(ledger: Ledger, market: PerpMarket, prices: PerpPrices) -> set[Address]:
    """Who has a position in a market where hours have ended since it was touched."""
    stored = ledger.perp.prices.get(market.asset)
    if stored is None or stored.funding_index == prices.funding_index:
        return set()
    ids = ledger.perp.open_positions.by_market.of(market.asset)
    return {ledger.perp.positions.rows[position_id].owner for position_id in ids}


def _look_at(ledger: Ledger, user: Address, now: int) -> list[int]:
    """An account's positions that can be liquidated; where none is in danger, alarms are set."""
    due: list[int] = []
    alarms: list[tuple[bytes, bool, int]] = []
    is_safe = True
    for unit in _units(ledger, user):
        if is_in_danger(ledger, unit[0], now):
            is_safe = False
            due.extend(row.id for row in unit if is_liquidatable_now(ledger, row, now))
        else:
            alarms.extend(_alarms(ledger, unit, now))
    if is_safe:
        ledger.perp.watchlist.watch(user, alarms)
    return due


def _units(ledger: Ledger, user: Address) -> list[list[Position]]:
    """An account's cross positions together, and each other position alone."""
    ids = ledger.perp.open_positions.by_owner.of(user)
    positions = [ledger.perp.positions.rows[position_id] for position_id in ids]
    cross = [position for position in positions if not position.has_own_cash]
    alone = [[position] for position in positions if position.has_own_cash]
    return [cross, *alone] if cross else alone


def _alarms(ledger: Ledger, unit: list[Position], now: int) -> Iterator[tuple[bytes, bool, int]]:
    """For each position of a safe unit the mark price up to which the unit is surely safe.

    A price that moves against a position by d costs it |size| * d / base_unit, and its
    maintenance margin grows by at most half of that. Each position may use up its share of what
    the unit has to spare, less two units for rounding.
    """
    health = unit_health(ledger, unit[0], now)
    share = (health.equity - health.maintenance) // len(unit) - 2
    for position in unit:
        market = ledger.perp.markets.rows[position.asset]
        rings_above = not position.is_long
        if position.kind == PositionKind.STANDALONE:
            price = standalone_threshold(market, position)
        else:
            distance = max(0, 2 * share * market.base_unit // (3 * abs(position.size)))
            mark = prices_at(ledger, market, now).mark
            price = mark + distance if rings_above else mark - distance
        yield market.asset, rings_above, price
