"""Copies updates from a feed into a store: from its cursor on, each once, in order."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from msgspec import Struct

from checkpoint.errors import StoreError
from evm_dex.history.feed import MOST, Feed, FeedRefused, FeedUnavailable
from evm_dex.history.stores.history_store import (
    START,
    Cursor,
    HistoryStore,
    MissedEvents,
    StoreBroken,
    StoreUnavailable,
)
from evm_dex.orderlog.order_update import UnknownUpdate, fingerprint

_logger = logging.getLogger(__name__)
BATCH = 2_000
"""Updates that are written in one step: enough to be fast, few enough to be seen soon."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_WAIT = 0.5
"""Seconds between looks while nobody tells of news."""
_WINDOW = 10.0
"""Seconds over which the rate is taken."""

State = Literal["starting", "running", "waiting for the feed", "waiting for the store", "failed"]


class ConsumerHealth(Struct, frozen=True):
    """The state of a consumer, for people and monitors."""

    state: State
    problem: str
    """The reason it waits or failed; empty while it runs."""
    last_event_id: int
    """Durably in the store."""
    lag: int
    """Updates that the feed has and the store has not, as of the last look at the feed."""
    rate: float
    """Updates per second, lately."""
    applied: int
    """Updates applied since the start."""
    last_event_time: int
    """Block time of the last update applied since the start, in seconds; 0 for none."""
    retries: int

    @property
    def is_healthy(self) -> bool:
        """Whether it does its work or has just begun to."""
        return self.state in ("starting", "running")


class Consumer:
    """One feed, one store. All methods but `health` and `stop` belong to one thread."""

    def __init__(self, feed: Feed, store: HistoryStore, name: str = "history") -> None:
        """Read `feed` into `store`; the feed keeps every update that `name` has not read."""
        self.feed, self.store, self.name = feed, store, name
        self._state: State = "starting"
        self._problem = ""
        self._cursor = START
        self._lag = self._applied = self._last_time = self._retries = 0
        self._recent: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._stopped = False
        self._on_applied: Callable[[int], object] | None = None

    def on_applied(self, listener: Callable[[int], object] | None) -> None:
        """Tell `listener` the cursor after each batch, in the consumer's thread."""
        self._on_applied = listener

    def step(self) -> int:
        """Copy one batch of each log; return the number of updates, 0 at the end of the feed.

        Raises FeedUnavailable, FeedRefused, StoreUnavailable, StoreBroken, UnknownUpdate.
        """
        try:
            return self._step() + self._copy_balances()
        except (StoreUnavailable, MissedEvents) as error:
            self._note("waiting for the store", error)
            self._look_ahead()
            raise
        except FeedUnavailable as error:
            self._note("waiting for the feed", error)
            raise
        except (FeedRefused, StoreBroken, UnknownUpdate) as error:
            self._note("failed", error)
            raise

    def _copy_balances(self) -> int:
        found = self.feed.read_balances(self.store.balance_cursor(), min(BATCH, MOST))
        try:
            updates = found.updates()
        except StoreError as error:
            raise UnknownUpdate(str(error)) from error
        if updates:
            self.store.apply_balances(updates, found.cursor)
        return len(updates)

    def _step(self) -> int:
        cursor = self._cursor = self.store.cursor()
        found = self.feed.read(cursor, min(BATCH, MOST), consumer=self.name)
        # Before it is applied: a store that hangs is seen to lag.
        self._lag = found.last - cursor.event_id
        updates = found.updates()
        count = self.store.apply(updates) if updates else 0
        if count:
            self._cursor = Cursor(updates[-1].event_id, fingerprint(updates[-1]))
            self._lag = found.last - self._cursor.event_id
        self._state, self._problem = "running", ""
        if count:
            self._count(count, updates[-1].timestamp)
        return count

    def _look_ahead(self) -> None:
        """Ask the feed how far it is, while the store is away; acknowledges nothing."""
        with suppress(FeedUnavailable, FeedRefused):
            self._lag = self.feed.read(self._cursor, 1).last - self._cursor.event_id

    def _note(self, state: State, error: Exception) -> None:
        self._state, self._problem = state, str(error)

    def catch_up(self) -> int:
        """Copy all there is; return the number of updates. Raises as `step` does."""
        total = 0
        while count := self.step():
            total += count
        return total

    def run(self) -> None:
        """Copy until stopped; wait for a feed or store that is away, up to 5 s each time.

        Raises what waiting cannot mend: FeedRefused, StoreBroken, UnknownUpdate.
        """
        pause = _FIRST_PAUSE
        while not self._stopped:
            try:
                if not self.step():
                    self.feed.wait(_WAIT)
                pause = _FIRST_PAUSE
            except (FeedUnavailable, StoreUnavailable) as error:
                self._retry(error, pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except MissedEvents as error:
                # The store moved on without us: the next step reads on from where it is.
                self._retry(error, 0)
            except (FeedRefused, StoreBroken, UnknownUpdate) as error:
                _logger.error("history stopped", extra={"problem": str(error)})
                raise

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped = True

    def health(self) -> ConsumerHealth:
        """Return the consumer's state; may be called from any thread."""
        now = time.monotonic()
        while len(self._recent) > 1 and now - self._recent[0][0] > _WINDOW:
            self._recent.popleft()
        since, before = self._recent[0]
        seconds = max(now - since, 0.001)
        return ConsumerHealth(
            state=self._state,
            problem=self._problem,
            last_event_id=self._cursor.event_id,
            lag=self._lag,
            rate=round((self._applied - before) / seconds, 1),
            applied=self._applied,
            last_event_time=self._last_time,
            retries=self._retries,
        )

    def _count(self, count: int, timestamp: int) -> None:
        self._applied += count
        self._last_time = timestamp
        self._recent.append((time.monotonic(), self._applied))
        _logger.debug("applied", extra={"count": count, "event_id": self._cursor.event_id})
        if self._on_applied is not None:
            self._on_applied(self._cursor.event_id)

    def _retry(self, error: Exception, pause: float) -> None:
        self._retries += 1
        _logger.warning(self._state, extra={"problem": str(error), "pause": pause})
        end = time.monotonic() + pause
        while not self._stopped and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))
