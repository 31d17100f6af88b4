"""The book against a sorted list: whatever happens and is taken back, the queues are the same."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precompiles.engine.book import OrderBook, Side
from precompiles.engine.journal import Journal


class Resting(NamedTuple):
    """An order as the book sees it."""

    id: int
    owner: bytes
    is_buy: bool
    price: int
    remaining: int


Model = dict[int, Resting]
Queues = list[tuple[int, int, list[Resting]]]


def queues(side: Side[Resting]) -> Queues:
    """Price, size and queue of each level, from its links; both directions must agree."""
    found: Queues = []
    for level in side:
        orders, node, last = [], level.head, None
        while node is not None:
            assert node.previous is last
            orders.append(node.order)
            node, last = node.next, node
        assert level.tail is last
        found.append((level.price, level.size, orders))
    return found


def expected_queues(model: Model, *, is_buy: bool) -> Queues:
    """The same from a plain dictionary, sorted."""
    orders = sorted(order for order in model.values() if order.is_buy == is_buy)
    prices = sorted({order.price for order in orders}, reverse=is_buy)
    levels = [(price, [order for order in orders if order.price == price]) for price in prices]
    return [(price, sum(o.remaining for o in found), found) for price, found in levels]


def assert_same(book: OrderBook[Resting], model: Model) -> None:
    bids, asks = (expected_queues(model, is_buy=is_buy) for is_buy in (True, False))
    assert queues(book.bids) == bids
    assert queues(book.asks) == asks
    assert book.best_prices() == tuple(side[0][0] if side else 0 for side in (bids, asks))
    assert book.depth(2) == tuple([level[:2] for level in side[:2]] for side in (bids, asks))
    assert {order_id: node.order for order_id, node in book.nodes.items()} == model


ACTIONS = ("insert", "insert", "insert", "remove", "update", "mark", "revert", "old")


@settings(max_examples=3 * settings().max_examples)
@given(seed=st.integers(0, 2**32), length=st.integers(1, 80))
def test_every_queue_survives_every_revert(seed: int, length: int) -> None:
    """Also when an old order comes back between younger ones; a full revert leaves nothing."""
    rng = random.Random(seed)
    journal = Journal()
    book: OrderBook[Resting] = OrderBook(journal)
    model: Model = {}
    gone: list[int] = []
    marks: list[tuple[int, Model]] = [(0, {})]
    for next_id in range(1, length + 1):
        action, is_buy = rng.choice(ACTIONS), rng.random() < 0.5
        price, number = rng.randint(1, 4), rng.randrange(1_000)
        chosen = sorted(model)[number % len(model)] if model else 0
        if action == "insert":
            model[next_id] = Resting(next_id, b"", is_buy, price, number + 1)
            book.insert(model[next_id])
        elif action == "old" and gone and gone[number % len(gone)] not in model:
            order_id = gone[number % len(gone)]
            model[order_id] = Resting(order_id, b"", is_buy, price, number + 1)
            book.insert(model[order_id])
        elif action == "remove" and chosen:
            book.remove(chosen)
            gone.append(chosen)
            del model[chosen]
        elif action == "update" and chosen:
            model[chosen] = model[chosen]._replace(remaining=number + 1)
            book.update(model[chosen])
        elif action == "mark":
            marks.append((journal.mark(), dict(model)))
        elif action == "revert" and len(marks) > 1:
            mark, model = marks.pop()
            journal.revert(mark)
        assert_same(book, model)
    journal.revert(0)
    assert_same(book, {})


def test_a_mark_of_another_block_is_refused() -> None:
    """After `clear` an old mark means nothing; using one is a programming error."""
    journal = Journal()
    book: OrderBook[Resting] = OrderBook(journal)
    book.insert(Resting(1, b"", True, 5, 5))
    mark = journal.mark()
    journal.clear()
    with pytest.raises(AssertionError, match="another block"):
        journal.revert(mark)


def test_clearing_a_book_breaks_its_circles() -> None:
    """The collector skips nodes, so a closed book must not keep them alive."""
    book: OrderBook[Resting] = OrderBook(Journal())
    for order_id in (1, 2, 3):
        book.insert(Resting(order_id, b"", True, 5, 5))
    nodes = list(book.nodes.values())
    book.clear()
    assert_same(book, {})
    assert all(node.previous is None and node.next is None for node in nodes)
