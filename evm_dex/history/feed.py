"""Read the outbox from a cursor on: from a store, or from the process that holds it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from msgspec import Struct

from checkpoint.families import Family
from checkpoint.store import StoreReader
from evm_dex.history.stores.history_store import Cursor
from evm_dex.orderlog import balance_log
from evm_dex.orderlog.balance_update import BalanceUpdate, decode_balance, encode_balance
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


class BalanceUpdates(Struct, frozen=True):
    """Updates of balances that a feed returns."""

    last: int
    """The last update there is; that of the answer may be lower."""
    cursor: Cursor
    """Cursor after which to ask for the next ones."""
    payloads: tuple[tuple[int, bytes], ...]
    """Ids and payloads; several of one id where each stands for updates that were pruned."""

    def updates(self) -> list[BalanceUpdate]:
        """Decode the updates. Raises WrongFormat, StoreDamaged."""
        return [decode_balance(event_id, payload) for event_id, payload in self.payloads]


class Feed(Protocol):
    """A source of updates."""

    @abstractmethod
    def read(self, cursor: Cursor, limit: int = MOST, *, consumer: str = "") -> Updates:
        """Return at most `limit` updates after a cursor; none at the end.

        Reading as a `consumer` says that all up to the cursor is durable there, and keeps the
        rest from being pruned. Raises FeedUnavailable, HistoryDiffers, EventsPruned.
        """

    def read_balances(self, cursor: Cursor, limit: int = MOST) -> BalanceUpdates:  # noqa: ARG002 - it has none
        """Return at most `limit` updates of balances after a cursor; none where there is no log.

        Where those after it were pruned: every balance as it is. Raises FeedUnavailable,
        HistoryDiffers.
        """
        return BalanceUpdates(cursor.event_id, cursor, ())

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


def read_balance_log(store: StoreReader, cursor: Cursor, limit: int = MOST) -> BalanceUpdates:
    """Read a store's log of balances, see `Feed.read_balances`. Raises HistoryDiffers."""
    state, after = balance_log.read_state(store), cursor.event_id
    if after > state.last:
        raise _differs(f"the store has balance update {after}, the chain's last is {state.last}")
    stored = balance_log.read_payload(store, after) if after else None
    if stored is not None and cursor.fingerprint not in (b"", fingerprint_of(stored)):
        raise _differs(f"balance update {after} of the chain is not the one that the store has")
    found: list[tuple[int, bytes]] = []
    for event_id in range(after + 1, min(state.last, after + min(limit, MOST)) + 1):
        payload = balance_log.read_payload(store, event_id)
        if payload is None:
            return _present_balances(store)
        found.append((event_id, payload))
    if found:
        cursor = Cursor(found[-1][0], fingerprint_of(found[-1][1]))
    return BalanceUpdates(state.last, cursor, tuple(found))


def _present_balances(store: StoreReader) -> BalanceUpdates:
    state = balance_log.read_state(store)
    updates = balance_log.present_balances(store, state)
    payloads = tuple((it.event_id, encode_balance(it)) for it in updates)
    last = balance_log.read_payload(store, state.last)
    known = b"" if last is None else fingerprint_of(last)
    return BalanceUpdates(state.last, Cursor(state.last, known), payloads)


def _differs(what: str) -> HistoryDiffers:
    return HistoryDiffers(
        f"{what}: the chain was restored or replaced; run `evm-dex history rebuild`"
    )
