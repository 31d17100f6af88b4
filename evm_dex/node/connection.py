"""One WebSocket: its requests in turn, its subscriptions, and what waits to be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from aiohttp import WSMsgType, web

from evm_dex.node.dispatch import read, respond
from evm_dex.node.fast_path import use_of
from evm_dex.node.node import Node
from evm_dex.node.subscriptions import Subscriptions

_Result = TypeVar("_Result")
OnChain = Callable[[Callable[[], _Result]], Awaitable[_Result]]
"""Runs a function on the chain's thread."""
OnRequest = Callable[[Any, Callable[[], _Result]], Awaitable[_Result]]
"""Runs what answers a decoded request, there or here."""


class Connection:
    """The chain thread's side of a WebSocket."""

    def __init__(self, node: Node, socket: web.WebSocketResponse) -> None:
        self._node = node
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(node.limits.waiting_messages)
        self._too_slow = asyncio.Event()
        self.subscriptions = Subscriptions(node, self.send, self.end)

    def send(self, message: bytes) -> None:
        """Queue a message; from any thread. Too long a queue ends the connection."""
        if message:
            with suppress(RuntimeError):  # the loop has ended, and the connection with it
                self._loop.call_soon_threadsafe(self._queue, message)

    def end(self) -> None:
        """Give the client up; from any thread."""
        with suppress(RuntimeError):  # as above
            self._loop.call_soon_threadsafe(self._too_slow.set)

    def _queue(self, message: bytes) -> None:
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            self._too_slow.set()

    async def run(self, on_chain: OnChain[None], on_request: OnRequest[None]) -> None:
        """Serve the client until either side ends it."""
        tasks = [
            asyncio.create_task(self._read(on_request)),
            asyncio.create_task(self._write()),
            asyncio.create_task(self._too_slow.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await on_chain(self.subscriptions.close)
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(1):
                    await self._socket.close(message=b"done, or too slow")

    async def _read(self, on_request: OnRequest[None]) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                body = message.data.encode("utf-8", "surrogatepass")
            elif message.type is WSMsgType.BINARY:
                body = message.data
            else:
                return

            await self._answer(body, on_request)
            await asyncio.sleep(0)  # others' turn: the next message may be here already

    async def _answer(self, body: bytes, on_request: OnRequest[None]) -> None:
        content = read(body)
        if isinstance(content, bytes):
            self.send(content)
            return
        await on_request(content, lambda: self._respond(content))

    def _respond(self, content: Any) -> None:
        """Send the answer in the turn it is made in, so it is before what is told afterwards."""
        if isinstance(content, list):
            self.send(respond(self._node, content, self.subscriptions))
            return
        with self._node.turns.taken(use_of(content)):
            self.send(respond(self._node, content, self.subscriptions))

    async def _write(self) -> None:
        while True:
            message = await self._waiting.get()
            async with asyncio.timeout(self._node.limits.send_seconds):
                await self._socket.send_frame(message, WSMsgType.TEXT)
