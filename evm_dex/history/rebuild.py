"""Fills a store anew from the first update on: from an outbox, another store's stream, or both."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

from evm_dex.history.consumer import Consumer
from evm_dex.history.feed import EventsPruned, Feed
from evm_dex.history.stores.history_store import MAX_PAGE, PAGE, START, HistoryStore
from evm_dex.orderlog.order_update import OrderUpdate, UnknownUpdate, from_json

Progress = Callable[[int], object]
"""Called with the id of the last update taken in."""


class UpdateStream(Protocol):
    """Updates in order: another store's, or those of a file."""

    @abstractmethod
    def stream(self, after: int, limit: int) -> list[OrderUpdate]:
        """Return updates with an id above `after`, ascending; none at the end."""

    @abstractmethod
    def close(self) -> None:
        """Release what it holds."""


def rebuild(
    target: HistoryStore,
    feed: Feed | None,
    older: UpdateStream | None = None,
    progress: Progress = lambda _event_id: None,
) -> int:
    """Empty `target` and fill it; return the id of its last update.

    Balances come from the feed alone: what older ones the chain has removed stands in its last.

    Updates come from the feed. Those it has pruned come first, from the stream of `older`, which
    must be another place than `target`; without a feed all of them do. Nothing is emptied before
    there is something to begin with. Raises EventsPruned, HistoryDiffers, FeedUnavailable,
    ValueError where there is nothing to read from.
    """
    if feed is None and older is None:
        raise ValueError("give a feed, a store to read the stream of, or both")
    needs_older = feed is None or _is_pruned(feed)
    if needs_older and older is None:
        raise EventsPruned(
            "the outbox no longer has update 1: give a store that has the updates before it"
        )
    target.clear()
    if needs_older and older is not None:
        _copy(target, feed, older, progress)
    if feed is not None:
        consumer = Consumer(feed, target, name="")
        consumer.on_applied(progress)
        consumer.catch_up()
    return target.cursor().event_id


def _is_pruned(feed: Feed) -> bool:
    try:
        feed.read(START, 1)
    except EventsPruned:
        return True
    return False


def _copy(target: HistoryStore, feed: Feed | None, older: UpdateStream, progress: Progress) -> None:
    """Copy the stream of `older` up to where the feed begins."""
    while updates := older.stream(target.cursor().event_id, MAX_PAGE):
        target.apply(updates)
        progress(updates[-1].event_id)
        if feed is None:
            continue
        try:
            feed.read(target.cursor(), 1)
        except EventsPruned:
            continue
        return


class UpdateFile:
    """A file with an update per line, by ascending event id; read once, from start to end."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError."""
        self._path = path
        self._file = path.open(encoding="utf-8")
        self._updates = self._read()

    def stream(self, after: int, limit: int = PAGE) -> list[OrderUpdate]:
        """Return the next updates above `after`; ids that were passed are not found again.

        Raises UnknownUpdate, naming the line.
        """
        return list(islice((u for u in self._updates if u.event_id > after), limit))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> Iterator[OrderUpdate]:
        number = 0
        try:
            for number, line in enumerate(self._file, 1):  # noqa: B007 - named in the error
                if line.strip():
                    yield from_json(json.loads(line))
        except ValueError as error:  # UnknownUpdate, and what is no JSON or no UTF-8
            raise UnknownUpdate(f"{self._path}, line {number or 1}: {error}") from error
