"""The status machine of an order, the same on both exchanges."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """The status of an order, numbered as in the exchanges' ABI."""

    GONE = 0
    """Its block was rolled back, so it was never placed."""
    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELLED = 4
    REJECTED = 5
    """A trigger that fired and was refused; it never reached the book."""
    EXPIRED = 6
    UNTRIGGERED = 7
    """A stop or take-profit that waits outside the book."""

    @property
    def is_open(self) -> bool:
        """Whether the owner can still cancel the order."""
        return self in _OPEN


_OPEN = frozenset({Status.NEW, Status.PARTIALLY_FILLED, Status.UNTRIGGERED})
_LEGAL: dict[Status | None, frozenset[Status]] = {
    None: frozenset({Status.NEW, Status.UNTRIGGERED}),
    Status.UNTRIGGERED: frozenset({Status.NEW, Status.CANCELLED, Status.REJECTED}),
    Status.NEW: frozenset(
        {Status.PARTIALLY_FILLED, Status.FILLED, Status.CANCELLED, Status.EXPIRED}
    ),
    Status.PARTIALLY_FILLED: frozenset(
        {Status.PARTIALLY_FILLED, Status.FILLED, Status.CANCELLED, Status.EXPIRED}
    ),
}


class IllegalTransition(Exception):  # noqa: N818 - says what was attempted
    """An order's status would change in a way that the status machine forbids: our bug."""


def check_transition(before: Status | None, after: Status, order_id: int) -> None:
    """Raise IllegalTransition unless `before` leads to `after`; None: the order is new.

    Shrinking an order is no move, and a rollback goes back to any status.
    """
    if after not in _LEGAL.get(before, frozenset()):
        was = "not placed" if before is None else before.name
        raise IllegalTransition(f"order {order_id}: {was} does not lead to {after.name}")
