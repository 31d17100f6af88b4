"""The history service over HTTP: every answer is what the store says, in the form described."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from evm_dex.history import queries as answers
from evm_dex.history.consumer import Consumer
from evm_dex.history.feed_client import RemoteFeed
from evm_dex.history.feed_server import FeedServer
from evm_dex.history.http.history_app import HistoryServer
from evm_dex.history.http.openapi import document
from evm_dex.history.http.routes import PARAMETERS, ROUTES, UPDATES
from evm_dex.history.service import Service
from evm_dex.history.stores.history_store import Query, StoreUnavailable
from evm_dex.history.stores.sqlite import SqliteStore
from evm_dex.orderlog.order_update import OrderUpdate, as_json
from tests.history.flow import MARKETS, USERS
from tests.history.model import ModelStore
from tests.history.store_contract import balance_updates, place_after
from tests.history.test_service import ListFeed
from tests.history.traffic import Traffic, chain
from tests.ports import free_ports

USER, MARKET = "0x" + USERS[0].hex(), "0x" + MARKETS[0][1].hex()
HUGE = 2**63


@asynccontextmanager
async def serving(
    store: ModelStore, consumer: Consumer | None = None
) -> AsyncIterator[tuple[HistoryServer, Callable[..., Any]]]:
    """A server, and a function that asks it: status and document."""
    server = HistoryServer(store, (consumer or Consumer(ListFeed([]), store)).health)
    await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:

        async def ask(path: str) -> tuple[int, Any]:
            async with session.get(path) as response:
                if response.content_type == "application/json":
                    return response.status, await response.json()
                return response.status, await response.text()

        ask.session = session  # type: ignore[attr-defined] # for the one test that needs it
        yield server, ask
    await server.stop()


def test_connections_that_only_take_up_room_are_ended() -> None:
    """Too many at once: the one idle for the longest time; and each that is idle for long."""

    async def take_up_room() -> None:
        consumer = Consumer(ListFeed([]), ModelStore())
        server = HistoryServer(ModelStore(), consumer.health, connections=3, idle_seconds=0.4)
        await server.start("127.0.0.1", 0)
        try:
            opened = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(6)]
            async with asyncio.timeout(5):
                for reader, _ in opened:
                    assert await reader.read() == b""
            async with (
                aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session,
                session.get("/metrics") as response,
            ):
                assert response.status == 200
            for _, writer in opened:
                writer.close()
        finally:
            await server.stop()

    asyncio.run(take_up_room())


def fits(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Whether a document has a form: the part of JSON Schema that the description uses."""
    if "$ref" in schema:
        return fits(value, schemas[schema["$ref"].rsplit("/", 1)[1]], schemas)
    if "anyOf" in schema:
        return any(fits(value, choice, schemas) for choice in schema["anyOf"])
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "boolean": bool,
        "null": type(None),
    }
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if type(value) not in [kinds[name] for name in names]:
        return False
    if isinstance(value, dict) and "properties" in schema:
        properties = schema["properties"]
        return value.keys() == properties.keys() and all(
            fits(value[name], form, schemas) for name, form in properties.items()
        )
    if isinstance(value, list):
        return all(fits(item, schema["items"], schemas) for item in value)
    return value in schema.get("enum", [value])


def store_of(events: list[OrderUpdate]) -> ModelStore:
    store = ModelStore()
    store.apply(events)
    return store


def test_every_route_answers_in_the_form_the_description_says(events: list[OrderUpdate]) -> None:
    described = document()
    schemas = described["components"]["schemas"]
    rolled_back = next(event for event in events if event.undone)
    balances = balance_updates(3, 60)
    owner = balances[-1]
    token, exchange = "0x" + owner.token.hex(), owner.exchange.name.lower()
    values = {"user": "0x" + owner.user.hex(), "market": MARKET, "client_order_id": "7"}
    values |= {"token": token, "exchange": exchange}

    async def run() -> None:
        store = store_of(events)
        store.apply_balances(balances, place_after(owner))
        async with serving(store) as (server, ask):
            assert sorted(described["paths"]) == server.routes
            for route in ROUTES:
                path = route.path.format(**values, order_id=rolled_back.order_id)
                status, found = await ask(path)
                assert status == 200, path
                assert fits(found, schemas[route.schema], schemas), path
                assert not fits({**found, "more": 1}, schemas[route.schema], schemas)
                inside = [parameter["name"] for parameter in operation(route.path)["parameters"]]
                assert set(route.query) <= set(inside) <= set(PARAMETERS)
            assert await ask("/openapi.json") == (200, described)
            path = f"/v1/users/{values['user']}/balances/{exchange}/{token}"
            status, page = await ask(f"{path}?limit=1")
            assert (status, page["updates"]) == (200, [owner.as_json()])
            assert page["next"] == str(owner.version)
            status, page = await ask(f"{path}?before={page['next']}")
            assert [it["version"] for it in page["updates"]] == [*range(owner.version - 1, 0, -1)]

    def operation(path: str) -> dict[str, Any]:
        found: dict[str, Any] = described["paths"][path]["get"]
        return found

    asyncio.run(run())


def test_answers_are_those_of_the_store(events: list[OrderUpdate]) -> None:
    store = store_of(events)
    user = USERS[0]

    async def run() -> None:
        async with serving(store) as (_, ask):
            _, found = await ask(f"/v1/users/{USER}/orders?exchange=perp")
            expected = [o for o in store.open_orders(user) if o.exchange == 2]
            assert found["orders"] == [as_json(order) for order in expected]
            got, more = [], ""
            while True:
                _, page = await ask(f"/v1/users/{USER}/history?status=filled&limit=5{more}")
                got += page["updates"]
                if page["next"] is None:
                    break
                more = f"&before={page['next']}"
            whole = store.history(Query(user=user, status=3, limit=1_000))  # type: ignore[arg-type] # 3 is FILLED
            assert got == [as_json(update) for update in whole]
            _, found = await ask(f"/v1/users/{USER}/statistics")
            assert found == answers.statistics(store.statistics(user))
            _, found = await ask("/v1/stream?after=10&limit=3")
            assert [update["event_id"] for update in found["updates"]] == [11, 12, 13]
            assert found["last"] == 13

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/users/0x12/orders", 400, "an address must be"),
        (f"/v1/users/{USER}/orders?colour=red", 400, "there is no colour; use exchange, market"),
        (f"/v1/users/{USER}/history?limit=0", 400, "limit must be from 1 to 1000"),
        (f"/v1/users/{USER}/history?status=odd", 400, "status must be one of gone, new"),
        (f"/v1/users/{USER}/history?before=x", 400, "before must be a whole number"),
        (f"/v1/users/{USER}/history?before=1-{HUGE}", 400, "before must be a whole number of at"),
        (f"/v1/users/{USER}/history?start={HUGE}", 400, "start must be a whole number of at most"),
        (f"/v1/users/{USER}/client-orders/{2**128}", 400, "of at most 3402823"),
        (f"/v1/orders/{HUGE}", 400, "order_id must be a whole number of at most 92233720368547758"),
        (f"/v1/stream?after={HUGE}", 400, "after must be a whole number of at most"),
        (f"{UPDATES}?after={HUGE}", 400, "after must be a whole number of at most"),
        ("/v1/orders/999999", 404, "nothing is known"),
        ("/", 404, "nothing answers GET /; /openapi.json has what does"),
        ("/v1/orders", 404, "nothing answers GET /v1/orders; /openapi.json"),
        ("/v1/stream?after=-1", 400, "after must be a whole number"),
        (f"{UPDATES}?user=me", 400, "an address must be"),
    ],
)
def test_bad_questions_are_explained(
    events: list[OrderUpdate], path: str, status: int, said: str
) -> None:
    async def run() -> None:
        async with serving(store_of(events)) as (_, ask):
            found = await ask(path)
            assert found[0] == status
            assert said in found[1]["error"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "history.example"}, 403),
        ({"Origin": "http://pages.example"}, 403),
        ({"Origin": "http://history.example", "Host": "history.example"}, 403),
    ],
)
def test_pages_of_other_places_and_other_names_are_refused(
    headers: dict[str, str], status: int
) -> None:
    """A page in a browser here could ask, by DNS rebinding even under a name of its own."""

    async def run() -> None:
        async with serving(ModelStore()) as (_, ask):
            for path, answered in (("/openapi.json", 200), (UPDATES, 400)):  # no upgrade asked for
                async with ask.session.get(path, headers=headers) as response:  # type: ignore[attr-defined] # see `serving`
                    assert response.status == (status if status == 403 else answered), path

    asyncio.run(run())


def test_store_that_is_away_is_said_and_health_tells(events: list[OrderUpdate]) -> None:
    class Away(ModelStore):
        def order(self, order_id: int) -> OrderUpdate | None:
            raise StoreUnavailable(f"locked at {order_id}")

    store = Away()
    store.apply(events)
    consumer = Consumer(ListFeed(events), store)

    async def run() -> None:
        async with serving(store, consumer) as (_, ask):
            assert await ask("/v1/orders/1") == (503, {"error": "locked at 1"})
            status, health = await ask("/health")
            assert (status, health["state"], health["healthy"]) == (200, "starting", True)
            consumer.catch_up()
            _, text = await ask("/metrics")
            assert f"evm_dex_history_last_event_id {len(events)}\n" in text
            assert "evm_dex_history_lag_events 0\n" in text
            consumer._note("waiting for the store", StoreUnavailable("gone"))
            status, health = await ask("/health")
            assert (status, health["problem"]) == (503, "gone")

    asyncio.run(run())


def test_listeners_get_every_update_from_an_id_on_live(events: list[OrderUpdate]) -> None:
    store = store_of(events[:100])

    async def run() -> None:
        async with serving(store) as (server, ask):
            session = ask.session  # type: ignore[attr-defined] # see `serving`
            async with (
                session.ws_connect(f"{UPDATES}?after=90") as every,
                session.ws_connect(f"{UPDATES}?after=0&user={USER}") as own,
            ):
                got = [json.loads((await every.receive()).data) for _ in range(10)]
                assert [update["event_id"] for update in got] == list(range(91, 101))
                store.apply(events[100:130])
                server.wake()
                for event in events[100:130]:
                    assert json.loads((await every.receive()).data) == as_json(event)
                for event in events[:130]:
                    if event.user == USERS[0]:
                        assert json.loads((await own.receive()).data) == as_json(event)

    asyncio.run(run())


def test_service_runs_until_it_is_told_to_stop(tmp_path: Path, events: list[OrderUpdate]) -> None:
    """Consumer and HTTP together, in one process, ended by a signal."""
    store = SqliteStore(tmp_path / "h")
    reader = SqliteStore(tmp_path / "h", read_only=True)
    ports: list[int | None] = []

    async def run() -> None:
        service = Service(ListFeed(events), store)
        work = asyncio.create_task(service.run(reader, started=ports.append))
        while service.consumer.health().last_event_id < len(events):
            await asyncio.sleep(0.01)
            assert not work.done()
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{ports[0]}/health") as response,
        ):
            assert (await response.json())["last_event_id"] == len(events)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        await asyncio.wait_for(work, 120)

    asyncio.run(run())
    assert reader.cursor().event_id == len(events)
    reader.close()
    store.close()


def test_service_on_a_running_chain_ends_cleanly(tmp_path: Path) -> None:
    """Its sockets belong to the consumer's thread until that has ended."""
    port, store = free_ports(2), SqliteStore(tmp_path / "h")

    async def run() -> None:
        service = Service(RemoteFeed(f"tcp://127.0.0.1:{port}"), store)
        work = asyncio.create_task(service.run())
        while service.consumer.health().last_event_id < last:
            await asyncio.sleep(0.01)
            assert not work.done()
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        await asyncio.wait_for(work, 120)

    with chain(tmp_path / "chain") as dex, closing(FeedServer(dex.chain, dex.store, port)):
        Traffic(dex, 3).block()
        last = dex.chain.outbox.state().last
        asyncio.run(run())
    assert store.cursor().event_id == last
    store.close()
