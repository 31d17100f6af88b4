"""The feed of a running chain for consumers in other processes, which cannot open its store.

One socket answers "updates after this cursor", another one tells that there is something new. What
the second one carries may be lost; what the first one answers comes from the store.
"""

from __future__ import annotations

import json
import logging
import threading

import zmq

from checkpoint.families import Family
from checkpoint.head import Head
from checkpoint.store import Store
from evm_dex.chain.chain import Chain
from evm_dex.history.feed import read_outbox
from evm_dex.history.feed_client import StoreFeed
from evm_dex.history.feed_wire import (
    BALANCES,
    JSON,
    PLAIN,
    Request,
    decode_request,
    encode_balances,
    encode_failure,
    encode_updates,
)
from evm_dex.history.stores.history_store import Cursor
from evm_dex.orderlog.cursors import STATE_KEY
from evm_dex.orderlog.order_update import as_json
from evm_dex.orderlog.outbox import read_state

_logger = logging.getLogger(__name__)
_MOST_TOLD = 1_000
"""Updates that one wake-up carries; whoever wants all of more than that reads them."""
_TURN = 200
"""Milliseconds after which the answering thread looks whether it should stop."""


class FeedServer:
    """Serves a chain's outbox at a port, and announces new updates at the next one."""

    def __init__(self, chain: Chain, store: Store, port: int, host: str = "127.0.0.1") -> None:
        """Start at once. Raises OSError if a port is taken."""
        self._store, self._chain = store, chain
        self._feed = StoreFeed(store)
        self._context = zmq.Context()
        try:
            self._answers = self._bound(zmq.ROUTER, host, port)
            self._news = self._bound(zmq.XPUB, host, port + 1)
        except OSError:
            self._context.destroy(linger=0)
            raise
        self._wants_json = False
        self._told = self._last()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="history feed", daemon=True)
        self._thread.start()
        chain.add_listener(self._tell)

    def close(self) -> None:
        """Stop serving; must come before the store is closed."""
        if self._tell in self._chain.listeners:
            self._chain.remove_listener(self._tell)
        self._stopping.set()
        self._thread.join()
        self._answers.close(linger=0)
        self._news.close(linger=0)
        self._context.term()

    def _bound(self, kind: int, host: str, port: int) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        try:
            socket.bind(f"tcp://{host}:{port}")
        except zmq.ZMQError as error:
            socket.close()
            raise OSError(error.errno, f"feed at {host}:{port}: {error}") from error
        return socket

    def _last(self) -> int:
        return read_state(self._store.get(Family.OUTBOX, STATE_KEY)).last

    def _serve(self) -> None:
        while not self._stopping.is_set():
            if not self._answers.poll(_TURN):
                continue
            client, *envelope, message = self._answers.recv_multipart()
            try:
                request = decode_request(message)
                answer = self._answer(request)
            except Exception as error:
                _logger.warning("feed request refused: %s", error)
                answer = encode_failure(error)
            self._answers.send_multipart([client, *envelope, answer])

    def _answer(self, request: Request) -> bytes:
        if request.log == BALANCES:
            return encode_balances(self._feed.read_balances(request.cursor, request.limit))
        updates = self._feed.read(request.cursor, request.limit, consumer=request.consumer)
        return encode_updates(updates)

    def _tell(self, _head: Head) -> None:
        """Publish a block's new updates; called in the chain's thread after each block."""
        self._hear_subscribers()
        last = self._last()
        first = max(self._told, last - _MOST_TOLD)
        self._told = last
        if last == first:
            return
        news = read_outbox(self._store, Cursor(first, b""))
        for event_id, payload in news.payloads:
            self._news.send_multipart([PLAIN, event_id.to_bytes(8, "big"), payload])
        if self._wants_json:
            for update in news.updates():
                self._news.send_multipart([JSON, json.dumps(as_json(update)).encode()])

    def _hear_subscribers(self) -> None:
        """Note who subscribes: JSON costs more than payloads, and is encoded for subscribers."""
        while self._news.poll(0):
            topic = self._news.recv()
            self._wants_json = self._wants_json or topic[1:] in (JSON, b"")
