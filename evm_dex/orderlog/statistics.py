"""Changes of an account's totals by one update: a function of the update alone.

So a store adds it once, however often the update comes: a row of totals carries the id of the last
update that is counted in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evm_dex.orderlog.order_update import ZERO, Kind, OrderUpdate, Totals
from precompiles.types import OrderKind, OrderStatus


def split_at_gaps(updates: Sequence[OrderUpdate]) -> Iterator[Sequence[OrderUpdate]]:
    """Split updates into pieces that begin with each GAP.

    An order that was open before a GAP is not known to be open until it is FOUND.
    """
    start = 0
    for at in range(1, len(updates)):
        if updates[at].kind == Kind.GAP:
            yield updates[start:at]
            start = at
    if updates:
        yield updates[start:]


_CLOSED = {
    OrderStatus.CANCELLED: Totals(cancelled=1),
    OrderStatus.REJECTED: Totals(rejected=1),
    OrderStatus.EXPIRED: Totals(expired=1),
}
_ORDER = Totals(orders=1)


def stats_delta(update: OrderUpdate) -> Totals:
    """Return what an update adds to its user's totals; for ROLLED_BACK it is negative."""
    match update.kind:
        case Kind.PLACED:
            # An order that a trigger became was counted when the trigger was placed.
            return ZERO if update.order_type == OrderKind.TRIGGER else _ORDER
        case Kind.TRIGGER_PLACED:
            return _ORDER
        case Kind.TRADE:
            is_complete = update.status == OrderStatus.FILLED
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
            return ZERO - (update.undone or ZERO)
        case Kind.REDUCED | Kind.TRIGGER_FIRED | Kind.GAP | Kind.FOUND:
            return ZERO
