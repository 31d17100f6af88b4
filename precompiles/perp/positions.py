"""Changes of positions and of the cash behind them.

Buying takes the notional from the cash that stands behind the position, selling adds it. Both
sides of a trade move the same notional, so nothing is made or lost whatever the rounding.
"""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.engine.margin import initial_margin
from precompiles.engine.position import Change, Exposure, apply_fill
from precompiles.errors import PositionBankrupt
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import Leverage, PerpMarket, PerpPrices, Position
from precompiles.perp.accrual import prices_at
from precompiles.perp.danger import judged_price
from precompiles.perp.events import PositionChanged
from precompiles.perp.health import funding_due
from precompiles.perp.insurance import cover, pay_in
from precompiles.types import Address, PositionKind, PositionStatus

DEFAULT_LEVERAGE = 10


def leverage_setting(ledger: Ledger, user: Address, market: PerpMarket) -> Leverage:
    """Return an account's leverage and mode in a market: by default cross at 10 or the most."""
    chosen = ledger.perp.leverages.get(market.asset + user)
    return chosen or Leverage(min(DEFAULT_LEVERAGE, market.max_leverage), is_cross=True)


def reducible_size(ledger: Ledger, user: Address, asset: Address, *, is_buy: bool) -> int:
    """Return how much of a netting position an order of that side would close."""
    position = ledger.perp.netting_position(user, asset)
    return 0 if position is None or position.is_long == is_buy else abs(position.size)


def apply_to_netting_position(
    execution: Execution,
    market: PerpMarket,
    user: Address,
    delta: int,
    notional: int,
) -> bool:
    """Buy (`delta` above 0) or sell for `notional` on an account's netting position.

    A fill past zero ends the position and opens another. Returns whether it has grown: whether
    more is at stake on the side of the fill than before.
    """
    position = execution.ledger.perp.netting_position(user, market.asset)
    if position is None or (position.size > 0) == (delta > 0):
        _grow(execution, market, user, position, delta, notional)
        return True
    change = apply_fill(Exposure(position.size, position.entry_notional), delta, notional)
    reduce(execution, market, position, change.closed_size, change.closed_notional)
    rest = abs(delta) - change.closed_size
    if rest:
        opened = rest if delta > 0 else -rest
        _grow(execution, market, user, None, opened, change.opened_notional)
    return rest > 0


def reduce(
    execution: Execution,
    market: PerpMarket,
    position: Position,
    amount: int,
    notional: int,
    *,
    ended_as: PositionStatus = PositionStatus.CLOSED,
    is_forced: bool = False,
    keeps_margin: bool = False,
) -> int:
    """Close `amount` of a position, of any kind, for `notional`; returns the price gain.

    A position with its own cash pays out the closed share of its margin and what was gained on
    it, or nothing when that is lost or it `keeps_margin` for the rest; with its last part,
    everything it has. Where that does not cover the loss, a forced close leaves it to the
    insurance, and any other raises PositionBankrupt.
    """
    ledger = execution.ledger
    position, funding = _settle_funding(ledger, market, position)
    delta = -amount if position.is_long else amount
    change = apply_fill(Exposure(position.size, position.entry_notional), delta, notional)
    assert not change.opened_notional, "no more is closed than there is"
    flow = notional if position.is_long else -notional
    is_last = change.exposure.size == 0
    if position.kind == PositionKind.CROSS:
        ledger.perp.change_cash(position.owner, flow)
        cash = 0
    else:
        cash = position.cash + flow
        if is_last and cash < 0:
            if not is_forced:
                raise PositionBankrupt(position.id, cash)
            cover(execution, -cash, market.asset)
            cash = 0
        paid_out = cash if is_last else 0 if keeps_margin else _paid_out(position, change)
        ledger.perp.change_cash(position.owner, paid_out)
        cash -= paid_out
    _change_open_interest(ledger, market, position.size, change.exposure.size)
    _put(
        execution,
        replace(
            position,
            # An ended position keeps its last size and entry, for readers.
            size=position.size if is_last else change.exposure.size,
            entry_notional=position.entry_notional if is_last else change.exposure.entry_notional,
            cash=cash,
            status=ended_as if is_last else position.status,
            realized_pnl=position.realized_pnl + change.realized_pnl,
        ),
        change.realized_pnl,
        funding,
    )
    return change.realized_pnl


def open_standalone(
    execution: Execution,
    market: PerpMarket,
    size: int,
    notional: int,
    leverage: int,
) -> Position:
    """Make a position of its own for the caller, backed by `notional / leverage`, rounded up."""
    ledger = execution.ledger
    margin = initial_margin(notional, leverage)
    ledger.perp.change_cash(execution.caller, -margin)
    flow = -notional if size > 0 else notional
    position = _new(execution, market, execution.caller, PositionKind.STANDALONE, leverage)
    position = replace(position, size=size, entry_notional=notional, cash=margin + flow)
    _change_open_interest(ledger, market, 0, size)
    return _put(execution, position, 0, 0)


def transfer_position(
    execution: Execution, market: PerpMarket, position: Position, to: Address
) -> None:
    """Move a position to another account at its value at the price it is judged at.

    The old owner closes at the value, the new one opens at it: each with the rules of its kind.
    """
    price = judged_price(execution.ledger, execution.ledger.perp.prices.rows[market.asset])
    notional = abs(position.size * price) // market.base_unit
    amount, size = abs(position.size), position.size
    reduce(
        execution,
        market,
        position,
        amount,
        notional,
        ended_as=PositionStatus.LIQUIDATED,
        is_forced=True,
    )
    apply_to_netting_position(execution, market, to, size, notional)


def sweep_funding_dust(execution: Execution, market: PerpMarket) -> None:
    """Once a market has no positions, what payers of funding rounded up goes to the insurance."""
    ledger = execution.ledger
    prices = ledger.perp.prices.rows[market.asset]
    if prices.funding_pool and not ledger.perp.open_positions.by_market.ids.get(market.asset):
        assert prices.funding_pool > 0, "payers round up, receivers down"
        ledger.perp.prices.put(market.asset, replace(prices, funding_pool=0))
        pay_in(execution, prices.funding_pool, market.asset)


def _settle_funding(ledger: Ledger, market: PerpMarket, position: Position) -> tuple[Position, int]:
    prices = ledger.perp.prices.rows[market.asset]
    if prices.funding_index == position.funding_index:
        return position, 0
    due = funding_due(market, prices, position)
    if due:
        pool = prices.funding_pool - due
        ledger.perp.prices.put(market.asset, replace(prices, funding_pool=pool))
    cash = position.cash
    if position.kind == PositionKind.CROSS:
        ledger.perp.change_cash(position.owner, due)
    else:
        cash += due
    return replace(position, cash=cash, funding_index=prices.funding_index), due


def _grow(
    execution: Execution,
    market: PerpMarket,
    user: Address,
    position: Position | None,
    delta: int,
    notional: int,
) -> None:
    """Add to a netting position, or open one."""
    ledger = execution.ledger
    if position is None:
        wanted = leverage_setting(ledger, user, market)
        kind = PositionKind.CROSS if wanted.is_cross else PositionKind.ISOLATED
        position, funding = _new(execution, market, user, kind, wanted.leverage), 0
    else:
        position, funding = _settle_funding(ledger, market, position)
    flow = -notional if delta > 0 else notional
    cash = position.cash
    if position.kind == PositionKind.CROSS:
        ledger.perp.change_cash(user, flow)
    else:
        margin = initial_margin(notional, position.leverage)
        ledger.perp.change_cash(user, -margin)
        cash += margin + flow
    _change_open_interest(ledger, market, position.size, position.size + delta)
    grown = replace(
        position,
        size=position.size + delta,
        entry_notional=position.entry_notional + notional,
        cash=cash,
    )
    _put(execution, grown, 0, funding)


def _new(
    execution: Execution,
    market: PerpMarket,
    user: Address,
    kind: PositionKind,
    leverage: int,
) -> Position:
    """Return a position without a size, not yet in its table."""
    ledger = execution.ledger
    prices: PerpPrices = prices_at(ledger, market, execution.now)
    return Position(
        id=ledger.next_position_id(),
        owner=user,
        asset=market.asset,
        kind=kind,
        status=PositionStatus.OPEN,
        size=0,
        entry_notional=0,
        leverage=leverage,
        cash=0,
        funding_index=prices.funding_index,
        cooldown_until=0,
        realized_pnl=0,
        block_number=execution.block_number,
    )


def _paid_out(position: Position, change: Change) -> int:
    """Return the closed share of the margin, rounded down, with its gain; not below zero.

    A margin below zero, as after a loss was collected, takes its share of the gain.
    """
    share = position.margin * change.closed_size // abs(position.size)
    return max(0, share + change.realized_pnl)


def _change_open_interest(ledger: Ledger, market: PerpMarket, before: int, after: int) -> None:
    """Long sizes alone are counted; the short ones add up to the same."""
    change = max(0, after) - max(0, before)
    if change:
        prices = ledger.perp.prices.rows[market.asset]
        total = prices.open_interest + change
        ledger.perp.prices.put(market.asset, replace(prices, open_interest=total))


def _put(execution: Execution, position: Position, realized_pnl: int, funding: int) -> Position:
    execution.ledger.perp.positions.put(position.id, position)
    execution.emit(
        PositionChanged(
            position.id,
            position.owner,
            position.asset,
            position.size if position.is_open else 0,
            position.entry_notional if position.is_open else 0,
            realized_pnl,
            funding,
            position.kind,
            position.status,
        )
    )
    return position
