"""The tables of the SQLite store, and the writer of a projection into them.

What the history is partitioned by elsewhere is an index here: `order_history` has every update
once, with its payload, and is the stream, the history of users, of markets and of orders.
Totals are read once, added to, and written once, as absolute numbers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from evm_dex.history.stores.projection import Projection, added_after, project
from evm_dex.orderlog.order_update import ZERO, Exchange, Kind, OrderUpdate, Totals, encode
from evm_dex.orderlog.statistics import split_at_gaps
from precompiles.types import Address, OrderStatus

FORMAT = 1
"""Version of these tables; a file of another is refused by name."""

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE users (number INTEGER PRIMARY KEY, address BLOB NOT NULL UNIQUE);
CREATE TABLE markets (
    number INTEGER PRIMARY KEY, exchange INTEGER NOT NULL, address BLOB NOT NULL,
    UNIQUE (exchange, address)
);

CREATE TABLE order_history (
    event_id INTEGER PRIMARY KEY,
    timestamp INTEGER NOT NULL,
    user INTEGER, market INTEGER, order_id INTEGER,
    status INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX history_of_user ON order_history (user, timestamp, event_id, market, status);
CREATE INDEX history_of_market ON order_history (market, timestamp, event_id, user, status);
CREATE INDEX history_of_order ON order_history (order_id);

CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL,
    user INTEGER NOT NULL, client_order_id BLOB
);
CREATE INDEX orders_by_client_id ON orders (user, client_order_id)
    WHERE client_order_id IS NOT NULL;

CREATE TABLE active_orders (
    user INTEGER, order_id INTEGER, market INTEGER NOT NULL, event_id INTEGER NOT NULL,
    PRIMARY KEY (user, order_id)
) WITHOUT ROWID;

CREATE TABLE fills (
    order_id INTEGER, trade_id INTEGER,
    event_id INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    user INTEGER NOT NULL, market INTEGER NOT NULL,
    PRIMARY KEY (order_id, trade_id)
) WITHOUT ROWID;
CREATE INDEX fills_of_user ON fills (user, timestamp, event_id, market);
CREATE INDEX fills_of_market ON fills (market, timestamp, event_id, user);

CREATE TABLE order_statistics (
    user INTEGER, market INTEGER,
    orders INTEGER, filled INTEGER, cancelled INTEGER, rejected INTEGER, expired INTEGER,
    partial_fills INTEGER, volume TEXT, fees_in_base TEXT, fees_in_quote TEXT,
    last_event_id INTEGER NOT NULL,
    PRIMARY KEY (user, market)
) WITHOUT ROWID;
"""

TABLES = ("users", "markets", "order_history", "orders", "active_orders", "fills")
EMPTIED = (*TABLES, "order_statistics")
"""Tables that `clear` empties; amounts that outgrow 64 bits are text."""
_HISTORY = "INSERT INTO order_history VALUES (?, ?, ?, ?, ?, ?, ?)"
_FILL = "INSERT OR REPLACE INTO fills VALUES (?, ?, ?, ?, ?, ?)"
_UNDO_FILLS = "DELETE FROM fills WHERE order_id = ? AND trade_id >= ?"
_ORDER = "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)"
_NO_ORDER = "DELETE FROM orders WHERE order_id = ?"
_ACTIVE = "INSERT OR REPLACE INTO active_orders VALUES (?, ?, ?, ?)"
_NOT_ACTIVE = "DELETE FROM active_orders WHERE user = ? AND order_id = ?"
_TOTALS = "SELECT * FROM order_statistics WHERE user = ? AND market = ?"
_SET_TOTALS = "INSERT OR REPLACE INTO order_statistics VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"


class Ids:
    """The small numbers that stand for users and markets in every other table."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.forget()

    def forget(self) -> None:
        """Forget all numbers: those made in a transaction may have been rolled back with it."""
        self._users: dict[Address, int] = {}
        self._markets: dict[tuple[Exchange, Address], int] = {}

    def user(self, address: Address) -> int:
        """Return the number of a user; create it if there is none."""
        number = self._users.get(address)
        if number is None:
            number = self._users[address] = self._settle("users", "address", (address,))
        return number

    def market(self, exchange: Exchange, address: Address) -> int:
        """Return the number of a market; create it if there is none."""
        number = self._markets.get((exchange, address))
        if number is None:
            key = (exchange, address)
            number = self._markets[key] = self._settle("markets", "exchange, address", key)
        return number

    def _settle(self, table: str, columns: str, key: tuple[int | bytes, ...]) -> int:
        places = ", ".join("?" * len(key))
        select = f"SELECT number FROM {table} WHERE ({columns}) = ({places})"  # noqa: S608 - names of ours
        insert = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - names of ours
        found = self._database.execute(select, key).fetchone()
        if found is None:
            number = self._database.execute(insert, key).lastrowid
            assert number is not None, "the row was just made"
            return number
        return int(found[0])


class SqliteWriter:
    """Writes updates into the tables, inside the caller's transaction."""

    def __init__(self, database: sqlite3.Connection, ids: Ids) -> None:
        self._database = database
        self._ids = ids

    def write(self, updates: Sequence[OrderUpdate]) -> bytes:
        """Write updates that follow the cursor; return the payload of the last one."""
        payload = b""
        for run in split_at_gaps(updates):
            if run[0].kind == Kind.GAP:
                self._database.execute("DELETE FROM active_orders")
            payload = self._write_history(run)
            changes = project(run)
            self._write_fills(changes)
            self._write_orders(changes)
            self._add_totals(changes)
        return payload

    def _write_history(self, updates: Sequence[OrderUpdate]) -> bytes:
        rows: list[tuple[object, ...]] = []
        for update in updates:
            payload = encode(update)
            owner: tuple[int | None, ...] = (None, None, None)
            if update.kind != Kind.GAP:
                owner = (*self._account(update), update.order_id)
            rows.append((update.event_id, update.timestamp, *owner, update.status, payload))
        self._database.executemany(_HISTORY, rows)
        return payload

    def _write_fills(self, changes: Projection) -> None:
        undone = [(update.order_id, update.trade_id) for update in changes.rollbacks]
        self._database.executemany(_UNDO_FILLS, undone)
        self._database.executemany(
            _FILL,
            [
                (*key, fill.event_id, fill.timestamp, *self._account(fill))
                for key, fill in changes.fills.items()
            ],
        )

    def _write_orders(self, changes: Projection) -> None:
        orders, gone, active, inactive = [], [], [], []
        for update in changes.replaced:
            inactive.append((self._ids.user(update.user), update.order_id))
        for order_id, update in changes.orders.items():
            user, market = self._account(update)
            if update.status == OrderStatus.GONE:
                gone.append((order_id,))
            else:
                named = client_key(update.client_order_id)
                orders.append((order_id, update.event_id, user, named))
            if update.status.is_open:
                active.append((user, order_id, market, update.event_id))
            else:
                inactive.append((user, order_id))
        self._database.executemany(_ORDER, orders)
        self._database.executemany(_NO_ORDER, gone)
        self._database.executemany(_NOT_ACTIVE, inactive)
        self._database.executemany(_ACTIVE, active)

    def _add_totals(self, changes: Projection) -> None:
        rows = []
        for (user, exchange, market), added in changes.added.items():
            key = (self._ids.user(user), self._ids.market(exchange, market))
            found = self._database.execute(_TOTALS, key).fetchone()
            total = (totals_of(found) if found else ZERO) + added_after(0, added)
            counts = msgspec.structs.astuple(total)
            rows.append((*key, *counts[:6], *map(str, counts[6:]), added[-1][0]))
        self._database.executemany(_SET_TOTALS, rows)

    def _account(self, update: OrderUpdate) -> tuple[int, int]:
        return self._ids.user(update.user), self._ids.market(update.exchange, update.market)


def totals_of(row: tuple[int | str, ...]) -> Totals:
    """Read the totals in a row of order_statistics."""
    return Totals(*(int(column) for column in row[2:11]))


def client_key(client_order_id: int) -> bytes | None:
    """Return a client order id as it is stored; None for none."""
    if client_order_id == 0:
        return None
    return client_order_id.to_bytes((client_order_id.bit_length() + 7) >> 3, "big")
