"""The matching loop, and one fill between maker and taker with the maker's margin checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from precompiles.abi.event import Event
from precompiles.engine.amounts import fee, has_quote, quote_amount
from precompiles.engine.matching import Fill, Meeting, SelfMatch, Worthless, match
from precompiles.errors import InsufficientCollateral, NoOraclePrice, PositionBankrupt, StalePrice
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket, PerpOrder
from precompiles.orders.builder_fees import BuilderFeePaid, builder_fee
from precompiles.orders.core_fees import core_fee
from precompiles.orders.events import Trade
from precompiles.orders.lifecycle import after_fill
from precompiles.orders.rebates import MakerRebatePaid, maker_rebate
from precompiles.perp.health import charged_health, require_fresh_account
from precompiles.perp.margin_check import margin_before, margin_excess, require_backing
from precompiles.perp.orders import perp_orders
from precompiles.perp.positions import apply_to_netting_position, reducible_size, sweep_funding_dust
from precompiles.types import Address, CloseReason, OrderStatus, SelfTradePrevention

MATCH_GAS = 40_000
"""For each resting order met."""

MOST_MAKERS = 50
"""Most resting orders met by one liquidation or trigger, so that its cost is bounded."""

ChangeTaker = Callable[[int, int], bool]
"""Changes the taker's position by the signed size and the notional of a fill.

Returns whether the position has grown."""


class MatchResult(NamedTuple):
    """Result of matching an order."""

    order: PerpOrder
    has_grown: bool
    """True if the taker's position grew in any fill."""


def match_order(
    execution: Execution,
    market: PerpMarket,
    taker: PerpOrder,
    change_taker: ChangeTaker,
    *,
    taker_fee: int | None = None,
    prevention: SelfTradePrevention | None = None,
    most_makers: int | None = None,
) -> MatchResult:
    """Match an order against the book, best and oldest first, one maker at a time.

    A maker that has nothing to reduce or cannot afford the fill is cancelled, and matching goes
    on. `taker_fee` and `prevention` replace the market's; after `most_makers` it stops. The
    taker's margin is left to the caller.
    """
    ledger = execution.ledger
    rate = market.taker_fee if taker_fee is None else taker_fee
    if prevention is None:
        prevention = market.self_trade_prevention
    has_grown = False
    makers_met = 0
    while taker.is_active and taker.remaining and makers_met != most_makers:
        makers_met += 1
        met = _next(ledger, market, taker, prevention)
        if met is None:
            break
        execution.charge(MATCH_GAS)
        if isinstance(met, SelfMatch):
            taker = perp_orders.prevent_self_trade(execution, taker, met)
            continue
        fillable = _fillable(ledger, market, met.maker)
        if fillable == 0:
            perp_orders.end(execution, met.maker, OrderStatus.CANCELLED, CloseReason.REDUCE_ONLY)
            continue
        amount = min(taker.remaining, fillable)
        is_worthless = not has_quote(amount, met.maker.price, market.base_unit)
        if isinstance(met, Worthless) or is_worthless:
            perp_orders.end(execution, met.maker, OrderStatus.EXPIRED, CloseReason.TOO_SMALL)
            continue
        traded = _fill(execution, market, taker, Fill(met.maker, amount), change_taker, rate)
        if traded is None:
            reason = CloseReason.INSUFFICIENT_MARGIN
            perp_orders.end(execution, met.maker, OrderStatus.CANCELLED, reason)
            continue
        has_grown = has_grown or traded.has_grown
        taker = after_fill(taker, amount, traded.notional)
        _drop_surplus(execution, market, met.maker.id)
    return MatchResult(taker, has_grown)


class Quote(NamedTuple):
    """Other side of a fill: a maker's order, or a vault."""

    maker: Address
    order_id: int
    """0 for a vault, which has none."""
    price: int
    amount: int
    remaining: int
    """Of the order, afterwards."""


class FillResult(NamedTuple):
    """Result of a fill."""

    notional: int
    has_grown: bool
    """True if the taker's position grew."""


def execute_fill(
    execution: Execution,
    market: PerpMarket,
    taker: PerpOrder,
    quote: Quote,
    change_taker: ChangeTaker,
    *,
    taker_fee: int,
    is_acceptable: Callable[[], bool] = lambda: True,
) -> FillResult | None:
    """Change both sides' positions, the maker's first, and take their fees.

    None, with nothing changed, where the maker cannot afford it or, once its side is done, it is
    not acceptable. The taker's margin is left to the caller.
    """
    start = execution.savepoint()
    notional = quote_amount(amount=quote.amount, price=quote.price, base_unit=market.base_unit)
    bought = -quote.amount if taker.is_buy else quote.amount
    maker_fees = _change_maker(execution, market, quote, bought, notional)
    if maker_fees is None or not is_acceptable():
        execution.rollback(start)
        return None
    has_grown = change_taker(-bought, notional)
    wanted = _fee(execution, taker.owner, notional, taker_fee, is_maker=False)
    order = taker.owner, taker.id, notional
    taker_fees = _charge_fees(execution, market, order, wanted, has_grown=has_grown)
    rebate = maker_rebate(execution, quote.maker, notional)
    if rebate:
        maker_fees = _pay_rebate(execution, market, quote, rebate, maker_fees)
    trade = Trade(
        market=market.asset,
        maker=quote.maker,
        taker=taker.owner,
        trade_id=execution.ledger.next_trade_id(),
        maker_order_id=quote.order_id,
        taker_order_id=taker.id,
        price=quote.price,
        amount=quote.amount,
        quote_amount=notional,
        maker_fee=maker_fees.total,
        taker_fee=taker_fees.total,
        taker_is_buy=taker.is_buy,
        maker_remaining=quote.remaining,
        taker_remaining=taker.remaining - quote.amount,
    )
    here = start.events
    execution.events[here:here] = [*maker_fees.paid, *taker_fees.paid, trade]
    sweep_funding_dust(execution, market)
    return FillResult(notional, has_grown)


class _Fees(NamedTuple):
    """Fees of one side of a fill, as they were taken."""

    total: int
    paid: tuple[Event, ...]
    """What its builder was paid, which is in `total`, and its rebate."""


def _charge_fees(
    execution: Execution,
    market: PerpMarket,
    order: tuple[Address, int, int],
    amount: int,
    *,
    has_grown: bool,
) -> _Fees:
    """Take the exchange's fee, then the builder's, from the cash of an order's owner.

    `order` is its owner, its id and the fill's notional. A fill that only reduces pays no more than
    the account is worth, so a fee makes no debt.
    """
    ledger, (user, order_id, notional) = execution.ledger, order
    builder, asked = builder_fee(ledger, order_id, notional)
    if amount + asked and not has_grown:
        most = max(0, charged_health(execution, user).equity)
        amount = min(amount, most)
        asked = min(asked, most - amount)
    ledger.perp.change_cash(user, -amount - asked)
    ledger.perp.change_cash(market.fee_recipient, amount)
    if not asked:
        return _Fees(amount, ())
    ledger.perp.change_cash(builder, asked)
    paid = BuilderFeePaid(builder, order_id, market.asset, asked)
    return _Fees(amount + asked, (paid,))


def _change_maker(
    execution: Execution,
    market: PerpMarket,
    quote: Quote,
    bought: int,
    notional: int,
) -> _Fees | None:
    """Change a maker's netting position and take its fees, which are returned.

    None where the maker cannot afford it; the caller then rolls back.
    """
    maker = quote.maker
    before = margin_before(execution, market, maker)
    try:
        has_grown = apply_to_netting_position(execution, market, maker, bought, notional)
        if has_grown:
            require_fresh_account(execution.ledger, maker, execution.now)
    except (PositionBankrupt, NoOraclePrice, StalePrice):
        return None
    rebated = maker_rebate(execution, maker, notional)
    wanted = 0 if rebated else _fee(execution, maker, notional, market.maker_fee, is_maker=True)
    order = maker, quote.order_id, notional
    paid = _charge_fees(execution, market, order, wanted, has_grown=has_grown)
    missing = margin_excess(execution, market, maker, before, has_grown=has_grown)
    try:
        require_backing(execution.ledger, before)
    except InsufficientCollateral:
        return None
    return None if missing < 0 else paid


def _pay_rebate(
    execution: Execution, market: PerpMarket, quote: Quote, rebate: int, fees: _Fees
) -> _Fees:
    """Pay a maker's rebate out of the fees that are there."""
    perp = execution.ledger.perp
    amount = min(rebate, max(0, perp.cash(market.fee_recipient)))
    perp.change_cash(market.fee_recipient, -amount)
    perp.change_cash(quote.maker, amount)
    paid = MakerRebatePaid(quote.maker, quote.order_id, market.asset, amount)
    return _Fees(fees.total, (*fees.paid, paid)) if amount else fees


def _fee(execution: Execution, user: Address, notional: int, rate: int, *, is_maker: bool) -> int:
    """Return a side's fee; HyperCore has rates of its own, but where none is asked for."""
    if execution.ledger.core.settings is None or not rate:
        return fee(notional, rate)
    return core_fee(execution, user, notional, is_spot=False, is_maker=is_maker)


def _next(
    ledger: Ledger, market: PerpMarket, taker: PerpOrder, prevention: SelfTradePrevention
) -> Meeting[PerpOrder] | None:
    """Return the first order that a taker meets."""
    side = ledger.perp.book(market.asset).side(is_buy=not taker.is_buy)
    meetings = match(
        side,
        price=taker.price,
        amount=taker.remaining,
        owner=taker.owner,
        prevention=prevention,
        base_unit=market.base_unit,
    )
    return next(meetings, None)


def _fill(
    execution: Execution,
    market: PerpMarket,
    taker: PerpOrder,
    fill: Fill[PerpOrder],
    change_taker: ChangeTaker,
    taker_fee: int,
) -> FillResult | None:
    """Carry out a fill; None, with nothing changed, where the maker cannot afford it."""
    ledger = execution.ledger
    maker, amount = fill
    quote = Quote(maker.owner, maker.id, maker.price, amount, maker.remaining - amount)
    traded = execute_fill(execution, market, taker, quote, change_taker, taker_fee=taker_fee)
    if traded is not None:
        ledger.perp.orders.put(maker.id, after_fill(maker, amount, traded.notional))
        prices = ledger.perp.prices.rows[market.asset]
        ledger.perp.prices.put(market.asset, replace(prices, last_trade=maker.price))
    return traded


def _fillable(ledger: Ledger, market: PerpMarket, maker: PerpOrder) -> int:
    """Return how much of an order may fill: all of it, unless it may only reduce."""
    if not maker.reduce_only:
        return maker.remaining
    closing = reducible_size(ledger, maker.owner, market.asset, is_buy=maker.is_buy)
    return min(maker.remaining, closing)


def _drop_surplus(execution: Execution, market: PerpMarket, order_id: int) -> None:
    """End what is left of a maker that has reduced all it could, or would cost nothing."""
    ledger = execution.ledger
    maker = ledger.perp.orders.rows[order_id]
    if not maker.is_active:
        return
    if _fillable(ledger, market, maker) == 0:
        perp_orders.end(execution, maker, OrderStatus.CANCELLED, CloseReason.REDUCE_ONLY)
    elif not has_quote(maker.remaining, maker.price, market.base_unit):
        perp_orders.end(execution, maker, OrderStatus.EXPIRED, CloseReason.TOO_SMALL)
