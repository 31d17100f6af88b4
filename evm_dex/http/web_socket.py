"""One WebSocket: its messages in turn, and what waits to be sent."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress

from aiohttp import WSMsgType, web


class SocketConnection(ABC):
    """A client's WebSocket, until either side ends it, or the client is too slow."""

    def __init__(
        self, socket: web.WebSocketResponse, *, most_waiting: int, send_seconds: float
    ) -> None:
        """Give up a client for whom more messages wait, or one takes longer to send."""
        self._socket = socket
        self._send_seconds = send_seconds
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(most_waiting)
        self._too_slow = asyncio.Event()

    @abstractmethod
    async def receive(self, body: bytes) -> None:
        """Answer a message."""

    @abstractmethod
    async def closed(self) -> None:
        """Forget the client."""

    def send(self, message: bytes) -> None:
        """Queue a message, unless it is empty; from any thread."""
        if message:
            with suppress(RuntimeError):  # the loop has ended, and the connection with it
                self._loop.call_soon_threadsafe(self._queue, message)

    def end(self) -> None:
        """Give the client up; from any thread."""
        with suppress(RuntimeError):  # as above
            self._loop.call_soon_threadsafe(self._too_slow.set)

    async def run(self) -> None:
        """Serve the client."""
        tasks = [
            asyncio.create_task(self._read()),
            asyncio.create_task(self._write()),
            asyncio.create_task(self._too_slow.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.closed()
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(1):
                    await self._socket.close(message=b"done, or too slow")

    def _queue(self, message: bytes) -> None:
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            self._too_slow.set()

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            data = message.data
            await self.receive(
                data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
            )
            await asyncio.sleep(0)  # others' turn: the next message may be here already

    async def _write(self) -> None:
        while True:
            message = await self._waiting.get()
            async with asyncio.timeout(self._send_seconds):
                await self._socket.send_frame(message, WSMsgType.TEXT)
