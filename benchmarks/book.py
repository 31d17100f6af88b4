"""The order book alone, journal on, against books that can't go back."""

from __future__ import annotations

import gc
import time
from bisect import insort
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from benchmarks.harness import Result, measure
from precompiles.engine.book import OrderBook
from precompiles.engine.journal import Journal
from precompiles.engine.matching import Fill, match
from precompiles.types import SelfTradePrevention

_OPERATIONS = 5_000
_MID = 1_000_000
_WIDTH = 1_000
_QUEUES = 20
"""Price levels of a side where queues are long."""
_TARGET_PAUSE = 20


class Order(Struct, frozen=True, gc=False):
    """As small as an order can be."""

    id: int
    owner: bytes
    is_buy: bool
    price: int
    remaining: int


class Book(Protocol):
    """The operations of all."""

    def place(self, order: Order) -> None: ...
    def cancel(self, order_id: int) -> None: ...
    def modify(self, order: Order) -> None: ...
    def cross(self, is_buy: bool, price: int, amount: int) -> list[int]: ...


class RealBook:
    """The engine's, with its journal cleared as at the end of a block."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.book: OrderBook[Order] = OrderBook(self.journal)

    def place(self, order: Order) -> None:
        self.book.insert(order)
        if len(self.journal.entries) > 1_000:
            self.journal.clear()

    def cancel(self, order_id: int) -> None:
        self.book.remove(order_id)

    def modify(self, order: Order) -> None:
        self.book.update(order)

    def cross(self, is_buy: bool, price: int, amount: int) -> list[int]:
        side = self.book.side(is_buy=not is_buy)
        none = SelfTradePrevention.NONE
        gone = []
        for met in list(match(side, price=price, amount=amount, owner=b"", prevention=none)):
            assert isinstance(met, Fill)
            maker = met.maker
            if met.amount == maker.remaining:
                self.book.remove(maker.id)
                gone.append(maker.id)
            else:
                self.book.update(replace(maker, remaining=maker.remaining - met.amount))
        return gone


class BareBook:
    """The floor: levels in dictionaries of [id, remaining] lists, keys in a sorted list."""

    def __init__(self) -> None:
        self.levels: tuple[dict[int, list[list[int]]], ...] = ({}, {})
        self.keys: tuple[list[int], ...] = ([], [])
        self.orders: dict[int, tuple[int, int, list[int]]] = {}

    def place(self, order: Order) -> None:
        side = int(order.is_buy)
        key = -order.price if order.is_buy else order.price
        level = self.levels[side].get(key)
        if level is None:
            level = self.levels[side][key] = []
            insort(self.keys[side], key)
        entry = [order.id, order.remaining]
        level.append(entry)
        self.orders[order.id] = (side, key, entry)

    def cancel(self, order_id: int) -> None:
        side, key, entry = self.orders.pop(order_id)
        level = self.levels[side][key]
        level.remove(entry)
        if not level:
            del self.levels[side][key]
            self.keys[side].remove(key)

    def modify(self, order: Order) -> None:
        self.orders[order.id][2][1] = order.remaining

    def cross(self, is_buy: bool, price: int, amount: int) -> list[int]:
        side = int(not is_buy)
        limit = price if is_buy else -price
        gone = []
        while amount and self.keys[side] and self.keys[side][0] <= limit:
            key = self.keys[side][0]
            level = self.levels[side][key]
            entry = level[0]
            shared = min(amount, entry[1])
            amount -= shared
            entry[1] -= shared
            if not entry[1]:
                level.pop(0)
                gone.append(entry[0])
                del self.orders[entry[0]]
                if not level:
                    del self.levels[side][key]
                    self.keys[side].pop(0)
        return gone


class LinkedNode:
    """An order in a queue."""

    __slots__ = ("level", "next", "order", "previous")

    def __init__(self, order: Order, level: LinkedLevel) -> None:
        self.order = order
        self.level = level
        self.previous: LinkedNode | None = None
        self.next: LinkedNode | None = None


class LinkedLevel:
    """A queue, oldest first."""

    __slots__ = ("head", "key", "size", "tail")

    def __init__(self, key: int) -> None:
        self.key = key
        self.size = 0
        self.head: LinkedNode | None = None
        self.tail: LinkedNode | None = None


class LinkedBook:
    """As textbooks have it: levels in dictionaries, queues doubly linked, nothing to undo."""

    def __init__(self) -> None:
        self.levels: tuple[dict[int, LinkedLevel], ...] = ({}, {})
        self.keys: tuple[list[int], ...] = ([], [])
        self.nodes: dict[int, LinkedNode] = {}

    def place(self, order: Order) -> None:
        side = int(order.is_buy)
        key = -order.price if order.is_buy else order.price
        level = self.levels[side].get(key)
        if level is None:
            level = self.levels[side][key] = LinkedLevel(key)
            insort(self.keys[side], key)
        node = self.nodes[order.id] = LinkedNode(order, level)
        node.previous = level.tail
        if level.tail is None:
            level.head = node
        else:
            level.tail.next = node
        level.tail = node
        level.size += order.remaining

    def cancel(self, order_id: int) -> None:
        node = self.nodes.pop(order_id)
        level = node.level
        if node.previous is None:
            level.head = node.next
        else:
            node.previous.next = node.next
        if node.next is None:
            level.tail = node.previous
        else:
            node.next.previous = node.previous
        level.size -= node.order.remaining
        if level.head is None:
            side = int(node.order.is_buy)
            del self.levels[side][level.key]
            self.keys[side].remove(level.key)

    def modify(self, order: Order) -> None:
        node = self.nodes[order.id]
        node.level.size += order.remaining - node.order.remaining
        node.order = order

    def cross(self, is_buy: bool, price: int, amount: int) -> list[int]:
        side = int(not is_buy)
        limit = price if is_buy else -price
        gone = []
        while amount and self.keys[side] and self.keys[side][0] <= limit:
            node = self.levels[side][self.keys[side][0]].head
            assert node is not None
            maker = node.order
            shared = min(amount, maker.remaining)
            amount -= shared
            if shared == maker.remaining:
                self.cancel(maker.id)
                gone.append(maker.id)
            else:
                self.modify(replace(maker, remaining=maker.remaining - shared))
        return gone


Operation = tuple[str, tuple[object, ...]]
"""The name of a method of `Book`, and its arguments."""


def recorded(resting: int, operations: int, seed: int = 1) -> tuple[list[Order], list[Operation]]:
    """Orders to fill a book, then half placing, four tenths cancelling, one tenth crossing.

    Decided beforehand on a book of its own, so that only the books' work is measured.
    """
    random = Random(seed)
    scratch = BareBook()
    next_id = 0

    def new_order() -> Order:
        nonlocal next_id
        next_id += 1
        is_buy = bool(random.getrandbits(1))
        distance = random.randint(1, _WIDTH)
        price = _MID - distance if is_buy else _MID + distance
        order = Order(next_id, b"m", is_buy, price, random.randint(1, 100))
        scratch.place(order)
        live.append(order.id)
        return order

    live: list[int] = []
    filling = [new_order() for _ in range(resting)]
    done: list[Operation] = []
    while len(done) < operations:
        kind = random.randrange(10)
        if kind < 5:
            done.append(("place", (new_order(),)))
        elif kind == 9:
            is_buy = bool(random.getrandbits(1))
            arguments = (is_buy, 2 * _MID if is_buy else 1, random.randint(1, 60))
            scratch.cross(*arguments)
            done.append(("cross", arguments))
        else:
            chosen = random.randrange(len(live))
            order_id, live[chosen] = live[chosen], live[-1]
            live.pop()
            if order_id in scratch.orders:
                scratch.cancel(order_id)
                done.append(("cancel", (order_id,)))
    return filling, done


def queued(resting: int, operations: int, seed: int = 1) -> tuple[list[Order], list[Operation]]:
    """Long queues at few prices: a third placing, and the rest cancels and modifies within them."""
    random = Random(seed)
    orders: dict[int, Order] = {}
    live: list[int] = []

    def new_order(order_id: int) -> Order:
        is_buy = bool(random.getrandbits(1))
        price = _MID + random.randint(1, _QUEUES) * (-1 if is_buy else 1)
        order = orders[order_id] = Order(order_id, b"m", is_buy, price, random.randint(2, 100))
        live.append(order_id)
        return order

    filling = [new_order(order_id) for order_id in range(1, resting + 1)]
    done: list[Operation] = []
    for order_id in range(resting + 1, resting + 1 + operations):
        kind, chosen = random.randrange(3), random.randrange(len(live))
        if kind == 0:
            done.append(("place", (new_order(order_id),)))
        elif kind == 1:
            done.append(("cancel", (live[chosen],)))
            live[chosen] = live[-1]
            live.pop()
        else:
            order = orders[live[chosen]]
            orders[order.id] = replace(order, remaining=random.randint(1, 100))
            done.append(("modify", (orders[order.id],)))
    return filling, done


def run(*, quick: bool) -> Iterator[Result]:
    """Microseconds per operation at several sizes, and the longest collection pause."""
    rounds = 3 if quick else 9
    for resting in (1_000, 10_000) if quick else (1_000, 10_000, 100_000):
        filling, operations = recorded(resting, rounds * _OPERATIONS)
        floor_name = "bare dict and list"
        works = {
            name: _replayed(book, filling, operations)
            for name, book in ((floor_name, BareBook()), ("order book", RealBook()))
        }
        found = measure(works, rounds)
        floor = found[floor_name]
        target = "≤ 2.5 x" if resting == 10_000 else ""
        yield Result("book", f"{floor_name}, {resting:,} resting", floor, "µs")
        ratio = found["order book"] / floor
        case = f"mixed flow, {resting:,} resting"
        yield Result("book", case, found["order book"], "µs", floor_name, ratio, target)
    linked_name = "plain linked book"
    filling, operations = queued(10_000, rounds * _OPERATIONS)
    works = {
        name: _replayed(book, filling, operations)
        for name, book in ((linked_name, LinkedBook()), ("order book", RealBook()))
    }
    found = measure(works, rounds)
    case = "cancels and modifies within queues, 10,000 resting"
    yield Result("book", f"{linked_name}, {case}", found[linked_name], "µs")
    ratio = found["order book"] / found[linked_name]
    yield Result("book", case, found["order book"], "µs", linked_name, ratio, "≤ 1.67 x")
    yield _longest_pause(10_000 if quick else 100_000)


def _replayed(book: Book, filling: list[Order], operations: list[Operation]) -> Callable[[], int]:
    """Work that does the next share of the operations on a filled book."""
    for order in filling:
        book.place(order)
    calls = iter([(getattr(book, name), arguments) for name, arguments in operations])

    def work() -> int:
        for function, arguments in islice(calls, _OPERATIONS):
            function(*arguments)
        return _OPERATIONS

    return work


def _longest_pause(resting: int) -> Result:
    filling, operations = recorded(resting, 10 * _OPERATIONS)
    work = _replayed(RealBook(), filling, operations)
    pauses, started = [0.0], 0

    def watch(phase: str, _info: dict[str, int]) -> None:
        nonlocal started
        if phase == "start":
            started = time.perf_counter_ns()
        else:
            pauses.append((time.perf_counter_ns() - started) / 1_000_000)

    gc.collect()
    gc.freeze()
    gc.callbacks.append(watch)
    for _ in range(10):
        work()
    gc.collect()
    gc.callbacks.remove(watch)
    case = f"longest collection pause, {resting:,} resting"
    return Result("book", case, max(pauses), "ms", target=f"≤ {_TARGET_PAUSE} ms")
