"""The WebSockets that a server has open, so that it can end them when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from evm_dex.http.web_socket import SocketConnection

_HEARTBEAT_SECONDS = 20.0


class OpenSockets:
    """Opens WebSockets on request, serves each until it ends, and ends those that are left."""

    def __init__(self, most_bytes: int) -> None:
        """Cut off a client that sends a message of more than `most_bytes`."""
        self._most_bytes = most_bytes
        self._open: set[web.WebSocketResponse] = set()

    def __len__(self) -> int:
        """Count the WebSockets that are open."""
        return len(self._open)

    async def serve(
        self,
        request: web.BaseRequest,
        connection: Callable[[web.WebSocketResponse], SocketConnection],
    ) -> web.WebSocketResponse:
        """Open a WebSocket, and run its connection until either side ends it."""
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_SECONDS, max_msg_size=self._most_bytes, compress=False
        )
        await socket.prepare(request)
        self._open.add(socket)
        try:
            await connection(socket).run()
        finally:
            self._open.discard(socket)
        return socket

    async def close(self) -> None:
        """End all WebSockets; wait a second for each client's word at most."""
        for socket in tuple(self._open):
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(1):
                    await socket.close(code=1001, message=b"the node stops")
