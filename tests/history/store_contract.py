"""What every history store must do; a test module subclasses `StoreContract` for its own.

It gives a fixture `open_store`: called, it opens the same place once more, and all that it made
are closed and the place is removed when the test is over.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise, product

import pytest
from msgspec.structs import replace

from evm_dex.history.stores.history_store import (
    START,
    Cursor,
    HistoryStore,
    MissedEvents,
    PageCursor,
    Query,
    replay,
)
from evm_dex.orderlog.balance_update import BalanceUpdate, encode_balance
from evm_dex.orderlog.order_update import (
    Exchange,
    Kind,
    OrderUpdate,
    fingerprint,
    fingerprint_of,
)
from tests.history.flow import GENESIS_TIME, MARKETS, USERS, batches
from tests.history.model import ModelStore

OpenStore = Callable[[], HistoryStore]


def assert_same(store: HistoryStore, model: HistoryStore) -> None:
    """Every query gets the model's answer."""
    assert store.cursor() == model.cursor()
    last = model.cursor().event_id
    for after in (0, 1, last // 2, last - 1, last):
        assert store.stream(after, 1_000) == model.stream(after, 1_000)
    for user in USERS:
        assert store.open_orders(user) == model.open_orders(user)
        assert store.statistics(user) == model.statistics(user)
        for exchange, market in MARKETS:
            wanted = model.open_orders(user, exchange=exchange, market=market)
            assert store.open_orders(user, exchange=exchange, market=market) == wanted
        for client_order_id in (7, 2**100, 12_345):
            wanted = model.by_client_id(user, client_order_id)
            assert store.by_client_id(user, client_order_id) == wanted
    for order_id in {event.order_id for event in model.stream(0, 1_000)} | {10**9}:
        assert store.order(order_id) == model.order(order_id)
        assert store.changes(order_id) == model.changes(order_id)
        assert store.order_fills(order_id) == model.order_fills(order_id)
    for query in queries():
        assert store.history(query) == model.history(query), query
        if query.status is None:
            assert store.fills(query) == model.fills(query), query


def queries() -> Iterator[Query]:
    """By user, market, exchange, status and time, alone and together."""
    exchange, market = MARKETS[0]
    middle = GENESIS_TIME + 40_000 * 60
    ranges = [(0, None), (middle, None), (0, middle), (middle - 40_000, middle + 200_000)]
    whose = [{"user": USERS[0]}, {"market": market}, {"user": USERS[1], "market": market}]
    for owner, (start, end), status in product(whose, ranges, (None, 1, 3, 4, 0)):
        limit = 7 if end is None else 1_000
        query = Query(**owner, start=start, end=end, status=status, limit=limit)  # type: ignore[arg-type] # of mixed kinds
        yield query
        yield replace(query, exchange=exchange)


def balance_updates(seed: int, count: int) -> list[BalanceUpdate]:
    """A log of balances of a few users and tokens, as the chain writes it."""
    chance, versions, found = random.Random(seed), Counter[tuple[object, ...]](), []
    previous = b""
    for event_id in range(1, count + 1):
        exchange = chance.choice((Exchange.SPOT, Exchange.PERP))
        user, token = chance.choice(USERS), chance.choice(MARKETS)[1]
        versions[exchange, user, token] += 1
        update = BalanceUpdate(
            event_id=event_id,
            version=versions[exchange, user, token],
            exchange=exchange,
            user=user,
            token=token,
            total=chance.choice((0, 5, 2**127, -(2**100) * (exchange == Exchange.PERP))),
            hold=chance.choice((0, 3)),
            block_number=event_id // 3,
            timestamp=GENESIS_TIME + event_id,
            previous=previous,
        )
        previous = fingerprint_of(encode_balance(update))
        found.append(update)
    return found


def place_after(update: BalanceUpdate) -> Cursor:
    return Cursor(update.event_id, fingerprint_of(encode_balance(update)))


def assert_same_balances(store: HistoryStore, model: HistoryStore) -> None:
    """Every query about balances gets the model's answer."""
    assert store.balance_cursor() == model.balance_cursor()
    for user in USERS:
        assert store.balances(user) == model.balances(user)
        for exchange, (_, token) in product((Exchange.SPOT, Exchange.PERP), MARKETS):
            asked = (user, exchange, token)
            assert store.balance_changes(*asked) == model.balance_changes(*asked)
            for before in (1, 2, 5, 1_000):
                wanted = model.balance_changes(*asked, before=before, limit=3)
                assert store.balance_changes(*asked, before=before, limit=3) == wanted


class StoreContract:
    """The tests; each store's module makes a subclass of it."""

    def test_balances_are_those_of_a_plain_list(self, open_store: OpenStore) -> None:
        """Taken in piece by piece, some pieces twice, and by a store that is opened again."""
        store, model = open_store(), ModelStore()
        assert_same_balances(store, model)
        updates = balance_updates(7, 300)
        for at in range(0, 300, 60):
            piece = updates[max(at - 20, 0) : at + 60]
            for each in (store, model):
                each.apply_balances(piece, place_after(piece[-1]))
            assert_same_balances(store, model)
            if at == 120:
                store = open_store()
        assert list(store.damage()) == []

    def test_balances_in_place_of_pruned_updates_are_taken_as_they_are(
        self, open_store: OpenStore
    ) -> None:
        """All have the id of the last update; one that the store knows already stays."""
        store, model = open_store(), ModelStore()
        updates = balance_updates(8, 90)
        last = {(it.exchange, it.user, it.token): it for it in updates}
        standing = [replace(it, event_id=90, previous=b"") for it in last.values()]
        for each in (store, model):
            each.apply_balances(updates[:50], place_after(updates[49]))
            each.apply_balances(standing, place_after(updates[-1]))
        assert_same_balances(store, model)
        assert list(store.damage()) == []

    def test_what_is_cleared_has_no_balances(self, open_store: OpenStore) -> None:
        store = open_store()
        updates = balance_updates(9, 40)
        store.apply_balances(updates, place_after(updates[-1]))
        store.clear()
        assert_same_balances(store, ModelStore())
        first = updates[:5]
        store.apply_balances(first, place_after(first[-1]))
        assert store.balances(first[0].user)[0].version <= 5

    def test_new_store_has_nothing(self, open_store: OpenStore) -> None:
        store = open_store()
        assert store.cursor() == START
        assert store.apply([]) == 0
        assert_same(store, ModelStore())

    def test_answers_are_those_of_a_plain_list(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        store, model = open_store(), ModelStore()
        for number, batch in enumerate(batches(events, 3)):
            assert store.apply(batch) == model.apply(batch) == len(batch)
            if number % 3 == 0:
                assert_same(store, model)
        assert_same(store, model)

    def test_cursor_names_the_last_event_and_what_it_was(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        store = open_store()
        store.apply(events[:10])
        assert store.cursor() == Cursor(10, fingerprint(events[9]))

    def test_what_was_applied_is_there_after_opening_again(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        model = ModelStore()
        for batch in batches(events[:200], 4):
            store = open_store()
            store.apply(batch)
            store.close()
            model.apply(batch)
        assert_same(open_store(), model)

    def test_updates_that_came_before_change_nothing(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        store, model = open_store(), ModelStore()
        model.apply(events[:300])
        assert store.apply(events[:200]) == 200
        assert store.apply(events[:200]) == 0
        assert store.apply(events[150:300]) == 100
        assert_same(store, model)

    def test_a_gap_is_refused_whole(self, open_store: OpenStore, events: list[OrderUpdate]) -> None:
        store, model = open_store(), ModelStore()
        model.apply(events[:50])
        store.apply(events[:50])
        for gap in ([*events[50:60], *events[61:70]], events[51:60]):
            with pytest.raises(MissedEvents) as missed:
                store.apply(gap)
            assert missed.value.found == missed.value.expected + 1
        assert_same(store, model)
        with pytest.raises(MissedEvents):
            open_store().apply([events[60]])

    def test_several_fills_of_an_order_in_one_block_are_all_kept(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        """A key of order and time would let the second fill overwrite the first."""
        store = open_store()
        store.apply(events)
        per_block = [
            len({f.trade_id for f in fills if f.timestamp == fill.timestamp})
            for fills in map(store.order_fills, range(1, 200))
            for fill in fills
        ]
        assert max(per_block) > 1

    def test_pages_in_a_row_are_the_whole(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        store = open_store()
        store.apply(events)
        for ask, asked in product(
            (store.history, store.fills),
            (Query(user=USERS[2]), Query(market=MARKETS[0][1])),
        ):
            whole = ask(replace(asked, limit=1_000))
            pages: list[OrderUpdate] = []
            query = replace(asked, limit=13)
            while page := ask(query):
                pages += page
                last = PageCursor(page[-1].timestamp, page[-1].event_id)
                query = replace(query, before=last)
            assert pages == whole
            assert len(whole) > 13

    def test_the_log_of_a_time_is_replayed_over_all_markets(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        store, model = open_store(), ModelStore()
        store.apply(events)
        model.apply(events)
        times = sorted({event.timestamp for event in events})
        for start in (0, times[0], times[40] + 1, times[-1], times[-1] + 1):
            assert store.first_event_since(start) == model.first_event_since(start)
        day = (times[30], times[60])
        whole = replay(store, *day, limit=1_000)
        assert whole == replay(model, *day, limit=1_000)
        assert len({event.market for event in whole}) > 1
        assert min(event.event_id for event in whole) == model.first_event_since(times[30])
        pages: list[OrderUpdate] = []
        while page := replay(store, *day, after=pages[-1].event_id if pages else 0, limit=7):
            pages += page
        assert pages == whole
        assert replay(store, times[-1] + 1) == []

    def test_a_gap_marker_is_in_the_stream_and_nowhere_else(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        store, model = open_store(), ModelStore()
        marker = replace(
            events[20], event_id=21, kind=Kind.GAP, order_id=0, user=USERS[0], trade_id=0
        )
        model.apply([*events[:20], marker])
        store.apply([*events[:20], marker])
        assert_same(store, model)
        assert store.stream(20) == [marker]

    def test_after_a_gap_those_orders_are_open_that_were_found_or_changed_since(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        """The gap may come first, in the middle and last of what is applied at once."""
        before, after = events[:200], events[200:260]
        known = ModelStore()
        known.apply(before)
        still_open = [order for user in USERS for order in known.open_orders(user)]
        assert len(still_open) > 2
        gap = replace(before[-1], kind=Kind.GAP, order_id=0, trade_id=0)
        found = [replace(order, kind=Kind.FOUND) for order in still_open[::2]]
        flow = [
            replace(event, event_id=event_id)
            for event_id, event in enumerate([*before, gap, *found, *after, gap], 1)
        ]
        cuts = [0, 150, 200, 201, 202, 210, len(flow) - 1, len(flow)]
        for places in (cuts, [0, 150, 230, len(flow)], [0, len(flow)]):
            store, model = open_store(), ModelStore()
            store.clear()
            for start, end in pairwise(places):
                store.apply(flow[start:end])
                model.apply(flow[start:end])
                assert_same(store, model)
            assert not any(store.open_orders(user) for user in USERS)

    def test_a_cleared_store_is_filled_again_to_the_same(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        store, model = open_store(), ModelStore()
        store.apply(events[:250])
        store.clear()
        assert_same(store, model)
        model.apply(events[:300])
        store.apply(events[:300])
        assert_same(store, model)

    @pytest.mark.parametrize("query", [Query(), Query(status=None, limit=0, user=USERS[0])])
    def test_a_question_for_everything_is_refused(
        self, open_store: OpenStore, query: Query
    ) -> None:
        store = open_store()
        for ask in (store.history, store.fills):
            with pytest.raises(ValueError, match=r"must name|limit must"):
                ask(query)
        with pytest.raises(ValueError, match="limit must"):
            store.stream(0, 1_001)
