"""What is killed: an engine that trades, and a service that follows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from evm_dex.chain.consumers import set_cursor
from evm_dex.history.consumer import Consumer
from evm_dex.history.reading import RemoteFeed
from evm_dex.history.serving import FeedServer
from evm_dex.history.stores.interface import HistoryStore
from tests.history.kills.bulk import BulkTraffic, chain
from tests.history.kills.shared import Shared

RECOUNT = "recount"
"""The consumer's name that keeps what was not recounted from being pruned."""
_ROLLBACKS = 0.1
"""Part of the blocks after which some are taken back."""
_DEEPEST = 4
_PAUSE = 0.005


def trade(path: Path, port: int, seed: int, shared: Shared, most_behind: int) -> None:
    """An engine that never ends: large blocks, and now and then a way back.

    It rests while there are more events than wanted, or than `most_behind` ahead of the store.
    """
    with chain(path) as dex:
        set_cursor(dex.store, RECOUNT, shared.counted)
        server = FeedServer(dex.chain, dex.store, port)
        traffic = BulkTraffic(dex, seed)
        blocks = 0
        while True:
            traffic.block()
            if traffic.random.random() < _ROLLBACKS and dex.head.number > _DEEPEST:
                dex.chain.rollback(dex.head.number - traffic.random.randint(1, _DEEPEST))
                traffic.again()
            blocks += 1
            shared.recorded, shared.blocks = dex.chain.outbox.state().last, blocks
            assert server.is_serving
            while shared.recorded > min(shared.wanted, shared.stored + most_behind):
                time.sleep(_PAUSE)


def serve(open_store: Callable[[], HistoryStore], port: int, shared: Shared) -> None:
    """A service that never ends."""
    consumer = Consumer(RemoteFeed(f"tcp://127.0.0.1:{port}"), open_store())

    def applied(event_id: int) -> None:
        shared.stored = event_id
        shared.batches += 1

    consumer.applied = applied
    consumer.run()
