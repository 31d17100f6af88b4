"""The order history: what recording costs a block, how fast SQLite takes updates in, how large."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import evm_dex
from benchmarks.filling import USDC
from benchmarks.harness import Result
from evm_dex.client.dex import Dex
from evm_dex.history.consumer import Consumer
from evm_dex.history.feed import MOST, Feed, Updates
from evm_dex.history.stores.history_store import Cursor
from evm_dex.history.stores.sqlite import SqliteStore
from evm_dex.orderlog.order_update import OrderUpdate, encode
from tests.history.flow import Flow

_ORDERS = 100
_GAS = 300_000
_PEAK = 4_600
"""Updates per second at the peak of the service that this is measured against."""
_BYTES_THERE = 105
"""Bytes per update of that service's log."""
_KEY_BYTES = 8


def run(*, quick: bool) -> Iterator[Result]:
    """Overhead by processor time; everything else by wall time."""
    yield from _overhead(9 if quick else 31)
    events = Flow(5).make(20_000 if quick else 280_000)
    yield from _sizes(events)
    with tempfile.TemporaryDirectory() as directory:
        yield from _sqlite(events, Path(directory) / "sustained")
        yield from _peak(events, Path(directory) / "peak", 4 if quick else 60)


def _overhead(rounds: int) -> Iterator[Result]:
    """Measure the same blocks of orders, half of which trade, with and without a history."""
    with (
        tempfile.TemporaryDirectory() as directory,
        evm_dex.open(Path(directory) / "with", automine=False, history=True) as on,
        evm_dex.open(Path(directory) / "without", automine=False, history=False) as off,
    ):
        chains = {"with": on, "without": off}
        samples: dict[str, list[float]] = {name: [] for name in chains}
        for _ in range(rounds):
            for name, dex in chains.items():
                samples[name].append(_mine(dex))
        assert on.head.hash == off.head.hash, "history is no part of a block"
    # Of the fastest third, since what else the machine does makes the others slower, unevenly.
    fastest = {name: sorted(times)[: rounds // 3] for name, times in samples.items()}
    mined = {name: statistics.mean(times) for name, times in fastest.items()}
    yield Result("history", f"block of {_ORDERS} orders without", mined["without"], "ms")
    yield Result(
        "history",
        f"block of {_ORDERS} orders with",
        mined["with"],
        "ms",
        "without",
        mined["with"] / mined["without"],
        "≤ 1.10",
    )


def _mine(dex: Dex) -> float:
    """Milliseconds of one block: of each two orders, the second one takes the first."""
    weth = dex.tokens["WETH"]
    for number in range(_ORDERS):
        maker = number % 2 == 0
        account = dex.accounts[1 if maker else 2]
        dex.spot.submit("placeOrder", weth, 10**15, 2_000 * USDC, maker, sender=account, gas=_GAS)
    started = time.process_time_ns()
    (block,) = dex.mine()
    taken = (time.process_time_ns() - started) / 1_000_000
    assert len(block.transaction_hashes) == _ORDERS, block.dropped
    return taken


def _sizes(events: Sequence[OrderUpdate]) -> Iterator[Result]:
    stored = sum(len(encode(event)) + _KEY_BYTES for event in events) / len(events)
    yield _size("an event in the outbox", stored)


def _size(case: str, value: float) -> Result:
    there = "the service described"
    return Result("history", case, value, "bytes", there, value / _BYTES_THERE)


def _sqlite(events: Sequence[OrderUpdate], path: Path) -> Iterator[Result]:
    store, feed = SqliteStore(path), _Paced(events, rate=None)
    started, worked = time.perf_counter(), time.process_time()
    Consumer(feed, store).catch_up()
    seconds, work = time.perf_counter() - started, time.process_time() - worked
    store.close()
    yield Result(
        "history", "SQLite, sustained", len(events) / seconds, "events/s", target="≥ 20,000"
    )
    yield Result("history", "SQLite, of processor time", len(events) / work, "events/s")
    yield _size("an event in SQLite", path.stat().st_size / len(events))


def _peak(events: Sequence[OrderUpdate], path: Path, seconds: int) -> Iterator[Result]:
    """Measure a store that follows a peak as it comes."""
    offered = events[: min(len(events), _PEAK * seconds)]
    store, feed = SqliteStore(path), _Paced(offered, rate=_PEAK)
    consumer = Consumer(feed, store)
    thread = threading.Thread(target=consumer.run)
    thread.start()
    lags = []
    while not feed.is_over():
        time.sleep(0.05)
        lags.append(feed.offered() - consumer.health().last_event_id)
    ended = time.perf_counter()
    while consumer.health().last_event_id < len(offered):
        time.sleep(0.001)
    drained = (time.perf_counter() - ended) * 1_000
    consumer.stop()
    thread.join()
    store.close()
    what = f"{len(offered) / _PEAK:.0f} s at {_PEAK:,} events/s"
    yield Result("history", f"largest lag in {what}", max(lags), "events")
    yield Result("history", f"until all is in after {what}", drained, "ms")


class _Paced(Feed):
    """A ready-made outbox that gives out its updates at a rate, or at once."""

    def __init__(self, events: Sequence[OrderUpdate], rate: int | None) -> None:
        self._pairs = [(event.event_id, encode(event)) for event in events]
        self._rate, self._began = rate, time.perf_counter()

    def offered(self) -> int:
        """Return the number of updates by now."""
        if self._rate is None:
            return len(self._pairs)
        return min(len(self._pairs), int((time.perf_counter() - self._began) * self._rate))

    def is_over(self) -> bool:
        return self.offered() == len(self._pairs)

    def read(self, cursor: Cursor, limit: int = MOST, *, consumer: str = "") -> Updates:
        del consumer
        first, last = cursor.event_id, self.offered()
        return Updates(last, tuple(self._pairs[first : min(last, first + limit)]))

    def wait(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.01))

    def close(self) -> None:
        pass
