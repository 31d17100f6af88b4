"""What is derived from an exchange's live orders: books, who has which, and client ids.

Indexes over an order table, changed through the journal in one place, never stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from precompiles.engine.book import OrderBook, RestingOrder
from precompiles.engine.journal import Journal
from precompiles.ledger.table import ClientOrderIds, OpenOrders
from precompiles.types import Address


class Waiting(Protocol):
    """What has an owner, and may have a client id, as long as it lives."""

    @property
    def id(self) -> int: ...
    @property
    def owner(self) -> Address: ...
    @property
    def client_order_id(self) -> int: ...


class LiveOrder(RestingOrder, Waiting, Protocol):
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


class LiveOrders(Generic[LiveOrderT]):
    """The books of an exchange, and its live orders by owner and by client id."""

    def __init__(self, journal: Journal, lives_on: Callable[[int], bool]) -> None:
        """`lives_on` tells of an id whose row went whether another table has it now."""
        self._journal = journal
        self._lives_on = lives_on
        self.books: dict[bytes, OrderBook[LiveOrderT]] = {}
        self.by_owner = OpenOrders(journal)
        self.by_client_id = ClientOrderIds(journal)

    def book(self, asset: bytes) -> OrderBook[LiveOrderT]:
        """The book of a market; an index, so one that has no orders says nothing."""
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
            self.forget(before)
        elif is_active:
            assert after is not None
            self.book(after.asset).insert(after)
            self.remember(after)

    def remember(self, row: Waiting) -> None:
        """Something of an owner's lives."""
        if row.id not in self.by_owner.of(row.owner):
            self.by_owner.add(row.owner, row.id)
        if row.client_order_id:
            self.by_client_id.set((row.owner, row.client_order_id), row.id)

    def forget(self, row: Waiting) -> None:
        """It does no longer.

        Rows may be restored in any order: another table may have the id already, and the client
        id may name the one that had it before.
        """
        if self._lives_on(row.id):
            return
        self.by_owner.discard(row.owner, row.id)
        name = (row.owner, row.client_order_id)
        if self.by_client_id.ids.get(name) == row.id:
            self.by_client_id.set(name, None)

    def load(self, orders: Iterable[LiveOrderT], waiting: Iterable[Waiting] = ()) -> None:
        """Take in all live orders at start-up, by ascending id, and what else waits."""
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
        """Let go of the books' memory, which is linked in circles the collector skips."""
        for book in self.books.values():
            book.clear()
