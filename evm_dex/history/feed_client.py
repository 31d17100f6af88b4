"""Feeds of a chain in this process, of one that runs in another, and of one on disk."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import zmq

from checkpoint.errors import StoreError
from checkpoint.store import Store
from evm_dex.history.feed import (
    MOST,
    BalanceUpdates,
    Feed,
    FeedRefused,
    FeedUnavailable,
    Updates,
    read_balance_log,
    read_outbox,
)
from evm_dex.history.feed_wire import (
    BALANCES,
    PLAIN,
    decode_answer,
    decode_balances,
    encode_request,
)
from evm_dex.history.stores.history_store import Cursor
from evm_dex.orderlog.cursors import set_cursor

_PATIENCE = 2.0
"""Seconds to wait for an answer."""
_ASK_AGAIN = 0.4
"""Seconds after which a query counts as lost with the process it was put to."""


class StoreFeed(Feed):
    """The outbox of a store that this process holds. `wake` it when the head has moved."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._news = threading.Event()
        self._known: dict[str, int] = {}

    def read(self, cursor: Cursor, limit: int = MOST, *, consumer: str = "") -> Updates:
        updates = read_outbox(self._store, cursor, limit)
        # A store in memory ends with its process, and is written by one thread alone.
        if consumer and self._store.path and self._known.get(consumer) != cursor.event_id:
            set_cursor(self._store, consumer, cursor.event_id)
            self._known[consumer] = cursor.event_id
        return updates

    def read_balances(self, cursor: Cursor, limit: int = MOST) -> BalanceUpdates:
        return read_balance_log(self._store, cursor, limit)

    def wake(self, _head: object = None) -> None:
        """Let `wait` return."""
        self._news.set()

    def wait(self, seconds: float) -> None:
        self._news.wait(seconds)
        self._news.clear()

    def close(self) -> None:
        self.wake()


class RemoteFeed(Feed):
    """The feed of a running chain, see `evm_dex.history.feed_server`."""

    def __init__(self, address: str) -> None:
        """Connect to tcp://HOST:PORT; the wake-up socket is at the next port."""
        self._address = address
        host, port = address.rsplit(":", 1)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self._wake_up = self._context.socket(zmq.SUB)
        # One message at the door is enough to look; more would only pile up.
        self._wake_up.setsockopt(zmq.CONFLATE, 0)
        self._wake_up.setsockopt(zmq.RCVHWM, 1)
        self._wake_up.setsockopt(zmq.SUBSCRIBE, PLAIN)
        self._wake_up.connect(f"{host}:{int(port) + 1}")
        self._socket: zmq.Socket[bytes] | None = None

    def read(self, cursor: Cursor, limit: int = MOST, *, consumer: str = "") -> Updates:
        return decode_answer(self._answer(encode_request(cursor, limit, consumer)))

    def read_balances(self, cursor: Cursor, limit: int = MOST) -> BalanceUpdates:
        try:
            return decode_balances(self._answer(encode_request(cursor, limit, "", log=BALANCES)))
        except FeedRefused as error:
            if type(error) is not FeedRefused:
                raise
            return BalanceUpdates(cursor.event_id, cursor, ())  # a chain of an earlier version

    def _answer(self, query: bytes) -> bytes:
        socket = self._connected()
        deadline = time.monotonic() + _PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            socket.send(query)
            if socket.poll(int(min(left, _ASK_AGAIN) * 1_000)):
                return socket.recv()
        self._drop()
        raise FeedUnavailable(f"no answer from the feed at {self._address}")

    def wait(self, seconds: float) -> None:
        if self._wake_up.poll(int(seconds * 1_000)):
            while self._wake_up.poll(0):
                self._wake_up.recv_multipart()

    def close(self) -> None:
        self._drop()
        self._wake_up.close(linger=0)

    def _connected(self) -> zmq.Socket[bytes]:
        if self._socket is None:
            self._socket = self._context.socket(zmq.REQ)
            # A query may be put again, and only the last one's answer counts.
            self._socket.setsockopt(zmq.REQ_RELAXED, 1)
            self._socket.setsockopt(zmq.REQ_CORRELATE, 1)
            self._socket.connect(self._address)
        return self._socket

    def _drop(self) -> None:
        """Drop requests that were not answered; the next one uses a new connection."""
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None


class ChainFeed(Feed):
    """The outbox of a chain on disk, read anew each time, while another process may write it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pause = threading.Event()

    def read(self, cursor: Cursor, limit: int = MOST, *, consumer: str = "") -> Updates:
        del consumer  # cannot be noted in a store that is open read-only
        from checkpoint.rocks.read_only_store import ReadOnlyStore  # noqa: PLC0415 - loads the database

        try:
            with closing(ReadOnlyStore(self._path)) as store:
                return read_outbox(store, cursor, limit)
        except StoreError as error:
            raise FeedUnavailable(str(error)) from error

    def read_balances(self, cursor: Cursor, limit: int = MOST) -> BalanceUpdates:
        from checkpoint.rocks.read_only_store import ReadOnlyStore  # noqa: PLC0415 - loads the database

        try:
            with closing(ReadOnlyStore(self._path)) as store:
                return read_balance_log(store, cursor, limit)
        except StoreError as error:
            raise FeedUnavailable(str(error)) from error

    def wait(self, seconds: float) -> None:
        self._pause.wait(max(seconds, 1.0))

    def close(self) -> None:
        self._pause.set()
