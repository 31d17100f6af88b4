"""One fill between a resting order and whoever takes it, with the maker's margin checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from precompiles.engine.amounts import fee, quote_amount
from precompiles.engine.matching import Fill, SelfMatch, match
from precompiles.errors import NoOraclePrice, PositionBankrupt, StalePrice
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp_records import PerpMarket, PerpOrder
from precompiles.perp.accounts import require_fresh_account
from precompiles.perp.affording import charge_fee, missing_margin, standing
from precompiles.perp.closing import close, reduce_order
from precompiles.perp.events import OrderReduced, Trade
from precompiles.perp.execution import Execution
from precompiles.perp.positions import Effect, net, sweep
from precompiles.types import Address, CloseReason, OrderStatus, SelfTradePrevention

MATCH_GAS = 40_000
"""For each resting order that is met."""

MOST_MAKERS = 50
"""Resting orders that one liquidation or one trigger meets, so that none costs without bound."""

ChangeTaker = Callable[[int, int], Effect]
"""Told the signed size and the notional of a fill, it changes the taker's position."""


class Taken(NamedTuple):
    """What an order took."""

    order: PerpOrder
    has_grown: bool
    """Whether the taker's position grew in any fill."""


def take(
    ledger: Ledger,
    execution: Execution,
    market: PerpMarket,
    taker: PerpOrder,
    change_taker: ChangeTaker,
    *,
    taker_fee: int | None = None,
    prevention: SelfTradePrevention | None = None,
    most_makers: int | None = None,
) -> Taken:
    """Let an order meet the book, best and oldest first, one maker at a time.

    A maker that has nothing to reduce or cannot afford the fill is cancelled and the taker goes
    on. `taker_fee` and `prevention` stand for the market's; after `most_makers` it stops. The
    taker's margin is left to the caller.
    """
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
            taker = _prevent(ledger, execution, taker, met)
            continue
        amount = min(met.amount, _reducible(ledger, market, met.maker))
        if amount == 0:
            close(ledger, execution, met.maker, OrderStatus.CANCELLED, CloseReason.REDUCE_ONLY)
            continue
        effect = _fill(
            ledger, execution, market, taker, Fill(met.maker, amount), change_taker, rate
        )
        if effect is None:
            reason = CloseReason.INSUFFICIENT_MARGIN
            close(ledger, execution, met.maker, OrderStatus.CANCELLED, reason)
            continue
        has_grown = has_grown or effect.has_grown
        notional = quote_amount(amount=amount, price=met.maker.price, base_unit=market.base_unit)
        taker = filled(taker, amount, notional)
        _drop_surplus(ledger, execution, market, met.maker.id)
    return Taken(taker, has_grown)


def filled(order: PerpOrder, amount: int, notional: int) -> PerpOrder:
    """An order after `amount` more was filled for `notional`."""
    total = order.filled + amount
    status = OrderStatus.FILLED if total == order.amount else OrderStatus.PARTIALLY_FILLED
    return replace(
        order, filled=total, filled_notional=order.filled_notional + notional, status=status
    )


def fill_maker(
    ledger: Ledger,
    execution: Execution,
    market: PerpMarket,
    maker: Address,
    bought: int,
    notional: int,
) -> int | None:
    """Change a maker's netting position and take its fee, which is returned.

    None where the maker cannot afford the fill; the caller then takes back what was done.
    """
    before = standing(ledger, execution, market, maker)
    try:
        effect = net(ledger, execution, market, maker, bought, notional)
        if effect.has_grown:
            require_fresh_account(ledger, maker, execution.now)
    except (PositionBankrupt, NoOraclePrice, StalePrice):
        return None
    has_grown = effect.has_grown
    paid = charge_fee(
        ledger, execution, market, maker, fee(notional, market.maker_fee), has_grown=has_grown
    )
    missing = missing_margin(ledger, execution, market, maker, before, has_grown=has_grown)
    return None if missing < 0 else paid


def _next(
    ledger: Ledger, market: PerpMarket, taker: PerpOrder, prevention: SelfTradePrevention
) -> Fill[PerpOrder] | SelfMatch[PerpOrder] | None:
    """The first order that a taker meets."""
    side = ledger.perp.book(market.asset).side(is_buy=not taker.is_buy)
    meetings = match(
        side,
        price=taker.price,
        amount=taker.remaining,
        owner=taker.owner,
        prevention=prevention,
    )
    return next(meetings, None)


def _fill(
    ledger: Ledger,
    execution: Execution,
    market: PerpMarket,
    taker: PerpOrder,
    fill: Fill[PerpOrder],
    change_taker: ChangeTaker,
    taker_rate: int,
) -> Effect | None:
    """Carry out a fill; None, with nothing changed, where the maker cannot afford it."""
    maker, amount = fill
    notional = quote_amount(amount=amount, price=maker.price, base_unit=market.base_unit)
    mark, happened = ledger.journal.mark(), len(execution.events)
    bought = amount if maker.is_buy else -amount
    maker_fee = fill_maker(ledger, execution, market, maker.owner, bought, notional)
    if maker_fee is None:
        ledger.journal.revert(mark)
        del execution.events[happened:]
        return None
    effect = change_taker(-bought, notional)
    taker_fee = charge_fee(
        ledger,
        execution,
        market,
        taker.owner,
        fee(notional, taker_rate),
        has_grown=effect.has_grown,
    )
    ledger.perp.orders.put(maker.id, filled(maker, amount, notional))
    prices = ledger.perp.prices.rows[market.asset]
    ledger.perp.prices.put(market.asset, replace(prices, last_trade=maker.price))
    execution.events.insert(
        happened,
        Trade(
            market.asset,
            maker.owner,
            taker.owner,
            ledger.next_trade_id(),
            maker.id,
            taker.id,
            maker.price,
            amount,
            notional,
            maker_fee,
            taker_fee,
            taker.is_buy,
            maker.remaining - amount,
            taker.remaining - amount,
        ),
    )
    sweep(ledger, execution, market)
    return effect


def _reducible(ledger: Ledger, market: PerpMarket, maker: PerpOrder) -> int:
    """How much of an order may fill: all of it, unless it may only reduce."""
    if not maker.reduce_only:
        return maker.remaining
    position = ledger.perp.netting_position(maker.owner, market.asset)
    if position is None or position.is_long == maker.is_buy:
        return 0
    return min(maker.remaining, abs(position.size))


def _drop_surplus(ledger: Ledger, execution: Execution, market: PerpMarket, order_id: int) -> None:
    """Cancel what is left of a maker that has reduced all it could."""
    maker = ledger.perp.orders.rows[order_id]
    if maker.is_active and _reducible(ledger, market, maker) == 0:
        close(ledger, execution, maker, OrderStatus.CANCELLED, CloseReason.REDUCE_ONLY)


def _prevent(
    ledger: Ledger,
    execution: Execution,
    taker: PerpOrder,
    met: SelfMatch[PerpOrder],
) -> PerpOrder:
    """Carry out a prevented self-trade and return the taker after it."""
    maker = met.maker
    if met.maker_expires:
        close(ledger, execution, maker, OrderStatus.EXPIRED, CloseReason.SELF_TRADE)
    elif met.amount:
        reduce_order(ledger, execution, maker, maker.amount - met.amount)
    if met.taker_expires:
        return replace(taker, status=OrderStatus.EXPIRED, reason=CloseReason.SELF_TRADE)
    if met.amount:
        taker = replace(taker, amount=taker.amount - met.amount)
        execution.events.append(OrderReduced.of(taker))
    return taker
