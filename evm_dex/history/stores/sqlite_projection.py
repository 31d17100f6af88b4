"""What a run of updates does to the tables, worked out before anything is written.

Of several updates of one order only the last one counts for the tables about orders; totals are
read once, added to, and written once, as absolute numbers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from evm_dex.orderlog.effects import effect, runs
from evm_dex.orderlog.order_status import Status
from evm_dex.orderlog.order_update import Exchange, Kind, OrderUpdate, encode
from evm_dex.orderlog.totals import NOTHING, Totals
from precompiles.types import Address

_HISTORY = "INSERT INTO order_history VALUES (?, ?, ?, ?, ?, ?, ?)"
_FILL = "INSERT OR REPLACE INTO fills VALUES (?, ?, ?, ?, ?, ?)"
_UNDO_FILLS = "DELETE FROM fills WHERE order_id = ? AND trade_id >= ?"
_ORDER = "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)"
_NO_ORDER = "DELETE FROM orders WHERE order_id = ?"
_ACTIVE = "INSERT OR REPLACE INTO active_orders VALUES (?, ?, ?, ?)"
_NOT_ACTIVE = "DELETE FROM active_orders WHERE user = ? AND order_id = ?"
_TOTALS = "SELECT * FROM order_statistics WHERE user = ? AND market = ?"
_SET_TOTALS = "INSERT OR REPLACE INTO order_statistics VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"

Pair = tuple[int, int]


class Numbers:
    """The small numbers that stand for users and markets in every other table."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.forget()

    def forget(self) -> None:
        """Read them anew: what was made in a transaction may have been taken back with it."""
        self._users: dict[Address, int] = {}
        self._markets: dict[tuple[Exchange, Address], int] = {}

    def user(self, address: Address) -> int:
        """That of a user, made where there is none."""
        number = self._users.get(address)
        if number is None:
            number = self._users[address] = self._settle("users", "address", (address,))
        return number

    def market(self, exchange: Exchange, address: Address) -> int:
        """That of a market, made where there is none."""
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


class Writer:
    """Writes updates into the tables, inside the caller's transaction."""

    def __init__(self, database: sqlite3.Connection, numbers: Numbers) -> None:
        self._database = database
        self._numbers = numbers

    def write(self, updates: Sequence[OrderUpdate]) -> bytes:
        """Write updates that follow the cursor; the payload of the last one."""
        for run in runs(updates):
            if run[0].kind == Kind.GAP:
                self._database.execute("DELETE FROM active_orders")
            payload = self._write(run)
        return payload

    def _write(self, updates: Sequence[OrderUpdate]) -> bytes:
        history: list[tuple[object, ...]] = []
        fills: list[tuple[object, ...]] = []
        last: dict[int, tuple[OrderUpdate, int, int]] = {}
        added: dict[Pair, tuple[Totals, int]] = {}
        replaced: list[Pair] = []
        for update in updates:
            event_id, order_id, kind = update.event_id, update.order_id, update.kind
            payload = encode(update)
            timestamp = update.timestamp
            if kind == Kind.GAP:
                history.append((event_id, timestamp, None, None, None, update.status, payload))
                continue
            user = self._numbers.user(update.user)
            market = self._numbers.market(update.exchange, update.market)
            history.append((event_id, timestamp, user, market, order_id, update.status, payload))
            before = last.get(order_id)
            if before is not None and before[1] != user:  # an id given out again after a rollback
                replaced.append((before[1], order_id))
            last[order_id] = (update, user, market)
            if kind == Kind.TRADE:
                fills.append((order_id, update.trade_id, event_id, timestamp, user, market))
            elif kind == Kind.ROLLED_BACK and update.trade_id:
                self._many(_FILL, fills)
                self._database.execute(_UNDO_FILLS, (order_id, update.trade_id))
            change = effect(update)
            if change is not NOTHING and change != NOTHING:
                total, _ = added.get((user, market), (NOTHING, 0))
                added[user, market] = (total + change, event_id)
        self._many(_HISTORY, history)
        self._many(_FILL, fills)
        self._database.executemany(_NOT_ACTIVE, replaced)
        self._write_orders(last)
        self._add_totals(added)
        return payload

    def _many(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        if rows:
            self._database.executemany(statement, rows)
            rows.clear()

    def _write_orders(self, last: dict[int, tuple[OrderUpdate, int, int]]) -> None:
        orders, gone, active, inactive = [], [], [], []
        for order_id, (update, user, market) in last.items():
            event_id = update.event_id
            if update.status == Status.GONE:
                gone.append((order_id,))
            else:
                named = client_key(update.client_order_id)
                orders.append((order_id, event_id, user, named))
            if update.status.is_open:
                active.append((user, order_id, market, event_id))
            else:
                inactive.append((user, order_id))
        self._database.executemany(_ORDER, orders)
        self._database.executemany(_NO_ORDER, gone)
        self._database.executemany(_ACTIVE, active)
        self._database.executemany(_NOT_ACTIVE, inactive)

    def _add_totals(self, added: dict[Pair, tuple[Totals, int]]) -> None:
        rows = []
        for (user, market), (change, event_id) in added.items():
            found = self._database.execute(_TOTALS, (user, market)).fetchone()
            total = (totals_of(found) if found else NOTHING) + change
            counts = msgspec.structs.astuple(total)
            rows.append((user, market, *counts[:6], *map(str, counts[6:]), event_id))
        self._database.executemany(_SET_TOTALS, rows)


def totals_of(row: tuple[int | str, ...]) -> Totals:
    """The totals in a row of order_statistics."""
    return Totals(*(int(column) for column in row[2:11]))


def client_key(client_order_id: int) -> bytes | None:
    """How a client order id is kept; None for none."""
    if client_order_id == 0:
        return None
    return client_order_id.to_bytes((client_order_id.bit_length() + 7) >> 3, "big")
