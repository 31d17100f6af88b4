"""Checks a SQLite store against itself: its pages, and every row against the update it is about.

What no table of the store can prove, that the updates are the chain's, `verify_history` checks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from evm_dex.history.stores.sqlite_writer import client_key
from evm_dex.orderlog.order_update import ZERO, Kind, OrderUpdate, decode
from evm_dex.orderlog.statistics import stats_delta

Row = tuple[object, ...]
_OWNER = "u.address, m.exchange, m.address"
_HISTORY = (
    f"SELECT h.event_id, h.payload, h.timestamp, h.status, h.order_id, {_OWNER}"  # noqa: S608 - names of ours
    " FROM order_history h LEFT JOIN users u ON u.number = h.user"
    " LEFT JOIN markets m ON m.number = h.market ORDER BY h.event_id"
)
_FILLS = (
    f"SELECT h.event_id, h.payload, t.timestamp, t.trade_id, t.order_id, {_OWNER}"  # noqa: S608 - as above
    " FROM fills t LEFT JOIN order_history h USING (event_id)"
    " LEFT JOIN users u ON u.number = t.user LEFT JOIN markets m ON m.number = t.market"
)
_ACTIVE = (
    f"SELECT h.event_id, h.payload, t.order_id, {_OWNER}"  # noqa: S608 - as above
    " FROM active_orders t LEFT JOIN order_history h USING (event_id)"
    " LEFT JOIN users u ON u.number = t.user LEFT JOIN markets m ON m.number = t.market"
)
_ORDERS = (
    "SELECT h.event_id, h.payload, t.order_id, t.client_order_id, u.address"
    " FROM orders t LEFT JOIN order_history h USING (event_id)"
    " LEFT JOIN users u ON u.number = t.user"
)
_STATISTICS = (
    f"SELECT {_OWNER}, s.last_event_id FROM order_statistics s"  # noqa: S608 - as above
    " LEFT JOIN users u ON u.number = s.user LEFT JOIN markets m ON m.number = s.market"
)


def damage(database: sqlite3.Connection) -> Iterator[str]:
    """Yield what is wrong with the file; nothing if all of it is sound.

    Raises sqlite3.Error, and UnknownUpdate for an update that does not decode.
    """
    for (said,) in database.execute("PRAGMA integrity_check(5)"):
        if said != "ok":
            yield f"SQLite finds damage: {said}"
    last: dict[Row, int] = {}
    for event_id, payload, *found in database.execute(_HISTORY):
        update = decode(event_id, payload)
        owner = (update.user, update.exchange, update.market)
        if update.kind != Kind.GAP and stats_delta(update) != ZERO:
            last[owner] = event_id
        wanted: Row = (update.timestamp, update.status, update.order_id, *owner)
        if update.kind == Kind.GAP:
            wanted = (update.timestamp, update.status, None, None, None, None)
        if tuple(found) != wanted:
            yield f"order_history, update {event_id}: its columns are not what it says"
    yield from _differing(database, _FILLS, "fills", _fill)
    yield from _differing(database, _ACTIVE, "active_orders", _active)
    yield from _differing(database, _ORDERS, "orders", _order)
    stated = {tuple(owner): event_id for *owner, event_id in database.execute(_STATISTICS)}
    if stated != last:
        yield "order_statistics: the last ids are not those of the updates"


def _differing(
    database: sqlite3.Connection,
    statement: str,
    table: str,
    wanted: Callable[[OrderUpdate], Row],
) -> Iterator[str]:
    for event_id, payload, *found in database.execute(statement):
        if payload is None or tuple(found) != wanted(decode(event_id, payload)):
            yield f"{table}: a row of {found[:3]} is not that of update {event_id}"


def _fill(update: OrderUpdate) -> Row:
    if update.kind != Kind.TRADE:
        return ()
    place = (update.timestamp, update.trade_id, update.order_id)
    return (*place, update.user, update.exchange, update.market)


def _active(update: OrderUpdate) -> Row:
    return (update.order_id, update.user, update.exchange, update.market)


def _order(update: OrderUpdate) -> Row:
    return (update.order_id, client_key(update.client_order_id), update.user)
