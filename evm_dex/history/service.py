"""The history service: a consumer on a thread, and optionally the HTTP interface."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import threading
from collections.abc import Callable

from evm_dex.history.consumer import Consumer
from evm_dex.history.feed import Feed
from evm_dex.history.http.history_app import HistoryServer
from evm_dex.history.stores.history_store import HistoryStore

_logger = logging.getLogger(__name__)
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """Formats each log record as one JSON object: time, level, event and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in record.__dict__.items() if key not in _OWN}
        line = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **extra,
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Service:
    """Runs until it is stopped, or until it fails in a way that waiting cannot mend."""

    def __init__(self, feed: Feed, store: HistoryStore, *, name: str = "history") -> None:
        self.consumer = Consumer(feed, store, name)
        self._failure: BaseException | None = None
        self._done = asyncio.Event()

    async def run(
        self,
        reader: HistoryStore | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        started: Callable[[int | None], object] = lambda _port: None,
    ) -> None:
        """Run until SIGINT or SIGTERM; serve HTTP if there is a `reader`, a store of its own.

        `started` is told the port. Raises OSError for a port that is taken, and what ended the
        consumer: FeedRefused, StoreBroken, UnknownUpdate.
        """
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._done.set)
        server = None
        if reader is not None:
            server = HistoryServer(reader, self.consumer.health)
            await server.start(host, port)
            self.consumer.on_applied(server.wake)
        thread = threading.Thread(target=self._consume, args=(loop,), name="history consumer")
        thread.start()
        started(server.port if server else None)
        _logger.info("history serves", extra={"port": server.port if server else None})
        try:
            await self._done.wait()
        finally:
            self.consumer.stop()
            await loop.run_in_executor(None, thread.join)
            self.consumer.feed.close()  # only now: its sockets belong to the thread
            if server is not None:
                await server.stop()
        if self._failure is not None:
            raise self._failure

    def _consume(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self.consumer.run()
        except BaseException as error:
            self._failure = error
        loop.call_soon_threadsafe(self._done.set)
