"""Insurance funds: they take what liquidations leave, and pay what bankruptcies lack.

The exchange has one, and each builder's dex of HyperCore's its own, in its own collateral.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from precompiles.abi.event import Event, Indexed, Int256, Uint256
from precompiles.execution import Execution
from precompiles.ledger.hyper.records import DexFund
from precompiles.ledger.hyper.tables import index_key
from precompiles.ledger.ledger import Ledger
from precompiles.perp.events import InsuranceChanged
from precompiles.types import ZERO_ADDRESS, Address

NO_MARKET = Address(b"")
"""Stands for the exchange's own fund."""
_NO_FUND = DexFund(ZERO_ADDRESS, 0, 0)


class DexInsuranceChanged(Event, frozen=True):
    """`InsuranceChanged` of a builder's dex.

    It is in no interface of contracts: HyperEVM shows them no logs of HyperCore.
    """

    dex: Indexed[Uint256]
    change: Int256
    fund: Uint256
    deficit: Uint256


class _Fund(NamedTuple):
    """State of one fund."""

    dex: int
    insurance: int
    deficit: int


def pay_in(execution: Execution, amount: int, market: Address = NO_MARKET) -> None:
    """Add to the fund behind a market; a deficit is paid off first."""
    if amount == 0:
        return
    fund = _of_market(execution.ledger, market)
    repaid = min(fund.deficit, amount)
    left = fund._replace(insurance=fund.insurance + amount - repaid, deficit=fund.deficit - repaid)
    _put(execution, amount, left)


def pay_out(execution: Execution, wanted: int, market: Address) -> int:
    """Take up to `wanted` from a fund, and return what it paid; it never goes below zero."""
    fund = _of_market(execution.ledger, market)
    paid = min(fund.insurance, wanted)
    if paid:
        _put(execution, -paid, fund._replace(insurance=fund.insurance - paid))
    return paid


def cover(execution: Execution, loss: int, market: Address) -> None:
    """Bear a loss from a fund; the rest becomes a deficit."""
    left = loss - pay_out(execution, loss, market)
    if left:
        fund = _of_market(execution.ledger, market)
        _put(execution, 0, fund._replace(deficit=fund.deficit + left))


def deficit_of(ledger: Ledger, market: Address) -> int:
    """Return the deficit of the fund behind a market."""
    return _of_market(ledger, market).deficit


def backstop_of(ledger: Ledger, market: Address) -> Address:
    """Return the account that takes positions of a market over; the zero address for none."""
    dex = ledger.core.dex_of_market(market)
    if not dex:
        return ledger.perp.settings.backstop
    return _row(ledger, dex).backstop


def idle_beside(ledger: Ledger, user: Address) -> int:
    """Return the idle cash of all accounts with the same collateral."""
    return ledger.perp.idle[ledger.core.pool_of(user)]


def hold_back(execution: Execution, user: Address, idle_before: int, market: Address) -> None:
    """Keep what a forced close gave an account beyond what is held for it.

    `idle_before` is `idle_beside` before that close. Such a winner can't be asked to wait, as one
    that closes by itself is; the insurance pays with it for the bankrupt positions that still wait.
    """
    ledger, perp = execution.ledger, execution.ledger.perp
    held = ledger.held(ledger.core.pool_of(user))
    excess = idle_beside(ledger, user) - max(idle_before, held)
    if excess > 0 and perp.is_idle(user):
        kept = min(excess, perp.cash(user))
        perp.change_cash(user, -kept)
        pay_in(execution, kept, market)


def _of_market(ledger: Ledger, market: Address) -> _Fund:
    dex = ledger.core.dex_of_market(market)
    fund = _row(ledger, dex) if dex else ledger.perp.fund
    return _Fund(dex, fund.insurance, fund.deficit)


def _row(ledger: Ledger, dex: int) -> DexFund:
    return ledger.core.dex_funds.get(index_key(dex)) or _NO_FUND


def _put(execution: Execution, change: int, fund: _Fund) -> None:
    ledger, (dex, insurance, deficit) = execution.ledger, fund
    if dex:
        row = replace(_row(ledger, dex), insurance=insurance, deficit=deficit)
        ledger.core.dex_funds.put(index_key(dex), row)
        execution.emit(DexInsuranceChanged(dex, change, insurance, deficit))
        return
    ledger.perp.fund = replace(ledger.perp.fund, insurance=insurance, deficit=deficit)
    execution.emit(InsuranceChanged(change, insurance, deficit))
