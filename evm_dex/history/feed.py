"""Read the outbox from a cursor on: from a store, or from the process that holds it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from msgspec import Struct

from checkpoint.families import Family
from checkpoint.store import StoreReader
from evm_dex.history.stores.history_store import Cursor
from evm_dex.orderlog.cursors import STATE_KEY, event_key
from evm_dex.orderlog.order_update import OrderUpdate, decode, fingerprint_of
from evm_dex.orderlog.outbox import read_state

MOST = 4_000
"""Updates in one answer."""


class FeedUnavailable(Exception):  # noqa: N818 - says how the feed is
    """The feed does not answer for now; trying again later may help."""


class FeedRefused(Exception):  # noqa: N818 - says what happened
    """The feed cannot go on from a cursor; the message says what to do."""


class HistoryDiffers(FeedRefused):
    """The update at the cursor is another one: the chain was restored to an earlier block."""


class EventsPruned(FeedRefused):
    """Updates after the cursor are gone from the outbox."""


class Updates(Struct, frozen=True):
    """Updates that a feed returns."""

    last: int
    """The last update there is; that of the answer may be lower."""
    payloads: tuple[tuple[int, bytes], ...]
    """Ids and payloads after the cursor, ascending, without a gap."""

    def updates(self) -> list[OrderUpdate]:
        """Decode the updates. Raises UnknownUpdate."""
        return [decode(event_id, payload) for event_id, payload in self.payloads]


class Feed(Protocol):
    """A source of updates."""

    @abstractmethod
    def read(self, cursor: Cursor, limit: int = MOST, *, consumer: str = "") -> Updates:
        """Return at most `limit` updates after a cursor; none at the end.

        Reading as a `consumer` says that all up to the cursor is durable there, and keeps the
        rest from being pruned. Raises FeedUnavailable, HistoryDiffers, EventsPruned.
        """

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Return when there may be something new, or after some time."""

    @abstractmethod
    def close(self) -> None:
        """Release what it holds."""


def read_outbox(store: StoreReader, cursor: Cursor, limit: int = MOST) -> Updates:
    """Read updates of a store's outbox. Raises HistoryDiffers, EventsPruned.

    A cursor without a fingerprint is taken at its word.
    """
    state = read_state(store.get(Family.OUTBOX, STATE_KEY))
    after = cursor.event_id
    if after > state.last:
        raise _differs(f"the store has update {after}, the chain's last one is {state.last}")
    if after + 1 < state.first:
        raise EventsPruned(
            f"updates {after + 1} to {state.first - 1} were removed from the outbox: rebuild from "
            "a store that has them, or begin with an empty one from a checkpoint"
        )
    # One by one, so that a chain in memory may be written meanwhile by another thread.
    stored = store.get(Family.EVENTS, event_key(after)) if after else None
    known = cursor.fingerprint
    if stored is not None and known and fingerprint_of(stored) != known:
        raise _differs(f"update {after} of the chain is not the one that the store has")
    payloads: list[tuple[int, bytes]] = []
    for event_id in range(after + 1, min(state.last, after + min(limit, MOST)) + 1):
        payload = store.get(Family.EVENTS, event_key(event_id))
        if payload is None:
            raise EventsPruned(f"update {event_id} was removed while it was read: read again")
        payloads.append((event_id, payload))
    return Updates(state.last, tuple(payloads))


def _differs(what: str) -> HistoryDiffers:
    return HistoryDiffers(
        f"{what}: the chain was restored or replaced; run `evm-dex history rebuild`"
    )
