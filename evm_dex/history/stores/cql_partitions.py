"""Partitions of time series, bounded to a size that servers read well.

Rows of a user, and of a market, are in a partition per month. Where it fills up, the rows of
later block times go to a further part of it, named by the time it begins at. So parts are
disjoint in time, newest first is month by month and part by part, and a row goes to the same part
when it is written again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from msgspec import Struct

from evm_dex.history.stores.cql_session import CqlSession, Write
from evm_dex.orderlog.order_update import Exchange
from precompiles.types import Address

ROWS_PER_PARTITION = 100_000
"""Rows of a full part; more only where one second of block time has more."""
_LONGEST_MONTH = 32 * 86_400
_MOST_REMEMBERED = 100_000

_PARTS = "SELECT part FROM partitions WHERE owner = ? AND month = ?"
_ADD_PART = "INSERT INTO partitions (owner, month, part) VALUES (?, ?, ?) USING TTL ?"
_FILLED = "SELECT max(block_time) AS newest, count(*) AS amount FROM"
_USER_ROWS = f"{_FILLED} order_history WHERE user = ? AND month = ? AND part = ?"
_MARKET_ROWS = (
    f"{_FILLED} market_history WHERE exchange = ? AND market = ? AND month = ? AND part = ?"
)
_ADDRESS_BYTES = 20

Month = tuple[bytes, int]
"""An owner, and year * 100 + month of its rows."""


def month_of(timestamp: int) -> int:
    """Return year * 100 + month, in UTC, of a block time in seconds."""
    return _month_of_day(timestamp // 86_400)


def market_key(exchange: Exchange, market: Address) -> bytes:
    """Return the owner key of a market's rows; a user's key is the address."""
    return bytes((exchange,)) + market


class _Parts(Struct):
    """The parts of one month, and how full the last of them is."""

    starts: list[int]
    amount: int = 0
    newest: int = -1

    def add(self, timestamp: int, limit: int) -> bool:
        """Count one more row; return whether it begins a new part."""
        begins = not self.starts or (self.amount >= limit and timestamp > self.newest)
        if begins:
            self.starts.append(self.newest + 1)
            self.amount = 0
        if timestamp >= self.starts[-1]:
            self.amount += 1
            self.newest = max(self.newest, timestamp)
        return begins


class Partitions:
    """The writer's cache of partitions; a new part is stored before its rows."""

    def __init__(self, session: CqlSession, rows_per_partition: int = ROWS_PER_PARTITION) -> None:
        self._session = session
        self._limit = rows_per_partition
        self._known: dict[Month, _Parts] = {}

    def prepare(self, rows: Iterable[tuple[bytes, int, int]]) -> None:
        """Begin the parts that rows need, given the owner, month and block time of each."""
        rows = list(rows)
        self._load({(owner, month) for owner, month, _ in rows})
        begun: dict[bytes, Write] = {}
        life = self._session.settings.seconds_to_live
        for owner, month, timestamp in rows:
            parts = self._known[owner, month]
            if parts.add(timestamp, self._limit):
                values = (owner, month, parts.starts[-1], life and life + _LONGEST_MONTH)
                begun.setdefault(owner, Write()).add(_ADD_PART, values)
        self._session.write(begun.values())

    def part(self, owner: bytes, month: int, timestamp: int) -> int:
        """Return the part of a row that was prepared or stored earlier."""
        self._load({(owner, month)})
        starts = self._known[owner, month].starts
        return starts[bisect_right(starts, timestamp) - 1]

    def forget(self) -> None:
        """Drop the cache, when another writer may have written."""
        self._known.clear()

    def _load(self, months: set[Month]) -> None:
        if len(self._known) > _MOST_REMEMBERED:
            self.forget()
        missing = sorted(months - self._known.keys())
        if not missing:
            return
        found = self._session.many(_PARTS, missing)
        for month, rows in zip(missing, found, strict=True):
            self._known[month] = _Parts(sorted(row.part for row in rows))
        begun = [month for month in missing if self._known[month].starts]
        self._count(_USER_ROWS, [month for month in begun if len(month[0]) == _ADDRESS_BYTES])
        self._count(_MARKET_ROWS, [month for month in begun if len(month[0]) > _ADDRESS_BYTES])

    def _count(self, statement: str, months: list[Month]) -> None:
        """Count the rows in the last part of each month."""
        asked = [(*_columns(month), self._known[month].starts[-1]) for month in months]
        answers = self._session.many(statement, asked)
        for month, (row,) in zip(months, answers, strict=True):
            parts = self._known[month]
            parts.amount = row.amount
            parts.newest = max(parts.starts[-1] - 1, row.newest or 0)


def _columns(month: Month) -> tuple[object, ...]:
    owner, number = month
    return (owner, number) if len(owner) == _ADDRESS_BYTES else (owner[0], owner[1:], number)


@lru_cache(maxsize=1_000)
def _month_of_day(day: int) -> int:
    date = datetime.fromtimestamp(day * 86_400, UTC)
    return date.year * 100 + date.month
