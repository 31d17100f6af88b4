"""Ending connections that only take up room: without a request for long, or too many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

_LOOKS_PER_LIMIT = 4


class IdleConnections:
    """Knows since when each connection has had no request in work."""

    def __init__(self, *, connections: int, seconds: float) -> None:
        """End those above a number of `connections`, and those idle for so many `seconds`."""
        self._most, self._seconds = connections, seconds
        self._working: dict[Any, int] = {}
        self._idle_since: dict[Any, float] = {}
        self._now = asyncio.get_running_loop().time

    @contextmanager
    def at_work(self, connection: Any) -> Iterator[None]:
        """Count a request of a connection, which is a protocol, as in work inside the context."""
        self._working[connection] = self._working.get(connection, 0) + 1
        try:
            yield
        finally:
            self._working[connection] -= 1
            if not self._working[connection]:
                del self._working[connection]
                self.seen(connection)

    def seen(self, connection: Any) -> None:
        """Note that a request of a connection was answered now."""
        self._idle_since[connection] = self._now()

    async def run(self, server: web.Server) -> None:
        """Look at all connections of a server again and again."""
        while True:
            await asyncio.sleep(self._seconds / _LOOKS_PER_LIMIT)
            self._look(server)

    def _look(self, server: web.Server) -> None:
        now, open_now = self._now(), server.connections
        since = {one: self._idle_since.get(one, now) for one in open_now}
        self._idle_since = since
        idle = sorted((at, index) for index, (one, at) in enumerate(since.items())
                      if one not in self._working)  # fmt: skip
        connections = list(since)
        surplus = len(open_now) - self._most
        for place, (at, index) in enumerate(idle):
            if place < surplus or now - at > self._seconds:
                connections[index].force_close()
