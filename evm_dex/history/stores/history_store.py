"""What a place that keeps the order history must do, whatever database it is.

The contract is held by tests/history/store_contract.py, which every store passes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from evm_dex.orderlog.order_status import Status
from evm_dex.orderlog.order_update import Exchange, OrderUpdate, Totals
from precompiles.types import Address

PAGE = 100
"""Updates in an answer unless told otherwise."""
MAX_PAGE = 1_000


class StoreUnavailable(Exception):  # noqa: N818 - says how the store is
    """The store cannot be reached or refuses to work for now; trying again later may help."""


class StoreBroken(Exception):  # noqa: N818 - says how the store is
    """What the store holds cannot be used, now or later; the message says what to do."""


class MissedEvents(Exception):  # noqa: N818 - says what happened
    """An update does not follow the last one applied; nothing was applied."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"event {found} came where {expected} was due: read on from {expected}")
        self.expected = expected
        self.found = found


class Cursor(Struct, frozen=True):
    """How far a store has come."""

    event_id: int
    """The last event applied; 0 for none."""
    fingerprint: bytes
    """Of that event, see `updates.fingerprint`; empty for none."""


START = Cursor(0, b"")


class Statistics(Struct, frozen=True):
    """The totals of one account in one market."""

    user: Address
    exchange: Exchange
    market: Address
    totals: Totals
    last_event_id: int
    """The last event that changed them."""


class PageCursor(Struct, frozen=True, order=True):
    """Where a page ends: the next one has what is before it, newest first."""

    timestamp: int
    event_id: int


class Query(Struct, frozen=True, kw_only=True):
    """Which updates are wanted. At least one of `user` and `market` must be given."""

    user: Address | None = None
    exchange: Exchange | None = None
    market: Address | None = None
    status: Status | None = None
    """Updates that left the order in it."""
    start: int = 0
    """Block time in seconds, from it on."""
    end: int | None = None
    """Block time in seconds, up to but without it."""
    before: PageCursor | None = None
    """The last update of the page before."""
    limit: int = PAGE

    def check(self) -> None:
        """Raises ValueError, saying what to ask instead."""
        if self.user is None and self.market is None:
            raise ValueError("ask for a user, a market, or both")
        for address in (self.user, self.market):
            if address is not None:
                check_address(address)
        check_limit(self.limit)


class HistoryStore(Protocol):
    """Tables over the updates, used by one thread at a time.

    All methods raise StoreUnavailable when the store is away, and StoreBroken when it is not what
    it should be.
    """

    @abstractmethod
    def cursor(self) -> Cursor:
        """How far it has come, durably."""

    @abstractmethod
    def apply(self, updates: Sequence[OrderUpdate]) -> int:
        """Take in updates, in ascending order; how many were new.

        Those up to the cursor's id are skipped. Effects and cursor are durable on return, and
        after a kill at any point, applying from the cursor on leads to what one run would have.
        Raises MissedEvents where an id is left out; then nothing was applied.
        """

    @abstractmethod
    def stream(self, after: int, limit: int = PAGE) -> list[OrderUpdate]:
        """Updates with an id above `after`, ascending."""

    @abstractmethod
    def open_orders(
        self, user: Address, *, exchange: Exchange | None = None, market: Address | None = None
    ) -> list[OrderUpdate]:
        """The last update of each of a user's open orders, by ascending order id.

        Open: New, PartiallyFilled, or a trigger that waits.
        """

    @abstractmethod
    def order(self, order_id: int) -> OrderUpdate | None:
        """An order's last update. None for one that never was, or is GONE."""

    @abstractmethod
    def changes(self, order_id: int) -> list[OrderUpdate]:
        """All updates of an order, ascending.

        After a rollback an id may be given to another order; both are here, ROLLED_BACK between.
        """

    @abstractmethod
    def order_fills(self, order_id: int) -> list[OrderUpdate]:
        """The TRADE updates of an order that were not rolled back, by ascending trade id."""

    @abstractmethod
    def by_client_id(self, user: Address, client_order_id: int) -> list[OrderUpdate]:
        """The last update of each order that a user gave this id, by ascending order id."""

    @abstractmethod
    def history(self, query: Query) -> list[OrderUpdate]:
        """Updates of any kind but GAP that answer a query, by descending (time, event id)."""

    @abstractmethod
    def fills(self, query: Query) -> list[OrderUpdate]:
        """As `history`, of the TRADE updates that were not rolled back. `status` must be None."""

    @abstractmethod
    def statistics(self, user: Address) -> list[Statistics]:
        """A user's totals by ascending (exchange, market); rows whose totals are all 0 left out."""

    @abstractmethod
    def clear(self) -> None:
        """Forget everything, to be rebuilt from event 1 on."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""


def check_address(address: Address) -> None:
    """Raises ValueError for what is not the bytes of one, and would be found nowhere."""
    if not isinstance(address, bytes) or len(address) != 20:
        raise ValueError(f"{address!r} is not 20 bytes: give evm_dex.addresses.to_address(…)")


def check_limit(limit: int) -> None:
    """Raises ValueError for a page that is empty or too long."""
    if not 0 < limit <= MAX_PAGE:
        raise ValueError(f"limit must be from 1 to {MAX_PAGE}, not {limit}")


def new_updates(cursor: Cursor, updates: Sequence[OrderUpdate]) -> Sequence[OrderUpdate]:
    """Those above the cursor. Raises MissedEvents unless they follow it one by one."""
    expected = cursor.event_id + 1
    skipped = sum(1 for update in updates if update.event_id < expected)
    fresh = updates[skipped:]
    for update in fresh:
        if update.event_id != expected:
            raise MissedEvents(expected, update.event_id)
        expected += 1
    return fresh
