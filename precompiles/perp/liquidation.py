"""Liquidation: the book, then the backstop account, then auto-deleveraging.

Positions are taken by margin group, as they are judged (see `danger`), except those whose price is
stale: they stay with their owner. Rules: `engine.liquidation_price`, and Hyperliquid's order of
stages, at the oracle's price.
"""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.engine.amounts import ceil_divide
from precompiles.errors import (
    NotLiquidatable,
    PositionBankrupt,
    PositionHealthy,
)
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket, Position, Trigger
from precompiles.orders.lifecycle import CANCEL_GAS, SCAN_GAS
from precompiles.perp.accrual import accrue, prices_at
from precompiles.perp.book_liquidation import Stage, equity_left, is_partial_first, sell_on_book
from precompiles.perp.danger import (
    is_in_danger,
    judged_account,
    judged_group,
    judged_position,
    judged_price,
    judged_value,
    margin_group_members,
    settled_cash,
    standalone_threshold,
)
from precompiles.perp.deleveraging import deleverage
from precompiles.perp.events import Liquidated
from precompiles.perp.health import HEALTH_GAS, Health, funding_due
from precompiles.perp.insurance import backstop_of, hold_back, idle_beside, pay_out
from precompiles.perp.oracle import is_fresh, require_fresh
from precompiles.perp.orders import end_trigger, perp_orders
from precompiles.perp.position_orders import require_open
from precompiles.perp.positions import sweep_funding_dust, transfer_position
from precompiles.types import ZERO_ADDRESS, CloseReason, OrderStatus, PositionKind

LIQUIDATE_GAS = 60_000
MOST_CANCELLED = 50
"""Orders that end with what is liquidated; any more end when they can't be afforded."""


def liquidate(execution: Execution, position_id: int) -> int:
    """Liquidate a position, or the account behind it; anyone may. Returns the price.

    The average price on the book, otherwise the oracle's. Raises PositionNotFound,
    PositionNotOpen, NoOraclePrice, StalePrice, NotLiquidatable, PositionHealthy or
    LiquidationCoolingDown.
    """
    ledger = execution.ledger
    position = require_open(ledger, position_id)
    market = ledger.perp.markets.rows[position.asset]
    require_fresh(market, accrue(execution, market), execution.now)
    members = margin_group_members(ledger, position)
    execution.charge(HEALTH_GAS * len(members))
    for member in members:
        accrue(execution, ledger.perp.markets.rows[member.asset])
    health = judged_group(ledger, position, execution.now)
    _require_danger(execution, market, position, health)
    _cancel_orders(execution, position)
    if is_for_book(health):
        price = sell_on_book(execution, market, position, health)
        if price is not None:
            return price
    _take_group(execution, [member for member in members if _is_fresh(ledger, member)])
    return judged_price(ledger, ledger.perp.prices.rows[market.asset])


def is_liquidatable_now(ledger: Ledger, position: Position, now: int) -> bool:
    """Return whether `liquidate` would do something: danger, a fresh price, no cooldown."""
    market = ledger.perp.markets.rows[position.asset]
    if not is_fresh(market, prices_at(ledger, market, now), now):
        return False
    if not is_in_danger(ledger, position, now):
        return False
    health = judged_group(ledger, position, now)
    if not is_for_book(health):
        return True
    own = judged_position(ledger, position, now)
    return not (is_partial_first(market, own) and now < position.cooldown_until)


def is_for_book(health: Health) -> bool:
    """At two thirds of its maintenance margin or more, a group gets its chance on the book."""
    return health.equity > 0 and 3 * health.equity >= 2 * health.maintenance


def _require_danger(
    execution: Execution, market: PerpMarket, position: Position, health: Health
) -> None:
    ledger = execution.ledger
    if is_in_danger(ledger, position, execution.now):
        return
    if position.kind == PositionKind.STANDALONE:
        price = judged_price(ledger, ledger.perp.prices.rows[market.asset])
        raise PositionHealthy(position.id, price, standalone_threshold(market, position))
    raise NotLiquidatable(position.id, health.equity, health.maintenance)


def _cancel_orders(execution: Execution, position: Position) -> None:
    """End what would open anew what is taken: an account's orders, or a position's market's."""
    ledger = execution.ledger
    if position.kind == PositionKind.STANDALONE:
        return
    order_ids = ledger.perp.live.by_owner.of(position.owner)
    execution.charge(SCAN_GAS * len(order_ids))
    rows = [perp_orders.open_row(ledger, order_id) for order_id in order_ids]
    if position.has_own_cash:
        rows = [row for row in rows if row.asset == position.asset]
    for row in rows[:MOST_CANCELLED]:
        execution.charge(CANCEL_GAS)
        if isinstance(row, Trigger):
            end_trigger(execution, row, OrderStatus.CANCELLED, CloseReason.LIQUIDATED)
        else:
            perp_orders.before_cancel(execution, row)
            perp_orders.end(execution, row, OrderStatus.CANCELLED, CloseReason.LIQUIDATED)


def _is_fresh(ledger: Ledger, position: Position) -> bool:
    """Return whether a position's price, brought up to date, can be traded at."""
    prices = ledger.perp.prices.rows[position.asset]
    return is_fresh(ledger.perp.markets.rows[position.asset], prices, prices.time)


def _take_group(execution: Execution, group: list[Position]) -> None:
    """Give all of a group to the backstop, or close it against the other side's positions."""
    ledger = execution.ledger
    missing = max(0, -_settled_equity(ledger, group))
    if missing:
        paid = pay_out(execution, missing, group[0].asset)
        missing -= paid
        group = _add_cash(ledger, group, paid)
    stage = Stage.BACKSTOP
    if missing or not _hand_over(execution, group):
        stage = Stage.DELEVERAGING
        deleverage(execution, group)
    for position in group:
        market = ledger.perp.markets.rows[position.asset]
        sweep_funding_dust(execution, market)
        now = ledger.perp.positions.rows[position.id]
        left = abs(now.size) if now.is_open else 0
        execution.emit(
            Liquidated(
                position.id,
                position.owner,
                execution.caller,
                abs(position.size) - left,
                judged_price(ledger, ledger.perp.prices.rows[market.asset]),
                stage,
                equity_left(execution, market, position),
            )
        )


def _settled_equity(ledger: Ledger, group: list[Position]) -> int:
    """Return what would be left of a margin group once all of it is closed at the oracle prices."""
    equity = settled_cash(ledger, group)
    for position in group:
        market = ledger.perp.markets.rows[position.asset]
        prices = ledger.perp.prices.rows[position.asset]
        equity += judged_value(ledger, market, prices, position)
        equity += funding_due(market, prices, position)
    return equity


def _add_cash(ledger: Ledger, group: list[Position], amount: int) -> list[Position]:
    """Put money from the insurance behind a margin group; the margin group after it."""
    first = group[0]
    if not first.has_own_cash:
        ledger.perp.change_cash(first.owner, amount)
        return group
    if amount:
        first = replace(first, cash=first.cash + amount)
        ledger.perp.positions.put(first.id, first)
    return [first]


def _hand_over(execution: Execution, group: list[Position]) -> bool:
    """Let the backstop account take a margin group over at the oracle's price, if it can.

    With it goes the cash behind it; of an account that keeps positions whose prices are stale,
    their share stays, by maintenance margin. A group on several dexs of HyperCore's has no one
    backstop.
    """
    ledger, owner = execution.ledger, group[0].owner
    backstops = {backstop_of(ledger, position.asset) for position in group}
    backstop = backstops.pop()
    if backstops or backstop in (ZERO_ADDRESS, owner):
        return False
    before = execution.savepoint()
    idle_before = idle_beside(ledger, backstop)
    cash_before = ledger.perp.cash(owner) if group[0].has_own_cash else 0
    whole = judged_group(ledger, group[0], execution.now)
    try:
        for position in group:
            market = ledger.perp.markets.rows[position.asset]
            transfer_position(execution, market, position, backstop)
    except PositionBankrupt:  # the backstop's own position, which this would have closed
        execution.rollback(before)
        return False
    if group[0].has_own_cash:
        cash = ledger.perp.cash(owner) - cash_before
    else:
        left = judged_account(ledger, owner, execution.now)
        share = ceil_divide(max(0, whole.equity) * left.maintenance, max(1, whole.maintenance))
        cash = max(0, left.equity - share)
    ledger.perp.change_cash(owner, -cash)
    ledger.perp.change_cash(backstop, cash)
    execution.charge(HEALTH_GAS * len(ledger.perp.open_positions.cross.of(backstop)))
    health = judged_account(ledger, backstop, execution.now)
    taken = [ledger.perp.netting_position(backstop, position.asset) for position in group]
    if health.equity >= health.maintenance and not any(
        position is not None
        and position.has_own_cash
        and judged_position(ledger, position, execution.now).is_liquidatable
        for position in taken
    ):
        hold_back(execution, backstop, idle_before, group[0].asset)
        return True
    execution.rollback(before)
    return False
