"""The keeper: fires triggers and liquidates accounts after a price has moved."""

from __future__ import annotations

from typing import NamedTuple

from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.indexes import Alarm, margin_group_key
from precompiles.ledger.perp.records import PerpMarket, PerpPrices, Position
from precompiles.perp.accrual import accrue, prices_at
from precompiles.perp.danger import (
    is_in_danger,
    judged_group,
    judged_price,
    judged_value,
    standalone_threshold,
)
from precompiles.perp.health import entry_margin, funding_due
from precompiles.perp.liquidation import LIQUIDATE_GAS, is_liquidatable_now, liquidate
from precompiles.perp.markets import listed_markets
from precompiles.perp.oracle import is_fresh
from precompiles.perp.triggers import fire
from precompiles.types import PositionKind

LOOK_GAS = 20
"""For each open position and waiting trigger of the exchange: the watchlist only has hints, and
gas may not depend on hints."""
_ADDRESS_WIDTH = 20
GAS_RESERVE = 8_000_000
"""Gas of the costliest trigger or liquidation: orders that end, makers that are met, and
counterparties, with a hundred positions to look at."""


class PendingWork(NamedTuple):
    """Ids, ascending."""

    triggers: list[int]
    positions: list[int]

    def __bool__(self) -> bool:
        return bool(self.triggers or self.positions)


def run_keeper(execution: Execution, limit: int) -> int:
    """Fire due triggers, then liquidate what can be, up to `limit` in all; how many were done.

    Half of `limit` is kept for liquidations where there are any. Markets without a fresh price
    are left out, as are positions that are cooling down. What is left for want of `limit`, or of
    gas after the first, is there for the next call.
    """
    ledger = execution.ledger
    rows = ledger.perp.open_positions.count() + len(ledger.perp.triggers.rows)
    execution.charge(LOOK_GAS * rows)
    for market in listed_markets(ledger):
        accrue(execution, market)
    due = pending_work(ledger, execution.now, limit)
    done = 0
    for trigger_id in due.triggers[: limit - min(len(due.positions), (limit + 1) // 2)]:
        if not _has_gas(execution, done):
            return done
        fire(execution, ledger.perp.triggers.rows[trigger_id])
        done += 1
    if done:  # which may have saved some and endangered others
        due = pending_work(ledger, execution.now, limit - done)
    for position_id in due.positions:
        position = ledger.perp.positions.rows[position_id]
        if not position.is_open or not is_liquidatable_now(ledger, position, execution.now):
            continue
        if not _has_gas(execution, done):
            break
        liquidate(execution, position_id)
        done += 1
    return done


def pending_work(ledger: Ledger, now: int, limit: int) -> PendingWork:
    """Return what `run_keeper` would do at `now`: up to `limit` triggers and as many positions.

    Looks only at what may be in danger, and stops when it has found enough.
    """
    perp = ledger.perp
    triggers: list[int] = []
    groups = set(perp.watchlist.touched)
    funded: set[bytes] = set()
    for market in perp.markets.rows.values():
        prices = prices_at(ledger, market, now)
        judged = judged_price(ledger, prices)
        if is_fresh(market, prices, now):
            lowest, highest = sorted((prices.mark, judged))
            triggers.extend(perp.waiting_triggers.due(market.asset, lowest, highest))
        # A loss at a price that has gone stale since endangers the account's other positions.
        groups |= perp.watchlist.endangered(market.asset, judged)
        funded |= _funded_since(ledger, market, prices)
    in_danger = _first_in_danger(ledger, groups | funded, funded, now, limit)
    return PendingWork(sorted(triggers)[:limit], in_danger)


def _first_in_danger(
    ledger: Ledger, groups: set[bytes], funded: set[bytes], now: int, limit: int
) -> list[int]:
    """Find the liquidatable positions with the lowest ids; safe margin groups get alarms.

    Groups whose health includes funding not stored yet get none: it may never be stored.
    """
    members = {group: _members(ledger, group) for group in groups}
    candidates = sorted(position.id for group in members.values() for position in group)
    for group in groups:
        if not members[group]:
            ledger.perp.watchlist.watch(group, [])
    found: list[int] = []
    in_danger: dict[bytes, bool] = {}
    for position_id in candidates:
        if len(found) == limit:
            break
        position = ledger.perp.positions.rows[position_id]
        group = margin_group_key(position)
        if group not in in_danger:
            in_danger[group] = is_in_danger(ledger, position, now)
            if not in_danger[group] and group not in funded:
                alarms = _alarms(ledger, members[group], now)
                ledger.perp.watchlist.watch(group, alarms)
        if in_danger[group] and is_liquidatable_now(ledger, position, now):
            found.append(position_id)
    return found


def _has_gas(execution: Execution, done: int) -> bool:
    """Take the gas for one more thing, if after the first there is plenty for it."""
    if done and execution.gas_remaining() < GAS_RESERVE:
        return False
    execution.charge(LIQUIDATE_GAS)
    return True


def _funded_since(ledger: Ledger, market: PerpMarket, prices: PerpPrices) -> set[bytes]:
    """Units with a position in a market where hours have ended since it was touched."""
    stored = ledger.perp.prices.get(market.asset)
    if stored is None or stored.funding_index == prices.funding_index:
        return set()
    ids = ledger.perp.open_positions.by_market.of(market.asset)
    return {margin_group_key(ledger.perp.positions.rows[position_id]) for position_id in ids}


def _members(ledger: Ledger, group: bytes) -> list[Position]:
    """Return the open positions of a margin group."""
    rows = ledger.perp.positions.rows
    if len(group) == _ADDRESS_WIDTH:
        return [rows[position_id] for position_id in ledger.perp.open_positions.cross.of(group)]
    position = rows.get(int.from_bytes(group, "big"))
    if position is None or not position.is_open or not position.has_own_cash:
        return []  # an id that a reverted call gave to such a position may be a cross one's now
    return [position]


def _alarms(ledger: Ledger, positions: list[Position], now: int) -> list[Alarm]:
    """For each position of a safe group, the judged price up to which the group is safe.

    A price that moves against a position by d costs it |size| * d / base_unit, and its
    maintenance margin grows by at most half of that. Each position may use up its share of what
    the group has to spare, less two units for rounding. What several positions have gained is not
    to spare: it counts no more once its price is stale.
    """
    maintenance_excess = judged_group(ledger, positions[0], now).maintenance_excess
    if len(positions) > 1:
        maintenance_excess -= sum(_gain(ledger, position, now) for position in positions)
    share = maintenance_excess // len(positions) - 2
    return [_alarm(ledger, position, share, now) for position in positions]


def _gain(ledger: Ledger, position: Position, now: int) -> int:
    """Return a position's judged equity beyond its entry."""
    market = ledger.perp.markets.rows[position.asset]
    value = judged_value(ledger, market, prices_at(ledger, market, now), position)
    return max(0, value - position.signed_entry)


def _alarm(ledger: Ledger, position: Position, share: int, now: int) -> Alarm:
    market = ledger.perp.markets.rows[position.asset]
    prices = prices_at(ledger, market, now)
    distance = max(0, 2 * share * market.base_unit // (3 * abs(position.size)))
    judged = judged_price(ledger, prices)
    price = judged - distance if position.is_long else judged + distance
    if position.kind == PositionKind.STANDALONE:
        threshold = standalone_threshold(market, position)
        if position.margin + funding_due(market, prices, position) >= entry_margin(position):
            price = threshold
        else:
            price = max(price, threshold) if position.is_long else min(price, threshold)
    return Alarm(market.asset, not position.is_long, price)
