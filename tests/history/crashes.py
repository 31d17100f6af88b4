"""Kill the engine and the history service hard, at random moments, and recount what is left.

Run as a program of its own: `python -m tests.history.crashes DIRECTORY KILLS SEED`. It forks with
everything imported, and never opens a store or a socket itself. Prints one JSON line.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from checkpoint.families import Family
from evm_dex.history.consumer import Consumer
from evm_dex.history.reading import RemoteFeed, StoreFeed
from evm_dex.history.serving import FeedServer
from evm_dex.history.stores.sqlite import SqliteStore
from evm_dex.history.updates import Kind, encode
from evm_dex.history.verifying import verify
from tests.history.traffic import Traffic, chain

_LONGEST = 0.5
"""Seconds from one kill to the next."""


@dataclass
class Report:
    """What all kills came to."""

    kills: Counter[str] = field(default_factory=Counter)
    events: int = 0
    rolled_back: int = 0
    applied_by_service: int = 0
    """Events in the store when the last service was killed."""
    lost: int = 0
    doubled: int = 0
    differences: list[str] = field(default_factory=list)


def trade(path: Path, port: int, seed: int) -> None:
    """An engine that never ends: blocks, and now and then a way back."""
    with chain(path) as dex:
        server = FeedServer(dex.chain, dex.store, port)
        traffic = Traffic(dex, seed)
        while True:
            traffic.block()
            if traffic.random.random() < 0.05 and dex.head.number > 5:
                dex.chain.rollback(dex.head.number - traffic.random.randint(1, 4))
                traffic.again()
            assert server.is_serving


def serve(store: Path, port: int) -> None:
    """A service that never ends."""
    Consumer(RemoteFeed(f"tcp://127.0.0.1:{port}"), SqliteStore(store)).run()


def recount(path: Path, store_path: Path, out: Path, report: Report) -> None:
    """Catch up, then hold the store against outbox and rows, event by event."""
    store = SqliteStore(store_path)
    report.applied_by_service = store.cursor().event_id
    with chain(path) as dex:
        Consumer(StoreFeed(dex.store), store).catch_up()
        stored = {
            int.from_bytes(key, "big"): value for key, value in dex.store.iterate(Family.EVENTS)
        }
        report.events = dex.chain.outbox.state().last
        after = 0
        seen: Counter[int] = Counter()
        while page := store.stream(after, 1_000):
            after = page[-1].event_id
            for update in page:
                seen[update.event_id] += 1
                report.rolled_back += update.kind == Kind.ROLLED_BACK
                if stored.get(update.event_id, encode(update)) != encode(update):
                    report.differences.append(f"event {update.event_id} is another one")
        report.lost = sum(1 for event_id in range(1, report.events + 1) if not seen[event_id])
        report.doubled = sum(count - 1 for count in seen.values())
        report.differences += list(verify(dex.store, store))
        report.differences += dex.self_check()
    store.close()
    out.write_text(json.dumps(vars(report)))


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a child; its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def begin_engine(path: Path, port: int, seed: int) -> int:
    """The seed is drawn here, as a child has only a copy of the generator."""
    return forked(lambda: trade(path, port, seed))


def free_port() -> int:
    """The first of two ports in a row that nobody uses now."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def main(directory: Path, kills: int, seed: int) -> None:
    rng, port, report = Random(seed), free_port(), Report()
    path, store = directory / "chain", directory / "history.sqlite"
    begin: dict[str, Callable[[], int]] = {
        "engine": lambda: begin_engine(path, port, rng.randrange(2**32)),
        "service": lambda: forked(lambda: serve(store, port)),
    }
    alive = {name: start() for name, start in begin.items()}
    time.sleep(1.5)  # so that there is a chain to be killed
    for _ in range(kills):
        time.sleep(rng.random() * _LONGEST)
        for name in rng.choice((["engine"], ["service"], ["engine", "service"])):
            kill(alive[name], name)
            report.kills[name] += 1
            alive[name] = begin[name]()
    for name, child in alive.items():
        kill(child, name)
    child = forked(lambda: recount(path, store, directory / "report", report))
    _, status = os.waitpid(child, 0)
    assert status == 0, "the recount failed"
    print((directory / "report").read_text())


def kill(child: int, name: str) -> None:
    """Hard, and it must not have ended by itself."""
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed, f"the {name} stopped by itself: {status}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
