"""The changes that updates make to the tables, computed once for every kind of store.

A store's writer turns a projection into its own statements. Orders, fills and totals are decided
here: of several updates of one order the last one counts, a rollback takes back fills, and totals
grow by what each update adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evm_dex.orderlog.balance_update import BalanceUpdate
from evm_dex.orderlog.order_update import ZERO, Exchange, Kind, OrderUpdate, Totals
from evm_dex.orderlog.statistics import stats_delta
from precompiles.types import Address

Account = tuple[Address, Exchange, Address]
"""A user on one exchange in one market: what totals are kept for."""
Added = list[tuple[int, Totals]]
"""Event ids, ascending, and what each adds."""


@dataclass(slots=True)
class Projection:
    """The changes of one run; see `project`."""

    orders: dict[int, OrderUpdate] = field(default_factory=dict)
    """The last update of each order, by order id."""
    replaced: list[OrderUpdate] = field(default_factory=list)
    """The last update of each order whose id was then given to another user's, after a rollback."""
    fills: dict[tuple[int, int], OrderUpdate] = field(default_factory=dict)
    """TRADE updates that the run does not take back, by order and trade id."""
    undone: list[OrderUpdate] = field(default_factory=list)
    """TRADE updates of the run that it takes back itself."""
    rollbacks: list[OrderUpdate] = field(default_factory=list)
    """Updates that take back fills, of earlier runs too: of their order, from `trade_id` on."""
    added: dict[Account, Added] = field(default_factory=dict)
    """Additions of the updates to totals."""


def project(updates: Sequence[OrderUpdate]) -> Projection:
    """Work out the changes of updates that follow each other; a GAP changes nothing here."""
    found = Projection()
    for update in updates:
        if update.kind == Kind.GAP:
            continue
        before = found.orders.get(update.order_id)
        if before is not None and before.user != update.user:
            found.replaced.append(before)
        found.orders[update.order_id] = update
        if update.kind == Kind.TRADE:
            found.fills[update.order_id, update.trade_id] = update
        elif update.kind == Kind.ROLLED_BACK and update.trade_id:
            _take_back(found, update)
        delta = stats_delta(update)
        if delta is not ZERO and delta != ZERO:
            account = (update.user, update.exchange, update.market)
            found.added.setdefault(account, []).append((update.event_id, delta))
    return found


def last_balances(updates: Sequence[BalanceUpdate]) -> list[BalanceUpdate]:
    """Return the update with the highest version of each balance, by (exchange, user, token)."""
    found: dict[tuple[Exchange, Address, Address], BalanceUpdate] = {}
    for update in sorted(updates, key=lambda update: update.version):
        found[update.exchange, update.user, update.token] = update
    return [found[key] for key in sorted(found)]


def added_after(event_id: int, added: Added) -> Totals:
    """Sum what updates above an id add."""
    return sum((delta for event, delta in added if event > event_id), ZERO)


def _take_back(found: Projection, rollback: OrderUpdate) -> None:
    found.rollbacks.append(rollback)
    gone = [
        key for key in found.fills if key[0] == rollback.order_id and key[1] >= rollback.trade_id
    ]
    found.undone += [found.fills.pop(key) for key in gone]
