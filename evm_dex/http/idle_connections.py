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

    def __init__(self, server: web.Server, *, connections: int, seconds: float) -> None:
        """End those above a number of `connections`, and those idle for so many `seconds`."""
        self._server = server
        self._most, self._seconds = connections, seconds
        self._working: dict[Any, int] = {}
        self._idle_since: dict[Any, float] = {}
        self._now = asyncio.get_running_loop().time

    @contextmanager
    def at_work(self, request: web.BaseRequest) -> Iterator[None]:
        """Count a request of a connection as in work inside the context."""
        protocol = request.protocol
        self._working[protocol] = self._working.get(protocol, 0) + 1
        try:
            yield
        finally:
            self._working[protocol] -= 1
            if not self._working[protocol]:
                del self._working[protocol]
                self._idle_since[protocol] = self._now()

    async def run(self) -> None:
        """Look at all connections again and again."""
        while True:
            await asyncio.sleep(self._seconds / _LOOKS_PER_LIMIT)
            self._look()

    def _look(self) -> None:
        now, open_now = self._now(), self._server.connections
        since = {one: self._idle_since.get(one, now) for one in open_now}
        self._idle_since = since
        idle = sorted((at, index) for index, (one, at) in enumerate(since.items())
                      if one not in self._working)  # fmt: skip
        connections = list(since)
        surplus = len(open_now) - self._most
        for place, (at, index) in enumerate(idle):
            if place < surplus or now - at > self._seconds:
                connections[index].force_close()
