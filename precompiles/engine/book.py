"""A price-time order book: an index over resting orders, journaled.

Per side a dictionary of price levels, a sorted list of their keys (touched only when a level
appears or disappears) and the best level; per level a doubly linked queue in order of id.
The key is the price for asks and its negative for bids, so the lowest key is the best on both
sides and one code path serves both.

A removed node keeps its neighbours. Undo runs in reverse order, so when a removal is undone
its neighbours are next to each other again and the node returns to its exact place in
constant time (Knuth, "Dancing Links", 2000).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Generic, Protocol, TypeVar

from msgspec import Struct
from sortedcontainers import SortedList

from precompiles.engine.journal import Journal


class RestingOrder(Protocol):
    """An order as the book sees it. Orders are values: a change is a new object."""

    @property
    def id(self) -> int: ...
    @property
    def owner(self) -> bytes: ...
    @property
    def is_buy(self) -> bool: ...
    @property
    def price(self) -> int: ...
    @property
    def remaining(self) -> int: ...


OrderT = TypeVar("OrderT", bound=RestingOrder)


class Level(Struct, Generic[OrderT], gc=False, eq=False):
    """All orders of one side at one price, oldest first."""

    side: Side[OrderT]
    key: int
    price: int
    size: int = 0
    """Sum of the remaining amounts of its orders."""
    head: Entry[OrderT] | None = None
    tail: Entry[OrderT] | None = None

    def count(self) -> int:
        """Count the orders, by a walk along the queue."""
        count, node = 0, self.head
        while node is not None:
            count, node = count + 1, node.next
        return count


class Entry(Struct, Generic[OrderT], gc=False, eq=False):
    """One order's place in its level's queue."""

    order: OrderT
    level: Level[OrderT]
    previous: Entry[OrderT] | None = None
    next: Entry[OrderT] | None = None


class Side(Generic[OrderT]):
    """The levels of one side, best first."""

    __slots__ = ("best", "keys", "levels", "sign")

    def __init__(self, *, is_buy: bool) -> None:
        self.sign = -1 if is_buy else 1
        self.levels: dict[int, Level[OrderT]] = {}
        self.keys: SortedList[int] = SortedList()
        self.best: Level[OrderT] | None = None

    def __iter__(self) -> Iterator[Level[OrderT]]:
        """Levels from the best price outward; the first without a look at the sorted keys."""
        if self.best is not None:
            yield self.best
            for key in islice(self.keys, 1, None):
                yield self.levels[key]

    def crosses(self, price: int) -> bool:
        """Return whether an order of the other side at `price` would meet this side."""
        return self.best is not None and self.best.key <= self.sign * price

    def highest(self, price: int) -> int:
        """Return the most that an order of the other side at `price` may trade or rest at."""
        is_bids = self.sign < 0
        return max(price, self.best.price) if is_bids and self.best is not None else price

    def show(self, level: Level[OrderT]) -> None:
        """Add a level that has orders now."""
        self.levels[level.key] = level
        self.keys.add(level.key)
        if self.best is None or level.key < self.best.key:
            self.best = level

    def hide(self, level: Level[OrderT]) -> None:
        """Remove a level that has no orders any more."""
        del self.levels[level.key]
        self.keys.remove(level.key)
        if self.best is level:
            self.best = self.levels[self.keys[0]] if self.keys else None


def _link(node: Entry[OrderT]) -> None:
    """Insert a node between the neighbours it names."""
    level, previous, following = node.level, node.previous, node.next
    if previous is None:
        if following is None:
            level.side.show(level)
        level.head = node
    else:
        previous.next = node
    if following is None:
        level.tail = node
    else:
        following.previous = node
    level.size += node.order.remaining


def _unlink(node: Entry[OrderT]) -> None:
    """Remove a node; it keeps naming its neighbours."""
    level, previous, following = node.level, node.previous, node.next
    if previous is None:
        level.head = following
        if following is None:
            level.side.hide(level)
    else:
        previous.next = following
    if following is None:
        level.tail = previous
    else:
        following.previous = previous
    level.size -= node.order.remaining


class OrderBook(Generic[OrderT]):
    """The resting orders of one market."""

    __slots__ = ("asks", "bids", "nodes", "record")

    def __init__(self, journal: Journal) -> None:
        self.bids: Side[OrderT] = Side(is_buy=True)
        self.asks: Side[OrderT] = Side(is_buy=False)
        self.nodes: dict[int, Entry[OrderT]] = {}
        self.record = journal.record

    def side(self, *, is_buy: bool) -> Side[OrderT]:
        """Return the side on which such orders rest."""
        return self.bids if is_buy else self.asks

    def insert(self, order: OrderT) -> None:
        """Add an order behind all older ones at its price.

        Constant time for the newest id, which every placed order has; rollbacks put older ones
        back in their place.
        """
        order_id, price, nodes = order.id, order.price, self.nodes
        assert order_id not in nodes, "an order rests once"
        side = self.bids if order.is_buy else self.asks
        level = side.levels.get(side.sign * price)
        if level is None:
            level = Level(side, side.sign * price, price)
        previous = level.tail
        if previous is not None and previous.order.id < order_id:
            node = level.tail = previous.next = Entry(order, level, previous)
            level.size += order.remaining
        else:
            following = None
            while previous is not None and previous.order.id > order_id:
                previous, following = previous.previous, previous
            node = Entry(order, level, previous, following)
            _link(node)
        nodes[order_id] = node
        self.record((self, node, None))

    def load(self, orders: Iterable[OrderT]) -> None:
        """Fill an empty book with orders by ascending id, at start-up and past the journal."""
        assert not self.nodes, "only an empty book is loaded"
        bids, asks, nodes = self.bids, self.asks, self.nodes
        for order in orders:
            side = bids if order.is_buy else asks
            key = side.sign * order.price
            level = side.levels.get(key)
            if level is None:
                level = side.levels[key] = Level(side, key, order.price)
            tail = level.tail
            node = level.tail = nodes[order.id] = Entry(order, level, tail)
            if tail is None:
                level.head = node
            else:
                tail.next = node
            level.size += order.remaining
        for side in (bids, asks):
            side.keys.update(side.levels)
            side.best = side.levels[side.keys[0]] if side.keys else None

    def remove(self, order_id: int) -> None:
        """Remove an order, in constant time."""
        node = self.nodes.pop(order_id)
        _unlink(node)
        self.record((self, node, node))

    def update(self, order: OrderT) -> None:
        """Replace an order by its newer value in its place: same side, same price."""
        node = self.nodes[order.id]
        before = node.order
        assert order.price == before.price
        assert order.is_buy == before.is_buy
        node.level.size += order.remaining - before.remaining
        node.order = order
        self.record((self, node, before))

    def undo(self, subject: Entry[OrderT], before: OrderT | Entry[OrderT] | None) -> None:
        """Undo an insertion (None), a removal (the node) or an update (the old order)."""
        if before is None:
            del self.nodes[subject.order.id]
            _unlink(subject)
        elif before is subject:
            self.nodes[subject.order.id] = subject
            _link(subject)
        else:
            assert not isinstance(before, Entry)
            subject.level.size += before.remaining - subject.order.remaining
            subject.order = before

    def best_prices(self) -> tuple[int, int]:
        """Return best bid and best ask; 0 where a side is empty."""
        bid, ask = self.bids.best, self.asks.best
        return (bid.price if bid else 0, ask.price if ask else 0)

    def depth(self, levels: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return up to `levels` (price, size) pairs of bids and of asks, best first."""
        return (
            [(level.price, level.size) for level in islice(self.bids, levels)],
            [(level.price, level.size) for level in islice(self.asks, levels)],
        )

    def depth_columns(self, levels: int) -> tuple[list[int], list[int], list[int], list[int]]:
        """Return `depth` as bid prices, bid sizes, ask prices, ask sizes."""
        bids, asks = self.depth(levels)
        return (
            [price for price, _ in bids],
            [size for _, size in bids],
            [price for price, _ in asks],
            [size for _, size in asks],
        )

    def clear(self) -> None:
        """Empty the book, and break the nodes' links, which the collector does not follow."""
        for node in self.nodes.values():
            node.previous = node.next = None
        for side in (self.bids, self.asks):
            for level in side.levels.values():
                level.head = level.tail = None
            side.levels.clear()
            side.keys.clear()
            side.best = None
        self.nodes.clear()
