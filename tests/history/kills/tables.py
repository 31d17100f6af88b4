"""What is in a history's database, by plain queries to it: the store's own code has no part."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from evm_dex.history.stores.cql_schema import CqlSettings
from tests.history.kills.facts import read_event
from tests.history.kills.model import NUMBERS, Key

_GONE = 0
_ID_BYTES = 8


class Look(NamedTuple):
    """One moment of a store that is being written."""

    cursor: int
    updates: list[tuple[int, bytes]]
    """Ids and payloads above the id asked for, ascending."""
    totals: dict[Key, list[int]] | None
    """None where they cannot be seen as of the cursor."""


class Tables(NamedTuple):
    """All of a store at rest."""

    totals: dict[Key, list[int]]
    orders: dict[int, int]
    """The last event of each."""
    active: set[tuple[bytes, int]]
    """Users and their open orders."""
    fills: dict[tuple[int, int], int]
    """By order and trade, the event."""


class Database(Protocol):
    """A store, looked at from outside."""

    def look(self, after: int) -> Look:
        """What is there now."""

    def all(self) -> Tables:
        """Everything, when nobody writes."""

    def updates(self) -> Iterator[tuple[int, bytes]]:
        """Ids and payloads of all updates there are, in any order, when nobody writes."""


class SqliteTables(Database):
    """Each time a connection of its own, so that what a kill left is recovered by the service."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def look(self, after: int) -> Look:
        if not self._path.exists():
            return Look(0, [], {})
        with self._reading() as ask:
            if not ask("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return Look(0, [], {})
            row = ask("SELECT value FROM meta WHERE key = 'cursor'").fetchone()
            cursor = int.from_bytes(row[0][:_ID_BYTES], "big") if row else 0
            newer = "SELECT event_id, payload FROM order_history WHERE event_id > ? ORDER BY 1"
            return Look(cursor, ask(newer, (after,)).fetchall(), self._totals(ask))

    def all(self) -> Tables:
        with self._reading() as ask:
            active = ask("SELECT address, order_id FROM active_orders JOIN users ON number = user")
            fills = ask("SELECT order_id, trade_id, event_id FROM fills")
            return Tables(
                self._totals(ask),
                dict(ask("SELECT order_id, event_id FROM orders")),
                set(active),
                {(order, trade): event for order, trade, event in fills},
            )

    def updates(self) -> Iterator[tuple[int, bytes]]:
        with self._reading() as ask:
            yield from ask("SELECT event_id, payload FROM order_history")

    @staticmethod
    def _totals(ask: Any) -> dict[Key, list[int]]:
        rows = ask(
            f"SELECT u.address, m.exchange, m.address, {', '.join(NUMBERS)}"
            " FROM order_statistics s JOIN users u ON u.number = s.user"
            " JOIN markets m ON m.number = s.market"
        )
        return {tuple(row[:3]): [int(number) for number in row[3:]] for row in rows}

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        """One moment for all questions; nothing is changed, nothing recovered or tidied up."""
        where = f"{self._path.as_uri()}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, isolation_level=None, timeout=30)) as opened:
            opened.execute("BEGIN")
            yield opened.execute


class CqlTables(Database):
    """Connects anew each time, as the server may have been killed meanwhile."""

    def __init__(self, settings: CqlSettings) -> None:
        self._settings = settings

    def look(self, after: int) -> Look:
        """The cursor alone, or nothing while the server is away or has no tables yet."""
        del after
        return Look(0, [], None)

    def all(self) -> Tables:
        with self._asking() as ask:
            columns = ("user", "exchange", "market", *NUMBERS)
            totals = ask(f"SELECT {', '.join(columns)} FROM order_statistics")
            active = ask("SELECT user, order_id FROM active_orders")
            fills = ask("SELECT order_id, trade_id, event_id, undone FROM fills")
            orders: dict[int, tuple[int, int]] = {}
            for order_id, event_id, payload in ask(
                "SELECT order_id, event_id, payload FROM order_changes"
            ):
                newest = (event_id, read_event(payload).status)
                orders[order_id] = max(orders.get(order_id, newest), newest)
            return Tables(
                {tuple(row[:3]): list(row[3:]) for row in totals},
                {order: event for order, (event, status) in orders.items() if status != _GONE},
                set(active),
                {(order, trade): event for order, trade, event, undone in fills if not undone},
            )

    def updates(self) -> Iterator[tuple[int, bytes]]:
        with self._asking() as ask:
            yield from ask("SELECT event_id, payload FROM order_updates_stream")

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        from cassandra.cluster import (  # noqa: PLC0415 - a driver that not everyone has
            EXEC_PROFILE_DEFAULT,
            Cluster,
            ExecutionProfile,
        )
        from cassandra.query import tuple_factory  # noqa: PLC0415 - as above

        profile = ExecutionProfile(row_factory=tuple_factory, request_timeout=60)
        cluster = Cluster(
            list(self._settings.hosts),
            port=self._settings.port,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        )
        try:
            yield cluster.connect(self._settings.keyspace).execute
        finally:
            cluster.shutdown()
