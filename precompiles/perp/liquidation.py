"""Taking positions from accounts that cannot keep them: the book, the backstop, deleveraging.

What is judged and taken together is a *unit*: a position with its own collateral, or all cross
positions of an account. Rules: `engine.liquidation`, and Hyperliquid's order of stages.
"""

from __future__ import annotations

from enum import IntEnum

from msgspec.structs import replace

from precompiles.engine.amounts import fee
from precompiles.engine.liquidation import bankruptcy_price
from precompiles.engine.rounding import divide_down
from precompiles.errors import (
    LiquidationCoolingDown,
    NotLiquidatable,
    PositionBankrupt,
    PositionHealthy,
)
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp_records import PerpMarket, PerpOrder, Position
from precompiles.perp.accounts import (
    HEALTH_GAS,
    Health,
    charged_health,
    cross_health,
    equity_of,
    is_in_danger,
    position_health,
    standalone_threshold,
    unit_health,
)
from precompiles.perp.clock import prices_at, touch
from precompiles.perp.deleveraging import deleverage
from precompiles.perp.events import Liquidated, OrderClosed, OrderPlaced
from precompiles.perp.execution import Execution, go_back, point
from precompiles.perp.filling import MOST_MAKERS, take
from precompiles.perp.insurance import pay_in, pay_out
from precompiles.perp.market_orders import require_open
from precompiles.perp.oracle import is_fresh, require_fresh
from precompiles.perp.placing import OrderRequest, new_order
from precompiles.perp.positions import reduce, sweep, take_over
from precompiles.types import (
    MAX_PERP_VALUE,
    ZERO_ADDRESS,
    CloseReason,
    OrderKind,
    OrderStatus,
    PositionKind,
    PositionStatus,
    SelfTradePrevention,
    TimeInForce,
)

LIQUIDATE_GAS = 60_000
ROUNDING_RESERVE = 2 * MOST_MAKERS
"""Collateral units kept back, since each fill rounds against the position by up to two."""
PARTIAL_PERCENT = 20


class Stage(IntEnum):
    """How a position was liquidated; part of the ABI."""

    BOOK = 1
    BACKSTOP = 2
    DELEVERAGING = 3


def liquidate(ledger: Ledger, execution: Execution, position_id: int) -> int:
    """Liquidate a position, or the account behind it; anyone may. Returns the price.

    The average price on the book, otherwise the mark. Raises PositionNotFound, PositionNotOpen,
    NoOraclePrice, StalePrice, NotLiquidatable, PositionHealthy or LiquidationCoolingDown.
    """
    position = require_open(ledger, position_id)
    unit = unit_members(ledger, position)
    execution.charge(HEALTH_GAS * len(unit))
    for member in unit:
        market = ledger.perp.markets.rows[member.asset]
        require_fresh(market, touch(ledger, execution, market), execution.now)
    market = ledger.perp.markets.rows[position.asset]
    health = unit_health(ledger, position, execution.now)
    _require_danger(ledger, execution, market, position, health)
    if is_for_book(health):
        price = _sell_on_book(ledger, execution, market, position, health)
        if price is not None:
            return price
    mark = ledger.perp.prices.rows[market.asset].mark
    _take_unit(ledger, execution, unit, health.equity)
    return mark


def unit_members(ledger: Ledger, position: Position) -> list[Position]:
    """A position and all that is judged together with it, by ascending id."""
    if position.has_own_cash:
        return [position]
    ids = ledger.perp.open_positions.cross.of(position.owner)
    return [ledger.perp.positions.rows[position_id] for position_id in ids]


def is_liquidatable_now(ledger: Ledger, position: Position, now: int) -> bool:
    """Whether `liquidate` would do something: danger, fresh prices, no cooldown."""
    for member in unit_members(ledger, position):
        market = ledger.perp.markets.rows[member.asset]
        if not is_fresh(market, prices_at(ledger, market, now), now):
            return False
    if not is_in_danger(ledger, position, now):
        return False
    health = unit_health(ledger, position, now)
    if not is_for_book(health):
        return True
    market = ledger.perp.markets.rows[position.asset]
    own = position_health(ledger, position, now)
    return not (_is_partial(market, own) and now < position.cooldown_until)


def is_for_book(health: Health) -> bool:
    """At two thirds of its maintenance margin or more, a unit gets its chance on the book."""
    return health.equity > 0 and 3 * health.equity >= 2 * health.maintenance


def _require_danger(
    ledger: Ledger, execution: Execution, market: PerpMarket, position: Position, health: Health
) -> None:
    if is_in_danger(ledger, position, execution.now):
        return
    if position.kind == PositionKind.STANDALONE:
        mark = ledger.perp.prices.rows[market.asset].mark
        raise PositionHealthy(position.id, mark, standalone_threshold(market, position))
    raise NotLiquidatable(position.id, health.equity, health.maintenance)


def _is_partial(market: PerpMarket, own: Health) -> bool:
    """Whether a position is so large that it is liquidated in two steps."""
    return 0 < market.partial_notional < own.notional


def _sell_on_book(
    ledger: Ledger, execution: Execution, market: PerpMarket, position: Position, health: Health
) -> int | None:
    """Trade a position, or a part of it, away on the book; the average price.

    Never at a price that would leave debt. None, with nothing changed that matters, where the
    book takes nothing.
    """
    amount = abs(position.size)
    own = position_health(ledger, position, execution.now)
    is_partial = _is_partial(market, own)
    if is_partial and execution.now < position.cooldown_until:
        raise LiquidationCoolingDown(position.id, position.cooldown_until)
    if is_partial and position.cooldown_until == 0:
        share = amount * PARTIAL_PERCENT // 100
        amount = max(min(market.lot, amount), share - share % market.lot)
    else:
        is_partial = False
    spendable = health.equity
    if not position.has_own_cash:  # its share: the rest stands behind the others
        spendable = divide_down(health.equity * own.maintenance, max(1, health.maintenance))
    order, paid_out = _trade_away(ledger, execution, market, position, amount, spendable)
    if order.filled == 0:
        return None
    if is_partial:
        _cool_down(ledger, execution, market, position.id)
    _charge_fee(ledger, execution, market, position, order.filled_notional, paid_out)
    sweep(ledger, execution, market)
    price = divide_down(order.filled_notional * market.base_unit, order.filled)
    left = _equity_left(ledger, execution, market, position)
    execution.events.append(
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


def _trade_away(
    ledger: Ledger,
    execution: Execution,
    market: PerpMarket,
    position: Position,
    amount: int,
    spendable: int,
) -> tuple[PerpOrder, int]:
    """Send the owner's order to the book, down to where `spendable` would be used up.

    Returns it, with what the position's own cash paid out to the account meanwhile.
    """
    mark = ledger.perp.prices.rows[market.asset].mark
    spendable = max(0, spendable - ROUNDING_RESERVE)
    price = bankruptcy_price(position.size, mark, spendable, market.base_unit)
    price = max(1, min(MAX_PERP_VALUE, price))
    acting = execution.acting_for(position.owner)
    request = OrderRequest(
        market.asset, amount, price, not position.is_long, TimeInForce.IOC, reduce_only=True
    )
    order = new_order(ledger, acting, request, kind=OrderKind.LIQUIDATION)
    execution.events.append(OrderPlaced.of(order))

    paid_out: list[int] = []

    def close_part(delta: int, notional: int) -> bool:
        left = ledger.perp.positions.rows[position.id]
        before = ledger.perp.cash(position.owner)
        reduce(
            ledger,
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

    order = take(
        ledger,
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
        execution.events.append(OrderClosed.of(order))
    ledger.perp.orders.put(order.id, order)
    return order, sum(paid_out)


def _cool_down(ledger: Ledger, execution: Execution, market: PerpMarket, position_id: int) -> None:
    position = ledger.perp.positions.rows[position_id]
    if position.is_open:
        until = execution.now + market.cooldown
        ledger.perp.positions.put(position_id, replace(position, cooldown_until=until))


def _charge_fee(
    ledger: Ledger,
    execution: Execution,
    market: PerpMarket,
    position: Position,
    notional: int,
    paid_out: int,
) -> None:
    """Take the liquidation fee, as far as what the unit has left covers it."""
    wanted = fee(notional, market.liquidation_fee)
    if wanted == 0:
        return
    now = ledger.perp.positions.rows[position.id]
    if not position.has_own_cash:
        equity = charged_health(ledger, execution, position.owner).equity
        taken = min(wanted, max(0, equity))
        ledger.perp.change_cash(position.owner, -taken)
    elif now.is_open:
        prices = ledger.perp.prices.rows[market.asset]
        taken = min(wanted, max(0, equity_of(market, prices, now)))
        ledger.perp.positions.put(now.id, replace(now, cash=now.cash - taken))
    else:
        taken = min(wanted, max(0, paid_out))
        ledger.perp.change_cash(position.owner, -taken)
    pay_in(ledger, execution, taken)


def _equity_left(
    ledger: Ledger, execution: Execution, market: PerpMarket, position: Position
) -> int:
    """What the unit is worth after a liquidation on the book."""
    if not position.has_own_cash:
        return cross_health(ledger, position.owner, execution.now).equity
    now = ledger.perp.positions.rows[position.id]
    prices = ledger.perp.prices.rows[market.asset]
    return equity_of(market, prices, now) if now.is_open else 0


def _take_unit(ledger: Ledger, execution: Execution, unit: list[Position], equity: int) -> None:
    """Give all of a unit to the backstop, or close it against profitable positions."""
    if equity < 0:
        paid = pay_out(ledger, execution, -equity)
        equity += paid
        unit = _add_cash(ledger, unit, paid)
    stage = Stage.BACKSTOP
    if equity < 0 or not _hand_over(ledger, execution, unit):
        stage = Stage.DELEVERAGING
        deleverage(ledger, execution, unit, max(0, -equity))
    for position in unit:
        market = ledger.perp.markets.rows[position.asset]
        sweep(ledger, execution, market)
        now = ledger.perp.positions.rows[position.id]
        left = abs(now.size) if now.is_open else 0
        execution.events.append(
            Liquidated(
                position.id,
                position.owner,
                execution.caller,
                abs(position.size) - left,
                ledger.perp.prices.rows[market.asset].mark,
                stage,
                _equity_left(ledger, execution, market, position),
            )
        )


def _add_cash(ledger: Ledger, unit: list[Position], amount: int) -> list[Position]:
    """Put money from the insurance behind a unit; the unit after it."""
    first = unit[0]
    if not first.has_own_cash:
        ledger.perp.change_cash(first.owner, amount)
        return unit
    if amount:
        first = replace(first, cash=first.cash + amount)
        ledger.perp.positions.put(first.id, first)
    return [first]


def _hand_over(ledger: Ledger, execution: Execution, unit: list[Position]) -> bool:
    """Let the backstop account take a unit over at mark, with the cash behind it, if it can."""
    backstop, owner = ledger.perp.settings.backstop, unit[0].owner
    if backstop in (ZERO_ADDRESS, owner):
        return False
    before = point(ledger, execution)
    cash_before = ledger.perp.cash(owner) if unit[0].has_own_cash else 0
    try:
        for position in unit:
            market = ledger.perp.markets.rows[position.asset]
            take_over(ledger, execution, market, position, backstop)
    except PositionBankrupt:  # the backstop's own position, which this would have closed
        go_back(ledger, execution, before)
        return False
    cash = max(0, ledger.perp.cash(owner) - cash_before)
    ledger.perp.change_cash(owner, -cash)
    ledger.perp.change_cash(backstop, cash)
    health = charged_health(ledger, execution, backstop)
    taken = [ledger.perp.netting_position(backstop, position.asset) for position in unit]
    if health.equity >= health.maintenance and not any(
        position is not None
        and position.has_own_cash
        and position_health(ledger, position, execution.now).is_liquidatable
        for position in taken
    ):
        return True
    go_back(ledger, execution, before)
    return False
