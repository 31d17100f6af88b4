"""What is killed: an engine that trades, and a service that follows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from evm_dex.history.consumer import Consumer
from evm_dex.history.feed import MOST, Updates
from evm_dex.history.feed_client import RemoteFeed
from evm_dex.history.feed_server import FeedServer
from evm_dex.history.stores.history_store import Cursor, HistoryStore
from evm_dex.orderlog.cursors import set_cursor
from tests.history.kills.bulk import BulkTraffic, chain
from tests.history.kills.shared import Shared

RECOUNT = "recount"
"""The consumer's name that keeps what was not recounted from being pruned."""
_ROLLBACKS = 0.1
"""Part of the blocks after which some are taken back; after an engine's first block always."""
_DEEPEST = 4
_PAUSE = 0.005


def trade(path: Path, port: int, seed: int, shared: Shared, most_behind: int) -> None:
    """An engine that never ends: large blocks, and now and then a way back.

    It rests while it is more than `most_behind` events ahead of the store; also while there are
    more than wanted, unless the service has yet to be given something.
    """
    with chain(path) as dex:
        set_cursor(dex.store, RECOUNT, shared.counted)
        server = FeedServer(dex.chain, dex.store, port)
        traffic = BulkTraffic(dex, seed)
        blocks = 0
        while True:
            traffic.block()
            goes_back = blocks == 0 or traffic.random.random() < _ROLLBACKS
            if goes_back and dex.head.number > _DEEPEST:
                dex.chain.rollback(dex.head.number - traffic.random.randint(1, _DEEPEST))
                traffic.again()
            blocks += 1
            shared.recorded, shared.blocks = dex.chain.outbox.state().last, blocks
            assert server._thread.is_alive()
            while shared.recorded > shared.stored + most_behind or (
                shared.batches > 0 and shared.recorded > shared.wanted
            ):
                time.sleep(_PAUSE)


def serve(open_store: Callable[[], HistoryStore], port: int, shared: Shared) -> None:
    """A service that never ends."""
    consumer = Consumer(Watched(f"tcp://127.0.0.1:{port}", shared), open_store())

    def applied(_event_id: int) -> None:
        shared.batches += 1

    consumer.on_applied(applied)
    consumer.run()


class Watched(RemoteFeed):
    """Shows where the store is, as it says itself, whenever it is read for."""

    def __init__(self, address: str, shared: Shared) -> None:
        super().__init__(address)
        self._shared = shared

    def read(self, cursor: Cursor, limit: int = MOST, *, consumer: str = "") -> Updates:
        self._shared.stored = cursor.event_id
        return super().read(cursor, limit, consumer=consumer)
