"""The rounds of a run: wait, kill, recount, start again."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from evm_dex.history.consumer import Consumer
from evm_dex.history.feed_client import StoreFeed
from evm_dex.history.stores.history_store import HistoryStore
from evm_dex.history.verify_history import verify
from tests.history.kills.bulk import chain, warm_up
from tests.history.kills.places import Place
from tests.history.kills.processes import Asked, ended, finished, forked, kill
from tests.history.kills.recount import Recount
from tests.history.kills.shared import Shared
from tests.history.kills.victims import serve, trade
from tests.ports import free_ports

_EARLY = 0.1
"""Part of the kills that do not wait for processes to be up and at work."""
_MOMENT, _COMING_UP = 0.08, 1.5
"""Seconds, at most, until a kill: from the events waited for on, or from the start."""
_PATIENCE = 300
"""Seconds for events to come."""
_MORE = 6
"""Times the events of a round, by which the engine may run ahead."""
_LOOK = 0.002
_TELL = 10
"""Seconds between two lines of progress."""


class Run:
    """Processes that are killed and started again, and one that recounts."""

    def __init__(self, directory: Path, place: Place, rounds: int, events: int, seed: int) -> None:
        self._chain, self._place = directory / "chain", place
        self._rounds, self._events, self._seed = rounds, events, seed
        self._random, self._shared, self._port = Random(seed), Shared(), free_ports(2)
        self._kills: Counter[str] = Counter()
        warm_up()
        self._began = self._told = time.monotonic()
        self._recount = Asked(self._make_recount)
        self._alive: dict[str, int] = {}

    def run(self) -> dict[str, Any]:
        """All rounds; what they came to."""
        self._shared.wanted = self._events
        for name in ("engine", "service"):
            self._start(name)
        self._until(lambda: self._shared.stored > 0, "the first events")
        for number in range(1, self._rounds + 1):
            self._tell(number, self._round(self._events * number // self._rounds))
        self._shared.wanted = self._events
        self._until(lambda: self._shared.recorded >= self._events, "the last events")
        for name in self._alive:
            kill(self._alive[name], name)
        left = self._shared.recorded - self._shared.stored
        finished(forked(lambda: settle(self._chain, self._place.open_store)))
        found: dict[str, Any] = self._recount.ask("finish")
        self._recount.end()
        seconds = round(time.monotonic() - self._began)
        ran = {"seed": self._seed, "left_to_catch_up": left, "seconds": seconds}
        return found | {"kills": self._kills} | ran

    def _make_recount(self) -> Callable[[str], Any]:
        recount = Recount(self._chain, self._place.database)

        def answer(what: str) -> Any:
            getattr(recount, what)()
            self._shared.counted = recount.counted
            return recount.report()

        return answer

    def _round(self, goal: int) -> dict[str, Any]:
        """Kill something once there are about so many events, and look at what is left."""
        names = self._random.choice(self._place.victims)
        is_early = self._random.random() < _EARLY
        spread = self._events // self._rounds
        goal += self._random.randint(-spread, spread)
        self._shared.wanted = goal + _MORE * spread
        if not is_early:
            self._until(lambda: self._is_at_work(goal), f"event {goal}")
        time.sleep(self._random.random() * (_COMING_UP if is_early else _MOMENT))
        for name in names:
            self._kill(name)
        found: dict[str, Any] = self._recount.ask("look")
        wrong = found["lost"] or found["doubled"] or found["differences"]
        assert not wrong, f"after the {names} were killed: {found}"
        for name in names:
            self._start(name)
        return found

    def _is_at_work(self, goal: int) -> bool:
        """Both have done something since they were started, and there are so many events."""
        shared = self._shared
        return shared.recorded >= goal and shared.blocks > 0 and shared.batches > 0

    def _start(self, name: str) -> None:
        shared, place = self._shared, self._place
        shared.batches = 0  # whatever was killed, the next kill finds the service at work again
        if name == "server":
            place.start_server()
        elif name == "engine":
            shared.blocks, seed = 0, self._random.randrange(2**32)
            work = (self._chain, self._port, seed, shared, place.most_behind)
            self._alive[name] = forked(lambda: trade(*work))
        else:
            self._alive[name] = forked(lambda: serve(place.open_store, self._port, shared))

    def _kill(self, name: str) -> None:
        if name == "server":
            self._place.kill_server()
        else:
            kill(self._alive[name], name)
        self._kills[name] += 1

    def _until(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not is_so():
            for name, child in self._alive.items():
                assert not ended(child), f"the {name} stopped by itself"
            assert time.monotonic() < deadline, f"waited for {what} in vain"
            time.sleep(_LOOK)

    def _tell(self, rounds: int, found: dict[str, Any]) -> None:
        """One line now and then: how far it is."""
        now = time.monotonic()
        if now - self._told < _TELL and rounds < self._rounds:
            return
        self._told = now
        kills = ", ".join(f"{name} {count:,}" for name, count in sorted(self._kills.items()))
        rate = found["events"] / (now - self._began)
        line = f"round {rounds:,} of {self._rounds:,}; killed: {kills}; {found['events']:,} events"
        print(f"{line}, {rate:,.0f} a second", file=sys.stderr, flush=True)


def settle(path: Path, open_store: Callable[[], HistoryStore]) -> None:
    """Let the store catch up; the project's own checks must be content then."""
    with closing(open_store()) as store, chain(path) as dex:
        Consumer(StoreFeed(dex.store), store).catch_up()
        assert not list(verify(dex.store, store))
        assert not dex.self_check()
