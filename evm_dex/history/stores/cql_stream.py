"""The log of all updates by event id, in partitions of an hour each.

An update is filed under the latest hour that block time has reached, so a rollback, after which
block time goes back, does not send the reader to and fro.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from evm_dex.history.stores.cql_session import CqlSession, Write
from evm_dex.orderlog.order_update import OrderUpdate, decode

_EVENTS_PER_PART = 100_000
_EPOCH = date(1970, 1, 1)
_LONGEST_HOUR = 7 * 86_400

_BEGUN_BEFORE = (
    "SELECT first_event_id, hour FROM stream_partitions WHERE log = 1 AND first_event_id <= ? "
    "ORDER BY first_event_id DESC LIMIT 1"
)
_BEGUN_AFTER = (
    "SELECT first_event_id, hour FROM stream_partitions WHERE log = 1 AND first_event_id > ?"
)
_BEGIN = "INSERT INTO stream_partitions (log, first_event_id, hour) VALUES (1, ?, ?) USING TTL ?"
_ADD = (
    "INSERT INTO order_updates_stream (date, hour, part, event_id, payload) "
    "VALUES (?, ?, ?, ?, ?) USING TTL ?"
)
_READ = (
    "SELECT event_id, payload FROM order_updates_stream WHERE date = ? AND hour = ? "
    "AND part = ? AND event_id > ? AND event_id <= ? LIMIT ?"
)


class Stream:
    """Writes and reads the log; the writer caches its hour until `forget`."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._hour: int | None = None

    def forget(self) -> None:
        self._hour = None

    def begin(self, updates: Sequence[OrderUpdate]) -> list[int]:
        """Return the hour that each update is filed under; store new partitions."""
        if self._hour is None:
            known = self._session.rows(_BEGUN_BEFORE, (updates[0].event_id - 1,))
            self._hour = next((row.hour for row in known), -1)
        life = self._session.settings.seconds_to_live
        begun, hours = Write(), []
        for update in updates:
            hour = max(self._hour, update.timestamp // 3_600)
            if hour > self._hour or update.event_id % _EVENTS_PER_PART == 0:
                begun.add(_BEGIN, (update.event_id, hour, life and life + _LONGEST_HOUR))
            self._hour = hour
            hours.append(hour)
        if begun.rows:
            self._session.write([begun])
        return hours

    def writes(
        self, updates: Sequence[OrderUpdate], payloads: Sequence[bytes], hours: Sequence[int]
    ) -> Iterator[Write]:
        """Return the rows of updates, by partition."""
        life = self._session.settings.seconds_to_live
        partitions: dict[tuple[int, int], Write] = {}
        for update, payload, hour in zip(updates, payloads, hours, strict=True):
            part = update.event_id // _EVENTS_PER_PART
            values = (*_date_and_hour(hour), part, update.event_id, payload, life)
            write = partitions.setdefault((hour, part), Write())
            write.add(_ADD, values, len(payload))
        yield from partitions.values()

    def read(self, after: int, up_to: int, limit: int) -> list[OrderUpdate]:
        """Read at most `limit` updates above `after`, ascending, none above `up_to`."""
        updates: list[OrderUpdate] = []
        for first, hour in self._partitions(after + 1, up_to):
            part = first // _EVENTS_PER_PART
            asked = (*_date_and_hour(hour), part, after, up_to, limit - len(updates))
            rows = self._session.rows(_READ, asked)
            updates += (decode(row.event_id, row.payload) for row in rows)
            if len(updates) >= limit:
                break
        return updates

    def first_since(self, timestamp: int, up_to: int) -> int | None:
        """Return the first update with a block time from `timestamp` on; None up to `up_to`."""
        wanted = timestamp // 3_600
        for first, hour in self._partitions(1, up_to):
            if hour < wanted:  # the latest hour so far: all of its updates are earlier
                continue
            part = first // _EVENTS_PER_PART
            asked = (*_date_and_hour(hour), part, 0, up_to, _EVENTS_PER_PART)
            for row in self._session.rows(_READ, asked):
                if decode(row.event_id, row.payload).timestamp >= timestamp:
                    return int(row.event_id)
        return None

    def _partitions(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Return the partitions of updates `first` to `last`: first update and hour, ascending."""
        before = (
            (row.first_event_id, row.hour) for row in self._session.rows(_BEGUN_BEFORE, (first,))
        )
        yield from before
        for row in self._session.rows(_BEGUN_AFTER, (first,)):
            if row.first_event_id > last:
                return
            yield row.first_event_id, row.hour


def _date_and_hour(hour: int) -> tuple[date, int]:
    return _EPOCH + timedelta(days=hour // 24), hour % 24
