"""The order history in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from checkpoint.errors import StoreDamaged, WrongFormat
from evm_dex.history.stores import sqlite_balances
from evm_dex.history.stores.history_store import (
    PAGE,
    START,
    Cursor,
    HistoryStore,
    Query,
    Statistics,
    StoreBroken,
    StoreUnavailable,
    check_address,
    check_limit,
    new_updates,
)
from evm_dex.history.stores.sqlite_check import damage
from evm_dex.history.stores.sqlite_writer import (
    EMPTIED,
    FORMAT,
    SCHEMA,
    Ids,
    SqliteWriter,
    client_key,
    totals_of,
)
from evm_dex.orderlog.balance_update import BalanceUpdate
from evm_dex.orderlog.order_update import (
    ZERO,
    Exchange,
    OrderUpdate,
    UnknownUpdate,
    decode,
    fingerprint_of,
)
from precompiles.types import Address

IN_MEMORY = ":memory:"
"""The path of a store that ends with its process."""
_CURSOR, _BALANCE_CURSOR = "cursor", "balance cursor"
_PATIENCE = 5.0
"""Seconds to wait for another process's transaction."""
_PASSING = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR),
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL),
}
"""Errors that say nothing of the file's content."""
_SENSELESS = (ValueError, TypeError, OverflowError, StoreDamaged, WrongFormat)
"""Errors that reading a damaged row raises."""
_UPDATE = "SELECT h.event_id, h.payload FROM order_history h"


_SINCE = "SELECT event_id FROM order_history WHERE timestamp >= ? ORDER BY event_id LIMIT 1"
"""Ordered by ids, since only a rollback takes block time back: no index would be shorter."""


class SqliteStore(HistoryStore):
    """Tables in a file, in WAL mode: readers never wait for the writer."""

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        """Open the file, or create it. Raises StoreUnavailable, StoreBroken."""
        self.path = Path(path)
        if read_only and str(path) != IN_MEMORY and not self.path.exists():
            raise StoreUnavailable(
                f"there is no history at {path}; `evm-dex history serve --store sqlite:{path}` "
                "creates one"
            )
        try:
            self._connect("mode=ro" if read_only else "mode=rwc", read_only=read_only)
        except StoreUnavailable:
            if not (read_only and self._is_still()):
                raise
            self._connect("mode=ro&immutable=1", read_only=True)
        self._ids = Ids(self._database)
        self._writer = SqliteWriter(self._database, self._ids)

    def cursor(self) -> Cursor:
        with self._translate_errors():
            return self._cursor()

    def apply(self, updates: Sequence[OrderUpdate]) -> int:
        with self._writing():
            fresh = new_updates(self._cursor(), updates)
            if fresh:
                payload = self._writer.write(fresh)
                fingerprint = fingerprint_of(payload)
                self._set_cursor(Cursor(fresh[-1].event_id, fingerprint))
        return len(fresh)

    def stream(self, after: int, limit: int = PAGE) -> list[OrderUpdate]:
        check_limit(limit)
        return self._updates(
            f"{_UPDATE} WHERE event_id > ? ORDER BY event_id LIMIT ?", (after, limit)
        )

    def first_event_since(self, timestamp: int) -> int:
        with self._translate_errors():
            found = self._database.execute(_SINCE, (timestamp,)).fetchone()
            return int(found[0]) if found else self._cursor().event_id + 1

    def open_orders(
        self, user: Address, *, exchange: Exchange | None = None, market: Address | None = None
    ) -> list[OrderUpdate]:
        check_address(user)
        where, values = _of_market(exchange, market)
        return self._updates(
            f"{_UPDATE} JOIN active_orders a USING (event_id)"  # noqa: S608 - texts of ours
            " WHERE a.user = (SELECT number FROM users WHERE address = ?)"
            f"{where.replace('market', 'a.market', 1)} ORDER BY a.order_id",
            (user, *values),
        )

    def order(self, order_id: int) -> OrderUpdate | None:
        found = self._updates(
            f"{_UPDATE} JOIN orders o USING (event_id) WHERE o.order_id = ?", (order_id,)
        )
        return found[0] if found else None

    def changes(self, order_id: int) -> list[OrderUpdate]:
        return self._updates(f"{_UPDATE} WHERE order_id = ? ORDER BY event_id", (order_id,))

    def order_fills(self, order_id: int) -> list[OrderUpdate]:
        return self._updates(
            f"{_UPDATE} JOIN fills f USING (event_id) WHERE f.order_id = ? ORDER BY f.trade_id",
            (order_id,),
        )

    def by_client_id(self, user: Address, client_order_id: int) -> list[OrderUpdate]:
        check_address(user)
        return self._updates(
            f"{_UPDATE} JOIN orders o USING (event_id)"  # noqa: S608 - texts of ours
            " WHERE o.user = (SELECT number FROM users WHERE address = ?)"
            " AND o.client_order_id = ? ORDER BY o.order_id",
            (user, client_key(client_order_id)),
        )

    def history(self, query: Query) -> list[OrderUpdate]:
        return self._answer(query, "order_history")

    def fills(self, query: Query) -> list[OrderUpdate]:
        assert query.status is None, "a fill is no status"
        return self._answer(query, "fills")

    def statistics(self, user: Address) -> list[Statistics]:
        check_address(user)
        with self._translate_errors():
            rows = self._database.execute(
                "SELECT s.*, m.exchange, m.address FROM order_statistics s"
                " JOIN markets m ON m.number = s.market"
                " WHERE s.user = (SELECT number FROM users WHERE address = ?)"
                " ORDER BY m.exchange, m.address",
                (user,),
            ).fetchall()
            return [
                Statistics(user, Exchange(row[12]), Address(row[13]), totals_of(row), row[11])
                for row in rows
                if totals_of(row) != ZERO
            ]

    def balance_cursor(self) -> Cursor:
        with self._translate_errors():
            return self._cursor(_BALANCE_CURSOR)

    def apply_balances(self, updates: Sequence[BalanceUpdate], cursor: Cursor) -> None:
        with self._writing():
            sqlite_balances.write_balances(self._database, self._ids, updates)
            self._set_cursor(cursor, _BALANCE_CURSOR)

    def balances(self, user: Address) -> list[BalanceUpdate]:
        check_address(user)
        with self._translate_errors():
            return sqlite_balances.balances_of(self._database, user) if self._has_balances else []

    def balance_changes(
        self,
        user: Address,
        exchange: Exchange,
        token: Address,
        *,
        before: int | None = None,
        limit: int = PAGE,
    ) -> list[BalanceUpdate]:
        check_address(user)
        check_address(token)
        check_limit(limit)
        if not self._has_balances:
            return []
        asked = (user, exchange, token, before, limit)
        with self._translate_errors():
            return sqlite_balances.changes_of(self._database, *asked)

    def clear(self) -> None:
        with self._writing():
            for table in (*EMPTIED, *sqlite_balances.TABLES):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
            self._database.execute("DELETE FROM meta")
            self._ids.forget()

    def damage(self) -> Iterator[str]:
        with self._translate_errors():
            yield from damage(self._database)
            if self._has_balances:
                yield from sqlite_balances.balance_damage(self._database)

    def close(self) -> None:
        self._database.close()

    def _connect(self, options: str, *, read_only: bool) -> None:
        where = f"{self.path.absolute().as_uri()}?{options}"
        if str(self.path) == IN_MEMORY:
            where = "file::memory:"
        with self._translate_errors():
            self._database = sqlite3.connect(
                where, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
        try:
            with self._translate_errors():
                self._open(read_only)
        except BaseException:
            self._database.close()
            raise

    def _is_still(self) -> bool:
        """Whether nobody can be writing: its place can't be written to, and there is no log.

        SQLite makes a file beside the database even to read one in WAL mode, unless it is told so.
        """
        if os.access(self.path.absolute().parent, os.W_OK):
            return False
        log = self.path.with_name(f"{self.path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise StoreUnavailable(
                f"{self.path}: its writer did not come to an end, and its directory can't be "
                "written to: copy both files to one that can"
            )
        return True

    def _open(self, read_only: bool) -> None:
        execute = self._database.execute
        if not read_only:
            execute("PRAGMA journal_mode = WAL")
            # A commit is on the disk: the chain prunes what a cursor says is taken in.
            execute("PRAGMA synchronous = FULL")
            execute("PRAGMA cache_size = -65536")
            execute("PRAGMA wal_autocheckpoint = 8000")
            if not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                self._database.executescript(
                    f"BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;"
                )
        found = execute("PRAGMA user_version").fetchone()[0]
        if found != FORMAT:
            raise StoreBroken(
                f"{self.path} has format {found}, this program reads "
                f"format {FORMAT}: give another file, and rebuild it from the chain"
            )
        if not read_only:
            self._database.executescript(f"BEGIN; {sqlite_balances.SCHEMA} COMMIT;")
        named = execute("SELECT count(*) FROM sqlite_master WHERE name = 'balances'")
        self._has_balances = bool(named.fetchone()[0])

    def _set_cursor(self, cursor: Cursor, key: str = _CURSOR) -> None:
        stored = cursor.event_id.to_bytes(8, "big") + cursor.fingerprint
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, stored))

    def _cursor(self, key: str = _CURSOR) -> Cursor:
        found = self._database.execute("SELECT value FROM meta WHERE key = ?", (key,))
        row = found.fetchone()
        return START if row is None else Cursor(int.from_bytes(row[0][:8], "big"), row[0][8:])

    def _answer(self, query: Query, table: str) -> list[OrderUpdate]:
        query.check()
        where, values = _of_market(query.exchange, query.market)
        clauses = [where.replace("market", "t.market", 1)]
        if query.user is not None:
            clauses.append(" AND t.user = (SELECT number FROM users WHERE address = ?)")
            values.append(query.user)
        if query.status is not None:
            clauses.append(" AND t.status = ?")
            values.append(query.status)
        if query.end is not None:
            clauses.append(" AND t.timestamp < ?")
            values.append(query.end)
        if query.before is not None:
            clauses.append(" AND (t.timestamp, t.event_id) < (?, ?)")
            values += [query.before.timestamp, query.before.event_id]
        # The index first, all of which the answer's place follows from; payloads only of a page.
        return self._updates(
            f"{_UPDATE} JOIN (SELECT t.timestamp AS at, t.event_id FROM {table} t"  # noqa: S608 - texts of ours
            f" WHERE t.user IS NOT NULL AND t.timestamp >= ? {''.join(clauses)}"
            " ORDER BY t.timestamp DESC, t.event_id DESC LIMIT ?) USING (event_id)"
            " ORDER BY at DESC, event_id DESC",
            (query.start, *values, query.limit),
        )

    def _updates(self, query: str, values: tuple[object, ...]) -> list[OrderUpdate]:
        with self._translate_errors():
            rows = self._database.execute(query, values).fetchall()
            return [decode(event_id, payload) for event_id, payload in rows]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Run one transaction, written whole or not at all."""
        with self._translate_errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                self._ids.forget()
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raise SQLite's errors, and those of rows that make no sense, as ours."""
        try:
            yield
        except UnknownUpdate:
            raise
        except (sqlite3.Error, *_SENSELESS) as error:
            code = getattr(error, "sqlite_errorcode", None)
            if isinstance(error, sqlite3.OperationalError) and (code or 0) & 0xFF in _PASSING:
                raise StoreUnavailable(f"{self.path}: {error}") from error
            raise StoreBroken(
                f"{self.path}: {error}; remove it, and rebuild it from the chain"
            ) from error


def _of_market(exchange: Exchange | None, market: Address | None) -> tuple[str, list[object]]:
    """Return a condition on `market` and its values; nothing if any market matches."""
    conditions: list[str] = []
    values: list[object] = []
    if exchange is not None:
        conditions.append("exchange = ?")
        values.append(exchange)
    if market is not None:
        conditions.append("address = ?")
        values.append(market)
    if not conditions:
        return "", []
    inner = f"SELECT number FROM markets WHERE {' AND '.join(conditions)}"  # noqa: S608 - texts of ours
    return f" AND market IN ({inner})", values
