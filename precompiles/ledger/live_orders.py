"""Indexes over an exchange's live orders: books, ids by owner, and client ids.

They follow an order table, are changed through the journal in one place, and are never stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from sortedcontainers import SortedList

from precompiles.engine.book import OrderBook, RestingOrder
from precompiles.engine.journal import Journal
from precompiles.types import Address


class Open(Protocol):
    """A row with an owner and perhaps a client id: a resting order or a waiting trigger."""

    @property
    def id(self) -> int: ...
    @property
    def owner(self) -> Address: ...
    @property
    def client_order_id(self) -> int: ...


class LiveOrder(RestingOrder, Open, Protocol):
    """An order as its exchange's table has it."""

    @property
    def owner(self) -> Address: ...
    @property
    def id(self) -> int: ...
    @property
    def asset(self) -> Address: ...
    @property
    def is_active(self) -> bool: ...


LiveOrderT = TypeVar("LiveOrderT", bound=LiveOrder)


class ClientOrderIds:
    """Ids of live orders by (owner, client order id)."""

    __slots__ = ("ids", "journal")

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.ids: dict[tuple[Address, int], int] = {}

    def set(self, key: tuple[Address, int], order_id: int | None) -> None:
        """Let a client order id name a live order, or none."""
        self.journal.record((self, key, self.ids.get(key)))
        self.undo(key, order_id)

    def undo(self, subject: tuple[Address, int], before: int | None) -> None:
        if before is None:
            self.ids.pop(subject, None)
        else:
            self.ids[subject] = before


class OpenOrders:
    """Ids of live orders by owner, ascending."""

    __slots__ = ("journal", "owners")

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.owners: dict[Address, SortedList[int]] = {}

    def of(self, owner: Address) -> SortedList[int]:
        """Return an owner's live orders, by ascending id; do not change the list."""
        return self.owners.get(owner) or SortedList()

    def page(self, owner: Address, after: int, limit: int) -> list[int]:
        """Return up to `limit` of an owner's live orders with an id above `after`, ascending."""
        order_ids = self.of(owner)
        start = order_ids.bisect_right(after)
        return list(order_ids[start : start + limit])

    def add(self, owner: Address, order_id: int) -> None:
        """Add an order that became live."""
        self.journal.record((self, (owner, order_id), False))
        self._add(owner, order_id)

    def discard(self, owner: Address, order_id: int) -> None:
        """Remove an order that ended."""
        self.journal.record((self, (owner, order_id), True))
        self._discard(owner, order_id)

    def load(self, owners: Mapping[Address, list[int]]) -> None:
        """Take in all live orders at once, at start-up."""
        self.owners = {owner: SortedList(ids) for owner, ids in owners.items()}

    def undo(self, subject: tuple[Address, int], before: bool) -> None:
        """Restore whether the order was live."""
        (self._add if before else self._discard)(*subject)

    def _add(self, owner: Address, order_id: int) -> None:
        ids = self.owners.get(owner)
        if ids is None:
            ids = self.owners[owner] = SortedList()
        ids.add(order_id)

    def _discard(self, owner: Address, order_id: int) -> None:
        ids = self.owners[owner]
        ids.remove(order_id)
        if not ids:
            del self.owners[owner]


class LiveOrders(Generic[LiveOrderT]):
    """The books of an exchange, and its live orders by owner and by client id."""

    def __init__(self, journal: Journal, lives_on: Callable[[int], bool]) -> None:
        """`lives_on` says of an id whose row went whether another table has it now."""
        self._journal = journal
        self._lives_on = lives_on
        self.books: dict[bytes, OrderBook[LiveOrderT]] = {}
        self.by_owner = OpenOrders(journal)
        self.by_client_id = ClientOrderIds(journal)

    def book(self, asset: bytes) -> OrderBook[LiveOrderT]:
        """Return the book of a market, created where there is none."""
        book = self.books.get(asset)
        if book is None:
            book = self.books[asset] = OrderBook(self._journal)
        return book

    def changed(self, before: LiveOrderT | None, after: LiveOrderT | None) -> None:
        """Carry an order's change over to book, owner and client id."""
        was_active = before is not None and before.is_active
        is_active = after is not None and after.is_active
        if was_active and is_active:
            assert after is not None
            self.book(after.asset).update(after)
        elif was_active:
            assert before is not None
            self.book(before.asset).remove(before.id)
            self.remove(before)
        elif is_active:
            assert after is not None
            self.book(after.asset).insert(after)
            self.add(after)

    def add(self, row: Open) -> None:
        """Index a row that became live by owner and client id."""
        if row.id not in self.by_owner.of(row.owner):
            self.by_owner.add(row.owner, row.id)
        if row.client_order_id:
            self.by_client_id.set((row.owner, row.client_order_id), row.id)

    def remove(self, row: Open) -> None:
        """Remove a row that ended.

        Rows may be restored in any order: another table may have the id already, and the client
        id may name the one that had it before.
        """
        if self._lives_on(row.id):
            return
        self.by_owner.discard(row.owner, row.id)
        name = (row.owner, row.client_order_id)
        if self.by_client_id.ids.get(name) == row.id:
            self.by_client_id.set(name, None)

    def load(self, orders: Iterable[LiveOrderT], waiting: Iterable[Open] = ()) -> None:
        """Take in all live orders at start-up, by ascending id, and all waiting triggers."""
        by_market: defaultdict[bytes, list[LiveOrderT]] = defaultdict(list)
        by_owner: defaultdict[Address, list[int]] = defaultdict(list)
        names = self.by_client_id.ids
        for order in orders:
            by_market[order.asset].append(order)
            by_owner[order.owner].append(order.id)
            if order.client_order_id:
                names[order.owner, order.client_order_id] = order.id
        for row in waiting:
            by_owner[row.owner].append(row.id)
            if row.client_order_id:
                names[row.owner, row.client_order_id] = row.id
        for asset, resting in by_market.items():
            self.book(asset).load(resting)
        self.by_owner.load(by_owner)

    def clear(self) -> None:
        """Free the books' memory, which is linked in cycles that the collector skips."""
        for book in self.books.values():
            book.clear()
