"""Balances in the SQLite store: what each is, and every update that it came by."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from evm_dex.history.stores.projection import last_balances
from evm_dex.history.stores.sqlite_writer import Ids
from evm_dex.orderlog.balance_update import BalanceUpdate, decode_balance, encode_balance
from evm_dex.orderlog.order_update import Exchange
from precompiles.types import Address

SCHEMA = """
CREATE TABLE IF NOT EXISTS balances (
    user INTEGER, exchange INTEGER, token BLOB, version INTEGER NOT NULL,
    PRIMARY KEY (user, exchange, token)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS balance_changes (
    user INTEGER, exchange INTEGER, token BLOB, version INTEGER,
    event_id INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (user, exchange, token, version)
) WITHOUT ROWID;
"""
"""Tables that files of earlier versions get when they are next written."""
TABLES = ("balances", "balance_changes")
_CHANGE = "INSERT OR IGNORE INTO balance_changes VALUES (?, ?, ?, ?, ?, ?)"
_LAST = (
    "INSERT INTO balances VALUES (?, ?, ?, ?) ON CONFLICT (user, exchange, token)"
    " DO UPDATE SET version = max(version, excluded.version)"
)
_USER = "(SELECT number FROM users WHERE address = ?)"
_OF_USER = (
    "SELECT c.event_id, c.payload FROM balances"  # noqa: S608 - texts of ours
    " JOIN balance_changes c USING (user, exchange, token, version)"
    f" WHERE user = {_USER} ORDER BY exchange, token"
)
_CHANGES = (
    f"SELECT event_id, payload FROM balance_changes WHERE user = {_USER}"  # noqa: S608 - as above
    " AND exchange = ? AND token = ? AND version < ? ORDER BY version DESC LIMIT ?"
)
_MOST_VERSION = 2**63 - 1
_ALL = (
    "SELECT c.event_id, c.payload, u.address, c.exchange, c.token, c.version"
    " FROM balance_changes c LEFT JOIN users u ON u.number = c.user"
)


def write_balances(
    database: sqlite3.Connection, ids: Ids, updates: Sequence[BalanceUpdate]
) -> None:
    """Write updates inside the caller's transaction."""
    changes = [(*_key(ids, it), it.version, it.event_id, encode_balance(it)) for it in updates]
    database.executemany(_CHANGE, changes)
    last = [(*_key(ids, it), it.version) for it in last_balances(updates)]
    database.executemany(_LAST, last)


def balances_of(database: sqlite3.Connection, user: Address) -> list[BalanceUpdate]:
    """Return the last update of each of a user's balances."""
    return [decode_balance(*row) for row in database.execute(_OF_USER, (user,))]


def changes_of(
    database: sqlite3.Connection,
    user: Address,
    exchange: Exchange,
    token: Address,
    before: int | None,
    limit: int,
) -> list[BalanceUpdate]:
    """Return updates of one balance with a version below `before`, newest first."""
    below = _MOST_VERSION if before is None else before
    rows = database.execute(_CHANGES, (user, exchange, token, below, limit))
    return [decode_balance(*row) for row in rows]


def balance_damage(database: sqlite3.Connection) -> Iterator[str]:
    """Yield what is wrong with the tables of balances; nothing if they are sound."""
    newest: dict[tuple[object, ...], int] = {}
    for event_id, payload, *found in database.execute(_ALL):
        update = decode_balance(event_id, payload)
        owner = (update.user, update.exchange, update.token)
        if tuple(found) != (*owner, update.version):
            yield f"balance_changes, update {event_id}: its columns are not what it says"
        newest[owner] = max(update.version, newest.get(owner, 0))
    rows = database.execute(
        "SELECT u.address, b.exchange, b.token, b.version FROM balances b"
        " LEFT JOIN users u ON u.number = b.user"
    )
    if {tuple(owner): version for *owner, version in rows} != newest:
        yield "balances: the versions are not those of the last changes"


def _key(ids: Ids, update: BalanceUpdate) -> tuple[int, int, bytes]:
    return ids.user(update.user), update.exchange, update.token
