"""The contract of every store of the order history.

The contract is held by tests/history/store_contract.py, which every store passes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from evm_dex.orderlog.balance_update import BalanceUpdate
from evm_dex.orderlog.order_update import Exchange, OrderUpdate, Totals
from precompiles.types import Address, OrderStatus

PAGE = 100
"""Updates in an answer unless told otherwise."""
MAX_PAGE = 1_000


class StoreUnavailable(Exception):  # noqa: N818 - says how the store is
    """The store is away or refuses for now; trying again later may help."""


class StoreBroken(Exception):  # noqa: N818 - says how the store is
    """The store's content cannot be used; the message says what to do."""


class MissedEvents(Exception):  # noqa: N818 - says what happened
    """An update does not follow the last one applied; nothing was applied."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"update {found} came where {expected} was due: read on from {expected}")
        self.expected = expected
        self.found = found


class Cursor(Struct, frozen=True):
    """The last update that a store has applied."""

    event_id: int
    """The last update applied; 0 for none."""
    fingerprint: bytes
    """Fingerprint of that update (`order_update.fingerprint`); empty for none."""


START = Cursor(0, b"")


class Statistics(Struct, frozen=True):
    """The totals of one account in one market."""

    user: Address
    exchange: Exchange
    market: Address
    totals: Totals
    last_event_id: int
    """The last update that changed them."""


class PageCursor(Struct, frozen=True, order=True):
    """The end of a page: the next one has what precedes it, newest first."""

    timestamp: int
    event_id: int


class Query(Struct, frozen=True, kw_only=True):
    """Conditions on updates. At least one of `user` and `market` must be given."""

    user: Address | None = None
    exchange: Exchange | None = None
    market: Address | None = None
    status: OrderStatus | None = None
    """Updates that left the order in it."""
    start: int = 0
    """Block time in seconds, from it on."""
    end: int | None = None
    """Block time in seconds, up to but without it."""
    before: PageCursor | None = None
    """The last update of the page before."""
    limit: int = PAGE

    def check(self) -> None:
        """Check the conditions. Raises ValueError."""
        if self.user is None and self.market is None:
            raise ValueError("a query must name a user, a market, or both")
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
        """Return the last update that was applied, durably."""

    @abstractmethod
    def apply(self, updates: Sequence[OrderUpdate]) -> int:
        """Apply updates, in ascending order; return how many were new.

        Those up to the cursor's id are skipped. Effects and cursor are durable on return, and
        after a kill at any point, applying from the cursor on leads to what one run would have.
        Raises MissedEvents where an id is left out; then nothing was applied.
        """

    @abstractmethod
    def stream(self, after: int, limit: int = PAGE) -> list[OrderUpdate]:
        """Return updates with an id above `after`, ascending."""

    @abstractmethod
    def first_event_since(self, timestamp: int) -> int:
        """Return the id of the first update with a block time from `timestamp` on.

        That of the next update to come if there is none.
        """

    @abstractmethod
    def open_orders(
        self, user: Address, *, exchange: Exchange | None = None, market: Address | None = None
    ) -> list[OrderUpdate]:
        """Return the last update of each of a user's open orders, by ascending order id.

        Open: New, PartiallyFilled, or a trigger that waits.
        """

    @abstractmethod
    def order(self, order_id: int) -> OrderUpdate | None:
        """Return an order's last update; None if it never was, or is GONE."""

    @abstractmethod
    def changes(self, order_id: int) -> list[OrderUpdate]:
        """Return all updates of an order, ascending.

        After a rollback an id may be given to another order; both are here, ROLLED_BACK between.
        """

    @abstractmethod
    def order_fills(self, order_id: int) -> list[OrderUpdate]:
        """Return an order's TRADE updates that were not rolled back, by ascending trade id."""

    @abstractmethod
    def by_client_id(self, user: Address, client_order_id: int) -> list[OrderUpdate]:
        """Return the last update of each order with a user's client id, by ascending order id."""

    @abstractmethod
    def history(self, query: Query) -> list[OrderUpdate]:
        """Return updates of any kind but GAP that match, by descending (time, event id)."""

    @abstractmethod
    def fills(self, query: Query) -> list[OrderUpdate]:
        """Return matching TRADE updates that were not rolled back. `status` must be None."""

    @abstractmethod
    def statistics(self, user: Address) -> list[Statistics]:
        """Return a user's totals by ascending (exchange, market); rows of zeros are left out."""

    @abstractmethod
    def balance_cursor(self) -> Cursor:
        """Return the last update of balances that was applied, durably."""

    @abstractmethod
    def apply_balances(self, updates: Sequence[BalanceUpdate], cursor: Cursor) -> None:
        """Apply updates of balances, and note the place after them in the log.

        One whose version is known already changes nothing. Effects and cursor are durable on
        return; after a kill at any point they may be applied again.
        """

    @abstractmethod
    def balances(self, user: Address) -> list[BalanceUpdate]:
        """Return the last update of each of a user's balances, by ascending (exchange, token)."""

    @abstractmethod
    def balance_changes(
        self,
        user: Address,
        exchange: Exchange,
        token: Address,
        *,
        before: int | None = None,
        limit: int = PAGE,
    ) -> list[BalanceUpdate]:
        """Return updates of one balance with a version below `before`, by descending version."""

    @abstractmethod
    def clear(self) -> None:
        """Remove everything, to be filled again from the first update on."""

    def damage(self) -> Iterator[str]:
        """Yield what is wrong with the tables, as far as the store can tell by itself."""
        return iter(())

    @abstractmethod
    def close(self) -> None:
        """Release what it holds."""


def check_address(address: Address) -> None:
    """Check that an address is 20 bytes. Raises ValueError."""
    if not isinstance(address, bytes) or len(address) != 20:
        raise ValueError(f"an address must be 20 bytes, got {address!r}: use to_address(…)")


def check_limit(limit: int) -> None:
    """Check the length of a page. Raises ValueError."""
    if not 0 < limit <= MAX_PAGE:
        raise ValueError(f"limit must be from 1 to {MAX_PAGE}, got {limit}")


def replay(
    store: HistoryStore, start: int, end: int | None = None, after: int = 0, limit: int = PAGE
) -> list[OrderUpdate]:
    """Return updates of all markets, as recorded from block time `start` until before `end`.

    Ascending by event id, above `after`. The log is cut where block time first reaches `start` and
    `end`; a rollback, which takes time back, stays with the time at which it happened.
    """
    stop = None if end is None else store.first_event_since(end)
    updates = store.stream(max(after, store.first_event_since(start) - 1), limit)
    return [update for update in updates if stop is None or update.event_id < stop]


def new_updates(cursor: Cursor, updates: Sequence[OrderUpdate]) -> Sequence[OrderUpdate]:
    """Return updates above the cursor. Raises MissedEvents unless they follow it without a gap."""
    expected = cursor.event_id + 1
    skipped = sum(1 for update in updates if update.event_id < expected)
    fresh = updates[skipped:]
    for update in fresh:
        if update.event_id != expected:
            raise MissedEvents(expected, update.event_id)
        expected += 1
    return fresh
