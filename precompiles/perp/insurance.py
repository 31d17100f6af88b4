"""The insurance fund: takes what liquidations leave, pays what bankruptcies lack."""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.execution import Execution
from precompiles.perp.events import InsuranceChanged
from precompiles.types import Address


def pay_in(execution: Execution, amount: int) -> None:
    """Add to the fund; a deficit is paid off first."""
    if amount == 0:
        return
    fund = execution.ledger.perp.fund
    repaid = min(fund.deficit, amount)
    _put(
        execution,
        amount,
        insurance=fund.insurance + amount - repaid,
        deficit=fund.deficit - repaid,
    )


def pay_out(execution: Execution, wanted: int) -> int:
    """Take up to `wanted` from the fund, and return what it paid; it never goes below zero."""
    fund = execution.ledger.perp.fund
    paid = min(fund.insurance, wanted)
    if paid:
        _put(execution, -paid, insurance=fund.insurance - paid, deficit=fund.deficit)
    return paid


def cover(execution: Execution, loss: int) -> None:
    """Bear a loss from the fund; the rest becomes a deficit."""
    left = loss - pay_out(execution, loss)
    if left:
        fund = execution.ledger.perp.fund
        _put(execution, 0, insurance=fund.insurance, deficit=fund.deficit + left)


def hold_back(execution: Execution, user: Address, idle_before: int) -> None:
    """Keep what a forced close gave an account beyond what is held for it.

    `idle_before` is the idle cash before that close. Such a winner can't be asked to wait, as one
    that closes by itself is; the insurance pays with it for the bankrupt positions that still wait.
    """
    perp = execution.ledger.perp
    excess = perp.idle_cash - max(idle_before, perp.fund.collateral_total)
    if excess > 0 and perp.is_idle(user):
        kept = min(excess, perp.cash(user))
        perp.change_cash(user, -kept)
        pay_in(execution, kept)


def _put(execution: Execution, change: int, *, insurance: int, deficit: int) -> None:
    ledger = execution.ledger
    ledger.perp.fund = replace(ledger.perp.fund, insurance=insurance, deficit=deficit)
    execution.emit(InsuranceChanged(change, insurance, deficit))
