"""The first stage of a liquidation: the book, for all of a position or a part of it."""

from __future__ import annotations

from enum import IntEnum

from msgspec.structs import replace

from precompiles.engine.amounts import fee, floor_divide
from precompiles.engine.liquidation_price import bankruptcy_price
from precompiles.errors import LiquidationCoolingDown
from precompiles.execution import Execution
from precompiles.ledger.perp.records import PerpMarket, PerpOrder, Position
from precompiles.orders.events import OrderClosed
from precompiles.perp.danger import (
    judged_account,
    judged_equity,
    judged_position,
    judged_price,
    margin_group_members,
)
from precompiles.perp.events import Liquidated, OrderPlaced
from precompiles.perp.fills import MOST_MAKERS, match_order
from precompiles.perp.health import HEALTH_GAS, Health
from precompiles.perp.insurance import hold_back, idle_beside, pay_in
from precompiles.perp.placing import OrderRequest, new_order
from precompiles.perp.positions import reduce, sweep_funding_dust
from precompiles.types import (
    MAX_PERP_VALUE,
    CloseReason,
    OrderKind,
    OrderStatus,
    PositionStatus,
    SelfTradePrevention,
    TimeInForce,
)

ROUNDING_RESERVE = 2 * MOST_MAKERS
"""Collateral units kept back, since each fill rounds against the position by up to two."""
PARTIAL_PERCENT = 20


class Stage(IntEnum):
    """Stage of a liquidation; part of the ABI."""

    BOOK = 1
    BACKSTOP = 2
    DELEVERAGING = 3


def sell_on_book(
    execution: Execution, market: PerpMarket, position: Position, health: Health
) -> int | None:
    """Trade a position, or a part of it, away on the book; the average price.

    Never at a price that would leave debt. None, with nothing changed that matters, where the
    book takes nothing.
    """
    amount = abs(position.size)
    own = judged_position(execution.ledger, position, execution.now)
    is_partial = is_partial_first(market, own)
    if is_partial and execution.now < position.cooldown_until:
        raise LiquidationCoolingDown(position.id, position.cooldown_until)
    if is_partial and _is_first_step(market, position, execution.now):
        share = amount * PARTIAL_PERCENT // 100
        amount = max(min(market.lot, amount), share - share % market.lot)
    else:
        is_partial = False
    spendable = health.equity
    if not position.has_own_cash:  # its share: the rest stands behind the others
        spendable = floor_divide(health.equity * own.maintenance, max(1, health.maintenance))
    idle_before = idle_beside(execution.ledger, position.owner)
    order, paid_out = _trade_away(execution, market, position, amount, spendable)
    if order.filled == 0:
        return None
    if is_partial:
        _cool_down(execution, market, position.id)
    _charge_fee(execution, market, position, order.filled_quote, paid_out)
    hold_back(execution, position.owner, idle_before, market.asset)
    sweep_funding_dust(execution, market)
    price = floor_divide(order.filled_quote * market.base_unit, order.filled)
    left = equity_left(execution, market, position)
    execution.emit(
        Liquidated(
            position.id,
            position.owner,
            execution.caller,
            order.filled,
            price,
            Stage.BOOK,
            left,
        )
    )
    return price


def is_partial_first(market: PerpMarket, own: Health) -> bool:
    """Return whether a position is so large that it is liquidated in two steps."""
    return 0 < market.partial_notional < own.notional


def _is_first_step(market: PerpMarket, position: Position, now: int) -> bool:
    """Return whether a large position loses a part only.

    The rest may follow for as long as the cooldown took; after that it has recovered once, and
    begins again.
    """
    return position.cooldown_until == 0 or now > position.cooldown_until + market.cooldown


def equity_left(execution: Execution, market: PerpMarket, position: Position) -> int:
    """Return the margin group's equity after a liquidation on the book."""
    ledger = execution.ledger
    if not position.has_own_cash:
        return judged_account(ledger, position.owner, execution.now).equity
    now = ledger.perp.positions.rows[position.id]
    prices = ledger.perp.prices.rows[market.asset]
    return judged_equity(ledger, market, prices, now) if now.is_open else 0


def _trade_away(
    execution: Execution,
    market: PerpMarket,
    position: Position,
    amount: int,
    spendable: int,
) -> tuple[PerpOrder, int]:
    """Send the owner's order to the book, down to where `spendable` would be used up.

    Returns it, with what the position's own cash paid out to the account meanwhile.
    """
    ledger = execution.ledger
    judged = judged_price(ledger, ledger.perp.prices.rows[market.asset])
    spendable = max(0, spendable - ROUNDING_RESERVE)
    price = bankruptcy_price(position.size, judged, spendable, market.base_unit)
    price = max(1, min(MAX_PERP_VALUE, price))
    acting = execution.acting_for(position.owner)
    request = OrderRequest(
        market.asset, amount, price, not position.is_long, TimeInForce.IOC, reduce_only=True
    )
    order = new_order(acting, request, kind=OrderKind.LIQUIDATION)
    execution.emit(OrderPlaced.of(order))

    paid_out: list[int] = []

    def close_part(delta: int, notional: int) -> bool:
        left = ledger.perp.positions.rows[position.id]
        before = ledger.perp.cash(position.owner)
        reduce(
            acting,
            market,
            left,
            abs(delta),
            notional,
            ended_as=PositionStatus.LIQUIDATED,
            is_forced=True,
        )
        paid_out.append(ledger.perp.cash(position.owner) - before)
        return False

    order = match_order(
        acting,
        market,
        order,
        close_part,
        taker_fee=0,
        prevention=SelfTradePrevention.EXPIRE_MAKER,
        most_makers=MOST_MAKERS,
    ).order
    if order.remaining:
        order = replace(order, status=OrderStatus.EXPIRED, reason=CloseReason.IOC_REMAINDER)
        execution.emit(OrderClosed.of(order))
    ledger.perp.orders.put(order.id, order)
    return order, sum(paid_out)


def _cool_down(execution: Execution, market: PerpMarket, position_id: int) -> None:
    ledger = execution.ledger
    position = ledger.perp.positions.rows[position_id]
    if position.is_open:
        until = execution.now + market.cooldown
        ledger.perp.positions.put(position_id, replace(position, cooldown_until=until))


def _charge_fee(
    execution: Execution,
    market: PerpMarket,
    position: Position,
    notional: int,
    paid_out: int,
) -> None:
    """Take the liquidation fee, as far as what the margin group has left covers it."""
    ledger = execution.ledger
    wanted = fee(notional, market.liquidation_fee)
    if wanted == 0:
        return
    now = ledger.perp.positions.rows[position.id]
    if not position.has_own_cash:
        execution.charge(HEALTH_GAS * len(margin_group_members(ledger, position)))
        equity = judged_account(ledger, position.owner, execution.now).equity
        taken = min(wanted, max(0, equity))
        ledger.perp.change_cash(position.owner, -taken)
    elif now.is_open:
        prices = ledger.perp.prices.rows[market.asset]
        taken = min(wanted, max(0, judged_equity(ledger, market, prices, now)))
        ledger.perp.positions.put(now.id, replace(now, cash=now.cash - taken))
    else:
        taken = min(wanted, max(0, paid_out))
        ledger.perp.change_cash(position.owner, -taken)
    pay_in(execution, taken, market.asset)
