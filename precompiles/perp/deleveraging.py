"""Closing what nobody takes over against the positions that profit most from it.

The bankrupt unit ends without debt as far as its counterparties can bear it: they close at
mark, less their share of what the unit lacks, never into debt of their own. What then remains is
recorded as a deficit, so that no account is left below zero and nothing is made from nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from precompiles.engine.deleveraging import rank
from precompiles.engine.rounding import divide_down, divide_up
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket, Position
from precompiles.perp.accounts import HEALTH_GAS, unit_health
from precompiles.perp.events import Deleveraged
from precompiles.perp.insurance import cover
from precompiles.perp.positions import reduce
from precompiles.types import Address, PositionStatus

DELEVERAGE_GAS = 30_000
"""For each position that is closed against a bankrupt one."""
MOST_COUNTERPARTIES = 100
"""Positions closed against one bankrupt position in a call; what is left waits for another."""
ROUNDING_RESERVE = 2
"""Collateral units that a counterparty keeps, since closing rounds against it."""


class Shortfall(NamedTuple):
    """What a bankrupt unit lacks, and what of it is not borne yet."""

    total: int
    notional: int
    """Of all positions of the unit, over which it is shared."""
    left: int


def deleverage(ledger: Ledger, execution: Execution, unit: list[Position], missing: int) -> None:
    """Close the positions of a unit that lacks `missing` collateral at the mark prices."""
    notional = sum(_notional(ledger, position, abs(position.size)) for position in unit)
    shortfall = Shortfall(missing, notional, missing)
    for position in unit:
        shortfall = _close(ledger, execution, position, shortfall)
    _write_off(ledger, execution, unit[0].owner)


def _close(
    ledger: Ledger, execution: Execution, bankrupt: Position, shortfall: Shortfall
) -> Shortfall:
    """Close one position against those of the other side, the highest ranked first."""
    market = ledger.perp.markets.rows[bankrupt.asset]
    left = abs(bankrupt.size)
    for position_id in _ranked(ledger, execution, market, bankrupt)[:MOST_COUNTERPARTIES]:
        execution.charge(DELEVERAGE_GAS)
        counterparty = ledger.perp.positions.rows[position_id]
        amount = min(left, abs(counterparty.size))
        notional = _notional(ledger, bankrupt, amount)
        extra = _share(ledger, execution, counterparty, shortfall, notional)
        shortfall = shortfall._replace(left=shortfall.left - extra)
        paid = notional + extra if bankrupt.is_long else notional - extra
        current = ledger.perp.positions.rows[bankrupt.id]
        reduce(
            ledger,
            execution,
            market,
            current,
            amount,
            paid,
            ended_as=PositionStatus.LIQUIDATED,
            is_forced=True,
        )
        reduce(ledger, execution, market, counterparty, amount, paid, is_forced=True)
        _write_off(ledger, execution, counterparty.owner)
        execution.events.append(Deleveraged(position_id, bankrupt.id, amount, paid))
        left -= amount
        if left == 0:
            break
    return shortfall


def _write_off(ledger: Ledger, execution: Execution, user: Address) -> None:
    """Cover the debt of an account that has nothing left which could make up for it."""
    debt = -ledger.perp.cash(user)
    if debt > 0 and not ledger.perp.open_positions.cross.of(user):
        cover(ledger, execution, debt)
        ledger.perp.change_cash(user, debt)


def _ranked(
    ledger: Ledger, execution: Execution, market: PerpMarket, bankrupt: Position
) -> list[int]:
    """Positions of the other side, by profit and leverage, then by id."""
    mark = ledger.perp.prices.rows[market.asset].mark
    ranks: list[tuple[int, int]] = []
    ids = ledger.perp.open_positions.by_market.of(market.asset)
    execution.charge(HEALTH_GAS * len(ids))
    for position_id in ids:
        position = ledger.perp.positions.rows[position_id]
        if position.is_long == bankrupt.is_long:
            continue
        equity = unit_health(ledger, position, execution.now).equity
        place = rank(position.size, position.entry_notional, mark, market.base_unit, equity)
        ranks.append((-place, position_id))
    return [position_id for _, position_id in sorted(ranks)]


def _share(
    ledger: Ledger,
    execution: Execution,
    counterparty: Position,
    shortfall: Shortfall,
    notional: int,
) -> int:
    """What a counterparty gives for the part it closes, rounded up, within what it has."""
    if shortfall.left == 0:
        return 0
    share = divide_up(shortfall.total * notional, max(1, shortfall.notional))
    equity = unit_health(ledger, counterparty, execution.now).equity
    return min(shortfall.left, share, notional, max(0, equity - ROUNDING_RESERVE))


def _notional(ledger: Ledger, position: Position, amount: int) -> int:
    market = ledger.perp.markets.rows[position.asset]
    mark = ledger.perp.prices.rows[position.asset].mark
    return divide_down(amount * mark, market.base_unit)
