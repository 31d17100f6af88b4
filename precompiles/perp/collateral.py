"""Collateral coming in and going out, between an account and its positions, and leverage."""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.context import CallContext
from precompiles.errors import (
    AmountTooLarge,
    AmountZero,
    InsufficientCollateral,
    InsufficientMargin,
    InvalidLeverage,
    NotIsolated,
    PositionIsOpen,
)
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import Leverage, Position
from precompiles.orders.events import Deposit, Withdrawal
from precompiles.perp.accrual import accrue
from precompiles.perp.danger import judged_account, judged_position
from precompiles.perp.events import LeverageSet, MarginChanged
from precompiles.perp.health import (
    HEALTH_GAS,
    charged_health,
    cross_health,
    position_health,
    require_fresh_account,
)
from precompiles.perp.insurance import pay_in
from precompiles.perp.markets import require_collateral, require_market
from precompiles.perp.oracle import require_fresh
from precompiles.perp.position_orders import require_own
from precompiles.tokens import pull, push
from precompiles.types import MAX_AMOUNT, Address, PositionKind


def deposit(execution: Execution, context: CallContext, here: Address, amount: int) -> None:
    """Pull collateral from the caller, who has approved the precompile at `here`.

    Raises CollateralNotSet, AmountZero, AmountTooLarge, TokenCallFailed or TokenAmountMismatch.
    """
    ledger = execution.ledger
    token = require_collateral(ledger)
    if amount == 0:
        raise AmountZero
    left = MAX_AMOUNT - ledger.perp.fund.collateral_total
    if amount > left:
        raise AmountTooLarge(amount, left)
    pull(context, token, execution.caller, here, amount)
    credit(execution, execution.caller, amount)


def credit(execution: Execution, user: Address, amount: int) -> None:
    """Book collateral that the precompile has received for `user`."""
    ledger = execution.ledger
    fund = ledger.perp.fund
    ledger.perp.fund = replace(fund, collateral_total=fund.collateral_total + amount)
    ledger.perp.change_cash(user, amount)
    execution.emit(Deposit(user, ledger.perp.settings.collateral, amount))


def withdraw(execution: Execution, context: CallContext, here: Address, amount: int) -> None:
    """Send collateral that nothing needs to the caller.

    Raises AmountZero, CollateralNotSet, StalePrice, InsufficientMargin, InsufficientCollateral
    while others' losses, which are to pay for it, wait for their liquidation, TokenCallFailed or
    TokenAmountMismatch.
    """
    token = debit(execution, amount)
    push(context, token, here, execution.caller, amount)


def debit(execution: Execution, amount: int) -> Address:
    """Take collateral that nothing needs from the caller's account, and return its token.

    Raises like `withdraw`, but for what moving the token raises.
    """
    ledger = execution.ledger
    if amount == 0:
        raise AmountZero
    token = require_collateral(ledger)
    _require_withdrawable(execution, amount)
    payable = _payable(ledger, execution.caller)
    if payable < amount:
        raise InsufficientCollateral(payable, amount)
    fund = ledger.perp.fund
    ledger.perp.fund = replace(fund, collateral_total=fund.collateral_total - amount)
    ledger.perp.change_cash(execution.caller, -amount)
    execution.emit(Withdrawal(execution.caller, token, amount))
    return token


def fund_insurance(execution: Execution, amount: int) -> None:
    """Give some of the caller's collateral to the insurance fund. Raises like `withdraw`."""
    if amount == 0:
        raise AmountZero
    _require_withdrawable(execution, amount)
    execution.ledger.perp.change_cash(execution.caller, -amount)
    pay_in(execution, amount)


def add_margin(execution: Execution, position_id: int, amount: int) -> None:
    """Set collateral apart for one of the caller's isolated positions.

    Raises AmountZero, NotIsolated, StalePrice, InsufficientMargin, or what is wrong with the id.
    """
    position = _require_isolated(execution, position_id, amount)
    _require_withdrawable(execution, amount)
    _move(execution, position, amount)


def remove_margin(execution: Execution, position_id: int, amount: int) -> None:
    """Give collateral that an isolated position does not need back to the account.

    Raises AmountZero, NotIsolated, StalePrice, InsufficientMargin, InsufficientCollateral like
    `withdraw`, or what is wrong with the id.
    """
    ledger = execution.ledger
    position = _require_isolated(execution, position_id, amount)
    market = ledger.perp.markets.rows[position.asset]
    require_fresh(market, accrue(execution, market), execution.now)
    withdrawable = min(
        health(ledger, position, execution.now).withdrawable
        for health in (position_health, judged_position)
    )
    if withdrawable < amount:
        raise InsufficientMargin(withdrawable, amount)
    backing = max(0, ledger.backing(ledger.core.pool_of(execution.caller)))
    if ledger.perp.is_idle(execution.caller) and backing < amount:
        raise InsufficientCollateral(backing, amount)
    _move(execution, position, -amount)


def set_leverage(
    execution: Execution,
    asset: Address,
    leverage: int,
    *,
    is_cross: bool,
    may_rise_freely: bool = False,
) -> None:
    """Choose leverage and margin mode for the caller's orders in a market.

    An open position takes the new leverage on, and must afford it; its mode stays. With
    `may_rise_freely` one that is no lower, and so asks for no more margin, is not held against
    what the position has, as on Hyperliquid. Raises UnknownMarket,
    InvalidLeverage, PositionIsOpen or InsufficientMargin.
    """
    ledger = execution.ledger
    market = require_market(ledger, asset)
    if not 0 < leverage <= market.max_leverage:
        raise InvalidLeverage(leverage, market.max_leverage)
    user = execution.caller
    position = ledger.perp.netting_position(user, asset)
    if position is not None:
        if is_cross != (position.kind == PositionKind.CROSS):
            raise PositionIsOpen(position.id)
        accrue(execution, market)
        rises_freely = may_rise_freely and leverage >= position.leverage
        position = replace(position, leverage=leverage)
        ledger.perp.positions.put(position.id, position)
        health = (
            charged_health(execution, user)
            if is_cross
            else position_health(ledger, position, execution.now)
        )
        if health.available < 0 and not rises_freely:
            raise InsufficientMargin(health.available, 0)
    ledger.perp.leverages.put(asset + user, Leverage(leverage, is_cross))
    execution.emit(LeverageSet(user, asset, leverage, is_cross))


def withdrawable_cash(ledger: Ledger, user: Address, now: int) -> int:
    """Return the most that an account may withdraw, below zero for nothing."""
    return min(_spare_cash(ledger, user, now), _payable(ledger, user))


def _spare_cash(ledger: Ledger, user: Address, now: int) -> int:
    """Return what an account can do without, at mark and oracle price alike: the first bends."""
    return min(
        cross_health(ledger, user, now).withdrawable, judged_account(ledger, user, now).withdrawable
    )


def _payable(ledger: Ledger, user: Address) -> int:
    """Return what is held for an account: all if it is idle, else what stands behind positions.

    So profit that no loser can pay is not paid out of what others have deposited.
    """
    pool = ledger.core.pool_of(user)
    return ledger.held(pool) if ledger.perp.is_idle(user) else max(0, ledger.backing(pool))


def _require_withdrawable(execution: Execution, amount: int) -> None:
    """Check that the caller's account can do without `amount`. Raises InsufficientMargin."""
    ledger = execution.ledger
    require_fresh_account(ledger, execution.caller, execution.now)
    user, now = execution.caller, execution.now
    execution.charge(HEALTH_GAS * len(ledger.perp.open_positions.cross.of(user)))
    spare = _spare_cash(ledger, user, now)
    if spare < amount:
        raise InsufficientMargin(spare, amount)


def _require_isolated(execution: Execution, position_id: int, amount: int) -> Position:
    if amount == 0:
        raise AmountZero
    position = require_own(execution, position_id)
    if position.kind != PositionKind.ISOLATED:
        raise NotIsolated(position_id)
    return position


def _move(execution: Execution, position: Position, amount: int) -> None:
    """Move collateral from the account to a position, or back where `amount` is negative."""
    ledger = execution.ledger
    ledger.perp.change_cash(execution.caller, -amount)
    ledger.perp.positions.put(position.id, replace(position, cash=position.cash + amount))
    execution.emit(MarginChanged(position.id, amount))
