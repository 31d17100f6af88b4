"""The HTTP interface: queries, health, metrics, and live updates."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from evm_dex.history.consumer import ConsumerHealth
from evm_dex.history.http.openapi import document
from evm_dex.history.http.routes import ROUTES, UPDATES, Route
from evm_dex.history.queries import BadQuery, address, number
from evm_dex.history.stores.history_store import HistoryStore, StoreBroken, StoreUnavailable
from evm_dex.http.idle_connections import IdleConnections
from evm_dex.http.origin_policy import OriginPolicy
from evm_dex.orderlog.order_update import OrderUpdate, as_json

_Result = TypeVar("_Result")
_AT_ONCE = 200
"""Updates read for a listener in one go."""
_HEARTBEAT = 20.0
_SECONDS_TO_LOOK = 1.0
"""Seconds after which a listener looks for updates though none were announced."""


class HistoryServer:
    """Serves one store, which it reads on a thread of its own."""

    def __init__(
        self,
        store: HistoryStore,
        health: Callable[[], ConsumerHealth],
        *,
        connections: int = 256,
        idle_seconds: float = 60.0,
    ) -> None:
        """Take over `store`; `health` may be called at any time.

        No more than `connections` are open at once, those without a request for the longest time
        go first; without one for `idle_seconds` a connection is ended.
        """
        self._store, self._health = store, health
        self._connections, self._idle_seconds = connections, idle_seconds
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history reader")
        self._listeners: set[asyncio.Event] = set()
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 means any free one, see `port`. Raises OSError."""
        self._loop = asyncio.get_running_loop()
        middlewares = [self._counted, _guarded(OriginPolicy(host)), _explained]
        app = web.Application(middlewares=middlewares)
        for route in ROUTES:
            app.router.add_get(route.path, self._asked(route))
        app.router.add_get(UPDATES, self._listen)
        app.router.add_get("/health", self._tell_health)
        app.router.add_get("/metrics", self._tell_metrics)
        app.router.add_get("/openapi.json", self._describe)
        self.routes = sorted(resource.canonical for resource in app.router.resources())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        server = self._runner.server
        assert server is not None, "the runner is set up"
        self._idle = IdleConnections(connections=self._connections, seconds=self._idle_seconds)
        self._ending = asyncio.create_task(self._idle.run(server))
        await web.TCPSite(self._runner, host, port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, and end connections."""
        self._ending.cancel()
        await self._runner.cleanup()
        self._thread.shutdown()

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Know the connection as one that is used."""
        with self._idle.at_work(request.protocol):
            return await handler(request)

    def wake(self, _event_id: int = 0) -> None:
        """Tell subscribers that there are new updates; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for event in self._listeners:
            event.set()

    async def _reading(self, ask: Callable[[], _Result]) -> _Result:
        return await self._loop.run_in_executor(self._thread, ask)

    def _asked(self, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            unknown = set(request.query) - set(route.query)
            if unknown:
                offered = ", ".join(route.query) or "no parameters"
                return _failure(400, f"there is no {', '.join(sorted(unknown))}; use {offered}")
            values = {**request.query, **request.match_info}
            try:
                found = await self._reading(lambda: route.answer(self._store, values))
            except BadQuery as error:
                return _failure(400, str(error))
            except (StoreUnavailable, StoreBroken) as error:
                return _failure(503, str(error))
            return _failure(404, "nothing is known of it") if found is None else _answer(found)

        return handle

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        try:
            after = number(request.query.get("after", "0"), "after")
            user = request.query.get("user")
            wanted = address(user) if user else None
        except BadQuery as error:
            return _failure(400, str(error))
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT)
        await socket.prepare(request)
        news = asyncio.Event()
        self._listeners.add(news)
        sending = asyncio.create_task(self._send(socket, news, after, wanted))
        try:
            async for _ in socket:  # what a listener says is ignored; its going is not
                pass
        finally:
            self._listeners.discard(news)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return socket

    async def _send(
        self, socket: web.WebSocketResponse, news: asyncio.Event, after: int, user: bytes | None
    ) -> None:
        """Send updates from the store: a slow subscriber delays nobody and misses nothing."""
        while not socket.closed:
            news.clear()
            updates = await self._next(after)
            for update in updates:
                if user is None or update.user == user:
                    await socket.send_str(json.dumps(as_json(update)))
                after = update.event_id
            if not updates:
                try:
                    await asyncio.wait_for(news.wait(), _SECONDS_TO_LOOK)
                except TimeoutError:
                    continue

    async def _next(self, after: int) -> list[OrderUpdate]:
        try:
            return await self._reading(lambda: self._store.stream(after, _AT_ONCE))
        except StoreUnavailable:
            return []

    async def _tell_health(self, _request: web.Request) -> web.Response:
        health = self._health()
        content = {"healthy": health.is_healthy, **msgspec.to_builtins(health)}
        return _answer(content, 200 if health.is_healthy else 503)

    async def _tell_metrics(self, _request: web.Request) -> web.Response:
        health = self._health()
        figures = {
            "last_event_id": health.last_event_id,
            "lag_events": health.lag,
            "events_per_second": health.rate,
            "events_applied_total": health.applied,
            "last_event_time_seconds": health.last_event_time,
            "retries_total": health.retries,
            "healthy": int(health.is_healthy),
        }
        lines = [f"evm_dex_history_{name} {value}\n" for name, value in figures.items()]
        return web.Response(text="".join(lines), content_type="text/plain")

    async def _describe(self, _request: web.Request) -> web.Response:
        return _answer(document())


def _guarded(guard: OriginPolicy) -> Middleware:
    """Refuse requests of web pages from other origins."""

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        host, origin = request.headers.get("Host"), request.headers.get("Origin")
        if not guard.knows_host(host):
            return _failure(403, f"this service does not go by the name {host!r}: see --host")
        if not guard.allows(origin, host):
            return _failure(403, f"pages from {origin} may not ask")
        return await handler(request)

    return checked


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request for an unknown route with the place of the description."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        there = f"nothing answers {request.method} {request.path}; /openapi.json has what does"
        return _failure(error.status, there)


def _answer(content: object, status: int = 200) -> web.Response:
    return web.json_response(content, status=status)


def _failure(status: int, message: str) -> web.Response:
    return _answer({"error": message}, status)
