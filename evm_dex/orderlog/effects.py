"""What one update adds to an account's totals: a function of the update alone.

So a store can add it once, however often the update comes: a row of totals carries the id of the
last event that is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evm_dex.orderlog.order_status import Status
from evm_dex.orderlog.order_update import Kind, OrderUpdate
from evm_dex.orderlog.totals import NOTHING, Totals
from precompiles.types import OrderKind


def runs(updates: Sequence[OrderUpdate]) -> Iterator[Sequence[OrderUpdate]]:
    """Updates in pieces, a new one at each GAP.

    No order that was open before a GAP still is, for all that is known, until it is FOUND.
    """
    start = 0
    for at in range(1, len(updates)):
        if updates[at].kind == Kind.GAP:
            yield updates[start:at]
            start = at
    if updates:
        yield updates[start:]


_CLOSED = {
    Status.CANCELLED: Totals(cancelled=1),
    Status.REJECTED: Totals(rejected=1),
    Status.EXPIRED: Totals(expired=1),
}
_ORDER = Totals(orders=1)


def effect(update: OrderUpdate) -> Totals:
    """What an update adds; that of ROLLED_BACK is negative."""
    match update.kind:
        case Kind.PLACED:
            # An order that a trigger became was counted when the trigger was placed.
            return NOTHING if update.order_type == OrderKind.TRIGGER else _ORDER
        case Kind.TRIGGER_PLACED:
            return _ORDER
        case Kind.TRADE:
            is_complete = update.status == Status.FILLED
            return Totals(
                filled=int(is_complete),
                partial_fills=int(not is_complete),
                volume=update.last_quote,
                fees_in_base=update.fee if update.fee_in_base else 0,
                fees_in_quote=0 if update.fee_in_base else update.fee,
            )
        case Kind.CLOSED:
            return _CLOSED[update.status]
        case Kind.ROLLED_BACK:
            return NOTHING - (update.undone or NOTHING)
        case Kind.REDUCED | Kind.TRIGGER_FIRED | Kind.GAP | Kind.FOUND:
            return NOTHING
