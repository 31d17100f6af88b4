"""The node's port: HTTP and WebSocket on the same address."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, TypeVar

from aiohttp import web

from evm_dex.http.idle_connections import IdleConnections
from evm_dex.http.origin_policy import OriginPolicy
from evm_dex.http.plain_posts import PostServer
from evm_dex.node.browser_page import page
from evm_dex.node.connection import Connection
from evm_dex.node.dispatch import read, refusal, respond
from evm_dex.node.fast_path import is_head_read, is_short
from evm_dex.node.node import Node
from evm_dex.node.rpc_errors import INVALID_REQUEST, RpcError

_Result = TypeVar("_Result")
_logger = logging.getLogger(__name__)
_JSON = "application/json"
_HEARTBEAT_SECONDS = 20.0
_STACK_BYTES = 64 * 2**20
_YOUNG_OBJECTS, _NEVER = 50_000, 1_000_000
_SECONDS_TO_COLLECT = 10.0
_MOST_NESTED = 4
"""Batches within which others' requests are answered, one inside another."""


class Job(Generic[_Result]):
    """Work for the chain's thread, and what came of it."""

    def __init__(self, work: Callable[[], _Result], is_head_read: bool) -> None:
        self.future: Future[_Result] = Future()
        self.is_head_read = is_head_read
        self._work = work

    def run(self) -> None:
        """Do it, unless nobody waits for it any more."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self._work())
        except BaseException as error:
            self.future.set_exception(error)


class Server:
    """Serves one node. The chain runs on a thread of its own, so pings are answered meanwhile."""

    def __init__(
        self, node: Node, origins: OriginPolicy, *, block_seconds: float | None = None
    ) -> None:
        """`block_seconds` is the time between blocks made by the clock; None for no such blocks."""
        self.node = node
        self._origins = origins
        self._limits = node.limits
        node.set_block_seconds(block_seconds)
        self._thread = _chain_thread()
        self._at_work = 0
        """Number of jobs that run or wait on that thread; at 0 the chain may be used here."""
        self._jobs: deque[Job[Any]] = deque()
        """Jobs that wait for that thread; added to on the loop's, taken from on the chain's."""
        self._nested = 0
        node.answer_others(during_call=self._during_call, between_requests=self._between_requests)
        self._sockets: set[web.WebSocketResponse] = set()
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
            self._tasks.append(asyncio.create_task(self._collect_garbage()))

    async def stop(self) -> None:
        """Stop listening, let the request in work finish, end all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in tuple(self._sockets):
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(1):
                    await socket.close(code=1001, message=b"the node stops")
        await self._runner.cleanup()
        self._thread.shutdown()

    async def on_chain(self, work: Callable[[], _Result], content: Any = None) -> _Result:
        """Run on the chain's thread, after what was asked for before.

        What only reads the head, by its `content`, runs also while a call is at work there.
        """
        self._at_work += 1
        job: Job[_Result] = Job(work, is_head_read(content))
        job.future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._done))
        self._jobs.append(job)
        self._thread.submit(self._run_next)
        return await asyncio.wrap_future(job.future)

    def _run_next(self) -> None:
        """Run what has waited longest, unless it was run in between."""
        with suppress(IndexError):
            self._jobs.popleft().run()

    def _between_requests(self) -> None:
        if self._nested < _MOST_NESTED:
            self._nested += 1
            try:
                for _ in range(len(self._jobs)):
                    self._run_next()
            finally:
                self._nested -= 1

    def _during_call(self) -> None:
        if self._jobs:
            for job in [job for job in tuple(self._jobs) if job.is_head_read]:
                self._jobs.remove(job)
                job.run()

    async def on_request(self, content: Any, work: Callable[[], _Result]) -> _Result:
        """Run what answers a decoded request: here where that is short, else on the chain's thread.

        Either way nothing else is at work on the chain meanwhile.
        """
        if self._may_run_here(content):
            return work()
        return await self.on_chain(work, content)

    def _may_run_here(self, content: Any) -> bool:
        return not self._at_work and is_short(content)

    def _done(self) -> None:
        """Work on the chain's thread has really ended, whether or not somebody still waits."""
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
        if not self._origins.knows_host(host):
            return _refused(403, f"the Host header must name this node, got {host!r}: see --host")
        if not self._origins.allows(origin, host):
            return _refused(403, f"pages from {origin} are not allowed: see --cors")
        if request.method == "POST":
            with self._idle.at_work(request.protocol):
                return await self._post(request, origin)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=self._origins.headers(origin))
        if headers.get("Upgrade", "").lower() == "websocket":
            with self._idle.at_work(request.protocol):
                return await self._socket(request)
        return _looked_at(request)

    async def _post(self, request: web.BaseRequest, origin: str | None) -> web.StreamResponse:
        if request.headers.get("Content-Encoding", "identity") != "identity":
            return _refused(415, "a request must not be compressed")
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body = await self._body(request)
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
        if self._may_run_here(content):
            return respond(self.node, content)
        return self.on_chain(lambda: respond(self.node, content), content)

    async def _body(self, request: web.BaseRequest) -> bytes | None:
        """Return the whole body; None for one that is too large."""
        most = self._limits.body_bytes
        if (request.content_length or 0) > most:
            return None
        parts, size = [], 0
        async for part in request.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > most:
                return None
        return b"".join(parts)

    async def _socket(self, request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_SECONDS, max_msg_size=self._limits.body_bytes, compress=False
        )
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await Connection(self.node, socket).run(self.on_chain, self.on_request)
        finally:
            self._sockets.discard(socket)
        return socket


def _chain_thread() -> ThreadPoolExecutor:
    """Start one thread, with room for the 1,024 nested calls that the EVM allows."""
    before = threading.stack_size(_STACK_BYTES)
    try:
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chain")
        executor.submit(int).result()  # it begins with the first work
    finally:
        threading.stack_size(before)
    return executor


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
