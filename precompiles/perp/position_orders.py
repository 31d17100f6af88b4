"""Orders that open or close a position at market: the book first, then the liquidity vault.

The price is bounded by the market's slippage limit around mark, and it is all or nothing.
"""

from __future__ import annotations

from precompiles.engine.amounts import ceil_divide, floor_divide, quote_amount
from precompiles.engine.margin import highest_leverage, notional_up
from precompiles.errors import (
    BelowMinimumNotional,
    CannotFillCompletely,
    InsufficientMargin,
    InvalidLeverage,
    NotPositionOwner,
    PositionNotFound,
    PositionNotOpen,
)
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket, PerpOrder, Position
from precompiles.orders.lifecycle import after_fill
from precompiles.perp.accrual import accrue
from precompiles.perp.danger import is_in_danger, judged_position
from precompiles.perp.events import OrderPlaced
from precompiles.perp.fills import ChangeTaker, Quote, execute_fill, match_order
from precompiles.perp.health import charged_health, require_fresh_account
from precompiles.perp.margin_check import margin_before, margin_excess, require_backing
from precompiles.perp.markets import check_amount, require_market, tiers_of
from precompiles.perp.oracle import require_fresh
from precompiles.perp.placing import OrderRequest, check_open_interest, new_order
from precompiles.perp.positions import open_standalone, reduce
from precompiles.types import (
    FEE_DENOMINATOR,
    ZERO_ADDRESS,
    Address,
    OrderKind,
    PositionKind,
    SelfTradePrevention,
    TimeInForce,
)


def open_position(
    execution: Execution,
    asset: Address,
    amount: int,
    leverage: int,
    *,
    is_long: bool,
) -> Position:
    """Trade `amount` at market into a position of its own, backed by notional / leverage.

    Raises UnknownMarket, InvalidLeverage, NoOraclePrice, StalePrice, BelowMinimumNotional,
    CannotFillCompletely, OpenInterestTooLarge, InsufficientMargin, or what is wrong with the
    amount.
    """
    ledger = execution.ledger
    market = require_market(ledger, asset)
    check_amount(market, amount)
    if not 0 < leverage <= market.max_leverage:
        raise InvalidLeverage(leverage, market.max_leverage)
    prices = accrue(execution, market)
    require_fresh(market, prices, execution.now)
    require_fresh_account(ledger, execution.caller, execution.now)
    at_mark = quote_amount(amount=amount, price=prices.mark, base_unit=market.base_unit)
    least = max(1, market.minimum_notional)
    if at_mark < least:
        raise BelowMinimumNotional(at_mark, least)
    before = margin_before(execution, market, execution.caller)
    # The position is made once, with the totals, when everything has filled.
    filled_order = trade_at_market(
        execution,
        market,
        amount,
        is_buy=is_long,
        change_taker=lambda _delta, _notional: True,
    )
    notional = filled_order.filled_quote
    most = highest_leverage(notional, tiers_of(market))
    if leverage > most:
        raise InvalidLeverage(leverage, most)
    size = amount if is_long else -amount
    position = open_standalone(execution, market, size, notional, leverage)
    check_open_interest(ledger, market)
    available = charged_health(execution, execution.caller).available
    if available < 0:
        raise InsufficientMargin(available, 0)
    if is_in_danger(ledger, position, execution.now):
        health = judged_position(ledger, position, execution.now)
        raise InsufficientMargin(health.equity - health.maintenance, 0)
    require_backing(ledger, before)
    return position


def close_position(execution: Execution, position_id: int) -> int:
    """Trade all of the caller's position away at market; the price gain, without fees.

    Raises PositionNotFound, NotPositionOwner, PositionNotOpen, CannotFillCompletely, StalePrice
    where the vault would have to fill, PositionBankrupt, InsufficientMargin where it would leave
    the account in debt, or InsufficientCollateral while nobody could pay the gain.
    """
    ledger = execution.ledger
    position = require_own(execution, position_id)
    market = ledger.perp.markets.rows[position.asset]
    accrue(execution, market)
    user = execution.caller
    before = margin_before(execution, market, user)
    gains: list[int] = []

    def close_part(delta: int, notional: int) -> bool:
        left = ledger.perp.positions.rows[position_id]
        gains.append(reduce(execution, market, left, abs(delta), notional))
        return False

    trade_at_market(
        execution,
        market,
        abs(position.size),
        is_buy=not position.is_long,
        change_taker=close_part,
    )
    if position.kind == PositionKind.STANDALONE:
        missing = charged_health(execution, user).equity
    else:
        missing = margin_excess(execution, market, user, before, has_grown=False)
    if missing < 0:
        raise InsufficientMargin(missing, 0)
    require_backing(ledger, before)
    return sum(gains)


def trade_at_market(
    execution: Execution,
    market: PerpMarket,
    amount: int,
    *,
    is_buy: bool,
    change_taker: ChangeTaker,
) -> PerpOrder:
    """Fill all of an order of the caller's within the slippage limit, or revert.

    Raises CannotFillCompletely, or StalePrice where the vault would have to fill.
    """
    ledger = execution.ledger
    mark = ledger.perp.prices.rows[market.asset].mark
    price = slippage_limit(market, mark, is_buy=is_buy)
    request = OrderRequest(market.asset, amount, price, is_buy, TimeInForce.IOC)
    order = new_order(execution, request, kind=OrderKind.POSITION)
    execution.emit(OrderPlaced.of(order))
    order = match_order(
        execution,
        market,
        order,
        change_taker,
        prevention=SelfTradePrevention.EXPIRE_MAKER,
    ).order
    if order.remaining:
        order = _fill_from_vault(execution, market, order, change_taker)
    if order.remaining:
        raise CannotFillCompletely(amount, order.filled)
    ledger.perp.orders.put(order.id, order)
    return order


def slippage_limit(market: PerpMarket, mark: int, *, is_buy: bool) -> int:
    """Return the worst price a market order accepts, rounded toward mark."""
    if is_buy:
        return floor_divide(mark * (FEE_DENOMINATOR + market.max_slippage), FEE_DENOMINATOR)
    return ceil_divide(mark * (FEE_DENOMINATOR - market.max_slippage), FEE_DENOMINATOR)


def require_own(execution: Execution, position_id: int) -> Position:
    """Return the caller's own open position of that id.

    Raises PositionNotFound, NotPositionOwner or PositionNotOpen.
    """
    ledger = execution.ledger
    position = ledger.position(position_id)
    if position is not None and position.owner != execution.caller:
        raise NotPositionOwner(position_id, execution.caller, position.owner)
    return require_open(ledger, position_id)


def require_open(ledger: Ledger, position_id: int) -> Position:
    """Any account's open position. Raises PositionNotFound or PositionNotOpen."""
    position = ledger.position(position_id)
    if position is None:
        raise PositionNotFound(position_id)
    if not position.is_open:
        raise PositionNotOpen(position_id)
    return position


def _fill_from_vault(
    execution: Execution,
    market: PerpMarket,
    taker: PerpOrder,
    change_taker: ChangeTaker,
) -> PerpOrder:
    """Let the liquidity vault take all of the rest at mark, if it may and can.

    A book of one's own can bend the mark a little, so where the oracle's price is better for
    the vault, it trades at that. Raises StalePrice, as a vault has no opinion of its own.
    """
    ledger = execution.ledger
    vault = market.vault
    if vault in (ZERO_ADDRESS, taker.owner):
        return taker
    prices = ledger.perp.prices.rows[market.asset]
    require_fresh(market, prices, execution.now)
    mark, oracle = prices.mark, prices.oracle
    price = max(mark, oracle) if taker.is_buy else min(mark, oracle)
    size_before = _vault_size(ledger, market)

    def is_within_limit() -> bool:
        size = _vault_size(ledger, market)
        notional = notional_up(size, oracle, market.base_unit)
        return size <= size_before or notional <= market.vault_limit

    traded = execute_fill(
        execution,
        market,
        taker,
        Quote(vault, 0, price, taker.remaining, 0),
        change_taker,
        taker_fee=market.taker_fee,
        is_acceptable=is_within_limit,
    )
    return taker if traded is None else after_fill(taker, taker.remaining, traded.notional)


def _vault_size(ledger: Ledger, market: PerpMarket) -> int:
    """Size of the vault's position, long or short."""
    position = ledger.perp.netting_position(market.vault, market.asset)
    return abs(position.size) if position else 0
