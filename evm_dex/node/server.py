"""The node's port: HTTP and WebSocket on the same address."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

from aiohttp import web

from evm_dex.http.bounded_body import read_body
from evm_dex.http.idle_connections import IdleConnections
from evm_dex.http.open_sockets import OpenSockets
from evm_dex.http.origin_policy import OriginPolicy
from evm_dex.http.plain_posts import PostServer
from evm_dex.node.browser_page import page
from evm_dex.node.connection import Connection
from evm_dex.node.dispatch import read, refusal, respond
from evm_dex.node.fast_path import Length, ShortWork
from evm_dex.node.node import Node
from evm_dex.node.rpc_errors import INVALID_REQUEST, RpcError
from evm_dex.node.turns import Use
from evm_dex.node.workers import Workers

_Result = TypeVar("_Result")
_logger = logging.getLogger(__name__)
_JSON = "application/json"
_YOUNG_OBJECTS, _NEVER = 50_000, 1_000_000
_SECONDS_TO_COLLECT = 10.0
_SECONDS_TO_LOAD = 2.0
_SECONDS_PER_SWITCH = 0.0005
"""For which a long call keeps the interpreter from the thread that serves the network."""


class Server:
    """Serves one node. What may take long runs on threads, so pings are answered meanwhile."""

    def __init__(
        self, node: Node, origins: OriginPolicy, *, block_seconds: float | None = None
    ) -> None:
        """`block_seconds` is the time between blocks made by the clock; None for no such blocks."""
        self.node = node
        self._origins = origins
        self._limits = node.limits
        node.set_block_seconds(block_seconds)
        self._workers = Workers()
        self._short = ShortWork()
        self._at_work = 0
        """Number of jobs that run or wait on threads."""
        self._sockets = OpenSockets(self._limits.body_bytes)
        self._tasks: list[asyncio.Task[None]] = []
        self.port = 0

    async def start(self, host: str, port: int, *, owns_process: bool = False) -> None:
        """Start to listen; port 0 takes a free one, which `port` then is. Raises OSError.

        A server that `owns_process` is alone in it, and says when Python collects garbage.
        """
        self._loop = asyncio.get_running_loop()
        self._idle = IdleConnections(
            connections=self._limits.connections, seconds=self._limits.idle_seconds
        )
        server = PostServer(
            self.handle,
            answer=self._answer,
            reply_headers=self._origins.reply_headers,
            idle=self._idle,
            send_seconds=self._limits.send_seconds,
        )
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._tasks.append(asyncio.create_task(self._idle.run(server)))
        self._tasks.append(asyncio.create_task(self._mine()))
        if owns_process:
            sys.setswitchinterval(_SECONDS_PER_SWITCH)
            self._tasks.append(asyncio.create_task(self._collect_garbage()))
            self._tasks.append(asyncio.create_task(_load_the_rest()))

    async def stop(self) -> None:
        """Stop listening, let the request in work finish, end all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sockets.close()
        await self._runner.cleanup()
        self._workers.close()
        await asyncio.to_thread(self.node.archives.close)

    async def on_chain(self, work: Callable[[], _Result], use: Use = Use.ALONE) -> _Result:
        """Run what may take long, and by default changes the chain, on a thread."""

        def in_turn() -> _Result:
            with self.node.turns.taken(use):
                return work()

        return await self._on_thread(in_turn)

    async def _on_thread(self, work: Callable[[], _Result]) -> _Result:
        self._at_work += 1
        future = self._workers.submit(work)
        future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._done))
        return await asyncio.wrap_future(future)

    async def on_request(self, content: Any, work: Callable[[], _Result]) -> _Result:
        """Run what answers a decoded request: here where that is short, else on a thread."""
        found = self._done_here(content, work)
        return found[0] if isinstance(found, tuple) else await found

    def _done_here(
        self, content: Any, work: Callable[[], _Result]
    ) -> tuple[_Result] | Awaitable[_Result]:
        """Do work that is short at once, if it can have its turn now, and else on a thread."""
        length = self._short.length(content)
        turns = self.node.turns
        # Where a chain is forked, another node may have to be waited for.
        if length.is_short and self.node.chain.origin is None and turns.try_take():
            try:
                return (self._noted(length, work),)
            finally:
                turns.give()
        return self._on_thread(lambda: self._noted(length, work))

    def _noted(self, length: Length, work: Callable[[], _Result]) -> _Result:
        """Do work, and note how long this thread computed for it where that is worth knowing."""
        if length.noted_as is None:
            return work()
        began = time.thread_time()
        found = work()
        self._short.note(length.noted_as, time.thread_time() - began)
        return found

    def _done(self) -> None:
        """Work on a thread has really ended, whether or not somebody still waits."""
        self._at_work -= 1

    async def _mine(self) -> None:
        """Make blocks by the clock, as often as the node says at the time."""
        changed = asyncio.Event()
        self.node.on_interval.append(lambda: self._loop.call_soon_threadsafe(changed.set))
        while True:
            try:
                async with asyncio.timeout(self.node.block_seconds):
                    await changed.wait()
                    changed.clear()
            except TimeoutError:
                try:
                    await self.on_chain(self.node.chain.mine)
                except Exception:  # the next block may well be possible again
                    _logger.exception("no block could be made")

    async def _collect_garbage(self) -> None:
        """Look for cycles only among new objects, and when nothing is at work.

        By itself Python looks through all objects time and again while a call makes many, which
        takes half a second with a hundred thousand frames, and nobody is answered meanwhile.
        """
        gc.set_threshold(_YOUNG_OBJECTS, _NEVER, _NEVER)
        while True:
            if not self._at_work:
                gc.collect()
                gc.freeze()
            await asyncio.sleep(_SECONDS_TO_COLLECT)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers, origin = request.headers, request.headers.get("Origin")
        host = headers.get("Host")
        refusal = self._origins.refusal(host, origin)
        if refusal is not None:
            return _refused(403, refusal)
        if request.method == "POST":
            with self._idle.at_work(request.protocol):
                return await self._post(request, origin)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=self._origins.headers(origin))
        if headers.get("Upgrade", "").lower() == "websocket":
            with self._idle.at_work(request.protocol):
                return await self._sockets.serve(request, self._connection)
        return self._health() if request.path == "/health" else _looked_at(request)

    def _health(self) -> web.Response:
        """Say where the chain is, and with status 503 where that is too far behind its node."""
        chain, upstream = self.node.chain, self.node.upstream
        told = {
            "chainId": chain.chain_id,
            "block": chain.head.block_number,
            "following": None if upstream is None else upstream.status(),
        }
        status = 200 if upstream is None or upstream.is_healthy() else 503
        return web.json_response(told, status=status, headers={"Cache-Control": "no-store"})

    async def _post(self, request: web.BaseRequest, origin: str | None) -> web.StreamResponse:
        if request.headers.get("Content-Encoding", "identity") != "identity":
            return _refused(415, "a request must not be compressed")
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body = await read_body(request, self._limits.body_bytes)
        except TimeoutError:
            return _refused(408, "the request took too long to arrive")
        if body is None:
            return _refused(413, f"a request must have at most {self._limits.body_bytes} bytes")
        found = self._answer(body)
        if not isinstance(found, bytes):
            found = await found
        response = web.Response(
            body=found, content_type=_JSON, headers=self._origins.headers(origin)
        )
        with suppress(ConnectionError):  # whoever asked has left
            async with asyncio.timeout(self._limits.send_seconds):
                await response.prepare(request)
                await response.write_eof()
        return response

    def _answer(self, body: bytes) -> bytes | Awaitable[bytes]:
        content = read(body)
        if isinstance(content, bytes):
            return content
        upstream = self.node.upstream
        if upstream is not None and upstream.takes(content):
            return upstream.answer(content, self._here)
        found = self._done_here(content, partial(respond, self.node, content))
        return found[0] if isinstance(found, tuple) else found

    async def _here(self, content: Any) -> bytes:
        return await self.on_request(content, partial(respond, self.node, content))

    def _connection(self, socket: web.WebSocketResponse) -> Connection:
        return Connection(self.node, socket, self.on_chain, self.on_request)


async def _load_the_rest() -> None:
    """Load what first answers do without, before somebody waits for it."""
    await asyncio.sleep(_SECONDS_TO_LOAD)
    await asyncio.to_thread(import_module, "numpy")


def _looked_at(request: web.BaseRequest) -> web.StreamResponse:
    """Serve the page, or one of its files."""
    if request.method not in ("GET", "HEAD"):
        return _refused(405, f"the HTTP method must be POST, got {request.method}")
    return page(request.path) or _refused(404, "not found: send JSON-RPC by POST, on any path")


def _refused(status: int, reason: str) -> web.Response:
    body = refusal(RpcError(INVALID_REQUEST, reason))
    # What is left of the request is not read, so the connection can't be used again.
    response = web.Response(status=status, body=body, content_type=_JSON)
    response.force_close()
    return response
