"""Turns updates and their projection into CQL statements by partition.

Each leads to the same whether it runs once or again, alone or out of order: rows of the time
series never change but for `undone`, which is only ever set, and rows of the state are written
with the event id as their time, so the last event's stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import astuple

from evm_dex.history.stores.cql_partitions import Partitions, market_key, month_of
from evm_dex.history.stores.cql_session import CqlSession, Values, Write
from evm_dex.history.stores.history_store import Statistics
from evm_dex.history.stores.projection import Account, Added, Projection, added_after
from evm_dex.orderlog.order_update import ZERO, Exchange, Kind, OrderUpdate, Totals, encode
from precompiles.types import Address

_FIRST = (Kind.PLACED, Kind.TRIGGER_PLACED, Kind.FOUND)
"""Kinds that may be the first update of an order."""
ORDERS_PER_GROUP = 64
"""Orders that share a partition of `order_changes`: placed together, they change together."""

_CHANGE = (
    "INSERT INTO order_changes (order_group, order_id, event_id, payload) "
    "VALUES (?, ?, ?, ?) USING TTL ?"
)
_HISTORY = (
    "INSERT INTO order_history (user, month, part, block_time, event_id, payload) "
    "VALUES (?, ?, ?, ?, ?, ?) USING TTL ?"
)
_STATUS = (
    "INSERT INTO status_history (user, status, month, part, block_time, event_id, order_id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ?"
)
_FILL = (
    "INSERT INTO fills (user, month, part, block_time, event_id, order_id, trade_id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ?"
)
_UNDO_FILL = (
    "UPDATE fills USING TTL ? SET undone = true "
    "WHERE user = ? AND month = ? AND part = ? AND block_time = ? AND event_id = ?"
)
_MARKET = (
    "INSERT INTO market_history (exchange, market, month, part, block_time, event_id, order_id, "
    "status) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TTL ?"
)
_MARKET_FILL = (
    "INSERT INTO market_fills (exchange, market, month, part, block_time, event_id, order_id, "
    "trade_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TTL ?"
)
_UNDO_MARKET_FILL = (
    "UPDATE market_fills USING TTL ? SET undone = true WHERE exchange = ? AND market = ? "
    "AND month = ? AND part = ? AND block_time = ? AND event_id = ?"
)
_CLIENT = "INSERT INTO client_orders (user, client_order_id, order_id) VALUES (?, ?, ?) USING TTL ?"
_OPEN = (
    "INSERT INTO active_orders (user, order_id, event_id, payload) "
    "VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
)
_CLOSE = "DELETE FROM active_orders USING TIMESTAMP ? WHERE user = ? AND order_id = ?"
_MOST_REMEMBERED = 50_000
_COLUMNS = ", ".join(Totals.__struct_fields__)
_READ = f"SELECT exchange, market, last_event_id, {_COLUMNS} FROM order_statistics WHERE user = ?"  # noqa: S608 - names of ours
_SET = (
    f"INSERT INTO order_statistics (user, exchange, market, last_event_id, {_COLUMNS}) "  # noqa: S608 - as above
    f"VALUES ({', '.join('?' * (4 + len(Totals.__struct_fields__)))}) USING TIMESTAMP ?"
)

_Market = tuple[Exchange, Address]


def group_of(order_id: int) -> int:
    """Return the partition of `order_changes` that an order is in."""
    return order_id // ORDERS_PER_GROUP


def rows_to_place(updates: Sequence[OrderUpdate]) -> Iterator[tuple[bytes, int, int]]:
    """Return owner, month and time of the rows to come, for `Partitions.prepare`."""
    for update in updates:
        for owner in (update.user, market_key(update.exchange, update.market)):
            yield owner, month_of(update.timestamp), update.timestamp


class CqlWriter:
    """Collects rows; `writes` has them by partition."""

    def __init__(self, partitions: Partitions, life: int) -> None:
        self._partitions = partitions
        self._life = life
        self._writes: dict[tuple[object, ...], Write] = {}

    def writes(self) -> list[Write]:
        """Return all that was added, each partition once."""
        return list(self._writes.values())

    def add(self, update: OrderUpdate, payload: bytes) -> None:
        """Add an update's rows to the time series; its kind must not be GAP."""
        order, event, life = update.order_id, update.event_id, self._life
        group = group_of(order)
        self._put(("order", group), _CHANGE, (group, order, event, payload, life), len(payload))
        user, market = self._places(update)
        place = (update.timestamp, event)
        self._put(user, _HISTORY, (*user, *place, payload, life), len(payload))
        status = (update.user, update.status, *user[1:])
        self._put(status, _STATUS, (*status, *place, order, life))
        self._put(market, _MARKET, (*market, *place, order, update.status, life))
        if update.kind == Kind.TRADE:
            fill = (*place, order, update.trade_id, life)
            self._put(("fill", *user), _FILL, (*user, *fill))
            self._put(("fill", *market), _MARKET_FILL, (*market, *fill))
        if update.client_order_id and update.kind in _FIRST:
            client = (update.user, update.client_order_id)
            self._put(("client", *client), _CLIENT, (*client, order, life))

    def undo(self, fill: OrderUpdate) -> None:
        """Mark a TRADE that was rolled back."""
        user, market = self._places(fill)
        place = (fill.timestamp, fill.event_id)
        self._put(("fill", *user), _UNDO_FILL, (self._life, *user, *place))
        self._put(("fill", *market), _UNDO_MARKET_FILL, (self._life, *market, *place))

    def put_orders(self, changes: Projection) -> None:
        """Write which orders are open after a run."""
        for update in changes.replaced:
            self.forget_open(update.user, update.order_id, update.event_id)
        for order_id, update in changes.orders.items():
            user, event = update.user, update.event_id
            if update.status.is_open:
                payload = encode(update)
                values = (user, order_id, event, payload, event)
                self._put(("open", user), _OPEN, values, len(payload))
            else:
                self.forget_open(user, order_id, event)

    def forget_open(self, user: Address, order_id: int, event_id: int) -> None:
        """Remove an order from the open ones, from an update on."""
        self._put(("open", user), _CLOSE, (event_id, user, order_id))

    def _places(self, update: OrderUpdate) -> tuple[Values, Values]:
        """Return the partition keys of an update's user and market."""
        time, month = update.timestamp, month_of(update.timestamp)
        market = market_key(update.exchange, update.market)
        part = self._partitions.part
        return (
            (update.user, month, part(update.user, month, time)),
            (update.exchange, update.market, month, part(market, month, time)),
        )

    def _put(self, key: tuple[object, ...], statement: str, values: Values, size: int = 0) -> None:
        write = self._writes.get(key)
        if write is None:
            write = self._writes[key] = Write()
        write.add(statement, values, size + 60)


class RunningTotals:
    """The writer's cache of totals, until `forget`."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._of_user: dict[Address, dict[_Market, Statistics]] = {}

    def forget(self) -> None:
        self._of_user.clear()

    def read(self, user: Address) -> list[Statistics]:
        """Read a user's totals by ascending (exchange, market); rows of zeros are left out."""
        (found,) = self._read([user])
        return [row for _, row in sorted(found.items()) if row.totals != ZERO]

    def add(self, added: Mapping[Account, Added]) -> list[Write]:
        """Add what updates add to totals; return what to write, by partition."""
        self._remember({user for user, _, _ in added})
        changed: dict[Address, list[Statistics]] = {}
        for (user, exchange, market), deltas in sorted(added.items()):
            of_user, key = self._of_user[user], (exchange, market)
            before = of_user.get(key) or Statistics(user, *key, ZERO, 0)
            last = deltas[-1][0]
            # A crash may have left totals with some of these updates in them, or all.
            if last > before.last_event_id:
                total = before.totals + added_after(before.last_event_id, deltas)
                of_user[key] = Statistics(user, *key, total, last)
                changed.setdefault(user, []).append(of_user[key])
        return [self._write(rows) for rows in changed.values()]

    def _write(self, rows: Iterable[Statistics]) -> Write:
        """Return the rows; the event id is the write time, so a late row changes nothing."""
        write = Write()
        for row in rows:
            key = (row.user, row.exchange, row.market, row.last_event_id)
            write.add(_SET, (*key, *astuple(row.totals), row.last_event_id), 150)
        return write

    def _remember(self, users: set[Address]) -> None:
        if len(self._of_user) > _MOST_REMEMBERED:
            self.forget()
        missing = sorted(users - self._of_user.keys())
        if missing:
            self._of_user |= zip(missing, self._read(missing), strict=True)

    def _read(self, users: list[Address]) -> list[dict[_Market, Statistics]]:
        answers = self._session.many(_READ, ((user,) for user in users))
        return [
            {
                (Exchange(row.exchange), Address(row.market)): Statistics(
                    user, Exchange(row.exchange), Address(row.market), Totals(*row[3:]), row[2]
                )
                for row in rows
            }
            for user, rows in zip(users, answers, strict=True)
        ]
