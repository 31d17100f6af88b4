"""Servers and clients of the CQL store end, hang and come late: nothing is lost or doubled."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from evm_dex.history.stores.cql import CqlStore
from evm_dex.history.stores.cql_schema import CqlSettings
from evm_dex.history.stores.cql_session import CqlSession
from evm_dex.history.stores.history_store import Query, StoreUnavailable
from evm_dex.orderlog.order_update import OrderUpdate
from tests.history.cassandra.server import Server
from tests.history.flow import USERS, Flow, batches
from tests.history.model import ModelStore
from tests.history.store_contract import assert_same

pytestmark = pytest.mark.xdist_group("cassandra")
Answer = TypeVar("Answer")
PATIENCE = 200
"""Seconds for a server to come back."""


def model_of(events: list[OrderUpdate]) -> ModelStore:
    model = ModelStore()
    model.apply(events)
    return model


def until_it_answers(ask: Callable[[], Answer]) -> Answer:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except StoreUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.2)


class Cut(Exception):  # noqa: N818 - stands for a kill
    """Ends the writer where it is."""


def cut_short(monkeypatch: pytest.MonkeyPatch, sent_first: int) -> None:
    """From now on only so many statements get through, and those in another order."""
    whole = CqlSession._run
    left = sent_first

    def run(session: CqlSession, statements: list[Any]) -> list[Any]:
        nonlocal left
        sent = statements[::-1][:left] if len(statements) > left else statements
        left -= len(sent)
        answer = whole(session, sent)
        if len(sent) < len(statements):
            raise Cut
        return answer

    monkeypatch.setattr(CqlSession, "_run", run)


def test_cut_short_at_any_statement_a_writer_goes_on_to_the_same(
    settings: CqlSettings, stores: list[CqlStore]
) -> None:
    """Each writer is another one, and cuts its updates into other pieces; partitions are small."""
    events = Flow(seed=20).make(700)
    cuts = 0
    for seed, sent_first in enumerate((1, 2, 3, 5, 8, 13, 40, 90, 150, 260, 400, 700)):
        store = CqlStore(settings, rows_per_partition=10)
        stores.append(store)
        with pytest.MonkeyPatch.context() as patch:
            cut_short(patch, sent_first)
            try:
                for batch in batches(events, seed):
                    store.apply(batch)
            except Cut:
                cuts += 1
        applied = store.cursor().event_id
        assert store.stream(0, 1_000) == events[:applied]
    assert cuts > 8
    store.apply(events)
    assert_same(store, model_of(events))


CLIENT = """
import sys
from evm_dex.history.stores.cql import CqlStore
from evm_dex.history.stores.cql_schema import CqlSettings
from tests.history.flow import Flow
port, keyspace, step = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
events = Flow(seed=20, seconds_per_block=40_000).make(700)
store = CqlStore(CqlSettings(port=port, keyspace=keyspace))
start = store.cursor().event_id
print("begins", flush=True)
for first in range(start, len(events), step):
    store.apply(events[first : first + step])
    print(first, flush=True)
"""


def test_a_killed_client_goes_on_where_its_cursor_is(
    settings: CqlSettings, stores: list[CqlStore], events: list[OrderUpdate]
) -> None:
    reached = 0
    store = CqlStore(settings)
    stores.append(store)
    for confirmed in (1, 2, 3):
        arguments = [str(settings.port), settings.keyspace, str(20 + confirmed)]
        with subprocess.Popen(
            [sys.executable, "-c", CLIENT, *arguments], stdout=subprocess.PIPE, text=True
        ) as client:
            assert client.stdout is not None
            said = [client.stdout.readline() for _ in range(1 + confirmed)]
            time.sleep(0.003 * confirmed)
            client.kill()
        assert said[0] == "begins\n"
        now = store.cursor().event_id
        assert now >= int(said[-1]) + 20 > reached
        reached = now
    assert store.apply(events) == len(events) - reached > 0
    assert_same(store, model_of(events))


@pytest.fixture
def killed(server: Server) -> Iterator[Server]:
    """A server that a test may end; it is there again afterwards."""
    yield server
    if not server.is_running:
        server.start()
        server.wait()


def test_a_killed_server_has_all_it_confirmed_and_clients_wait_for_it(
    settings: CqlSettings, stores: list[CqlStore], killed: Server
) -> None:
    """Killed while it takes in updates; one client was connected, another comes meanwhile."""
    events = Flow(seed=31).make(6_000)
    store = CqlStore(settings)
    stores.append(store)
    store.apply(events[:500])
    killer = threading.Thread(target=killed.kill)
    confirmed = 500
    try:
        for first in range(500, len(events), 100):
            if first == 1_500:
                killer.start()
            store.apply(events[first : first + 100])
            confirmed = first + 100
    except StoreUnavailable:
        pass
    killer.join()
    assert not killed.is_running
    assert confirmed < len(events), "the server was killed too late"
    stores.append(late := CqlStore(settings))
    for ask in (late.cursor, lambda: late.open_orders(USERS[0]), lambda: late.apply(events)):
        with pytest.raises(StoreUnavailable):
            ask()
    killed.start()
    cursor = until_it_answers(late.cursor)
    assert confirmed <= cursor.event_id <= confirmed + 100
    assert until_it_answers(lambda: store.apply(events)) == len(events) - cursor.event_id
    assert_same(late, model_of(events))


def test_a_server_that_hangs_is_away(
    settings: CqlSettings, stores: list[CqlStore], events: list[OrderUpdate], server: Server
) -> None:
    store = CqlStore(replace(settings, timeout=1.0))
    stores.append(store)
    store.apply(events[:100])
    server.pause()
    try:
        with pytest.raises(StoreUnavailable):
            store.apply(events[100:200])
        with pytest.raises(StoreUnavailable):
            store.history(Query(user=USERS[0]))
    finally:
        server.go_on()
    until_it_answers(lambda: store.apply(events))
    assert_same(store, model_of(events))


def test_nobody_listens(stores: list[CqlStore]) -> None:
    stores.append(store := CqlStore(CqlSettings(port=9, timeout=1.0)))
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9"):
        store.cursor()
