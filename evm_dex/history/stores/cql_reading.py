"""Queries to the tables: newest first, partition by partition, no more than asked for."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from evm_dex.history.stores.cql_partitions import market_key, month_of
from evm_dex.history.stores.cql_session import CqlSession, Row, Values
from evm_dex.history.stores.cql_writer import group_of
from evm_dex.history.stores.history_store import Query
from evm_dex.orderlog.order_update import Exchange, Kind, OrderUpdate, decode
from precompiles.types import Address, OrderStatus

_FOREVER = 2**37
"""A time in seconds after all others; calendars end later."""
_PARTS_AT_ONCE = 16
_NEWEST_ORDER = (
    "SELECT event_id, payload FROM order_changes WHERE order_group = ? AND order_id = ? "
    "ORDER BY order_id DESC, event_id DESC LIMIT 1"
)
_CHANGES = "SELECT event_id, payload FROM order_changes WHERE order_group = ? AND order_id = ?"
_SOME_CHANGES = (
    "SELECT event_id, payload FROM order_changes "
    "WHERE order_group = ? AND (order_id, event_id) IN ?"
)
_OPEN = "SELECT event_id, payload FROM active_orders WHERE user = ?"
_OF_CLIENT = "SELECT order_id FROM client_orders WHERE user = ? AND client_order_id = ?"
_PARTS = "SELECT month, part FROM partitions WHERE owner = ? AND month >= ? AND month <= ?"
_BETWEEN = "AND (block_time, event_id) >= (?, ?) AND (block_time, event_id) < (?, ?)"


class CqlReader:
    """Reads what is stored up to the cursor, and rows above it that are already there."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def open_orders(
        self, user: Address, exchange: Exchange | None, market: Address | None
    ) -> list[OrderUpdate]:
        found = map(_update, self._session.rows(_OPEN, (user,)))
        wanted = Query(user=user, exchange=exchange, market=market)
        return [update for update in found if _is_wanted(update, wanted)]

    def order(self, order_id: int) -> OrderUpdate | None:
        return self._last_updates([order_id])[0]

    def changes(self, order_id: int) -> Iterator[OrderUpdate]:
        return map(_update, self._session.rows(_CHANGES, (group_of(order_id), order_id)))

    def order_fills(self, order_id: int) -> list[OrderUpdate]:
        fills: dict[int, OrderUpdate] = {}
        for update in self.changes(order_id):
            if update.kind == Kind.TRADE:
                fills[update.trade_id] = update
            elif update.kind == Kind.ROLLED_BACK and update.trade_id:
                fills = {i: fill for i, fill in fills.items() if i < update.trade_id}
        return [fills[trade_id] for trade_id in sorted(fills)]

    def by_client_id(self, user: Address, client_order_id: int) -> list[OrderUpdate]:
        rows = self._session.rows(_OF_CLIENT, (user, client_order_id))
        orders = self._last_updates([row.order_id for row in rows])
        # After a rollback the number may be another order's.
        wanted = (user, client_order_id)
        return [o for o in orders if o is not None and (o.user, o.client_order_id) == wanted]

    def history(self, query: Query) -> list[OrderUpdate]:
        if query.user is None:
            rows = self._of_markets("market_history", "order_id, status", query)
            matching = (row for row in rows if query.status in (None, row.status))
            return _page(self._with_payload(matching, query.limit), query)
        if query.status is None:
            rows = self._of_user("order_history", "payload", "", (), query)
            return _page(map(_update, rows), query)
        rows = self._of_user(
            "status_history", "order_id", "status = ? AND ", (query.status,), query
        )
        return _page(self._with_payload(rows, query.limit), query)

    def fills(self, query: Query) -> list[OrderUpdate]:
        if query.user is None:
            rows = self._of_markets("market_fills", "order_id, undone", query)
        else:
            rows = self._of_user("fills", "order_id, undone", "", (), query)
        valid = (row for row in rows if not row.undone)
        return _page(self._with_payload(valid, query.limit), query)

    def _last_updates(self, order_ids: list[int]) -> list[OrderUpdate | None]:
        keys = [(group_of(order_id), order_id) for order_id in order_ids]
        found = self._session.many(_NEWEST_ORDER, keys)
        updates = [_update(rows[0]) if rows else None for rows in found]
        return [u if u is not None and u.status != OrderStatus.GONE else None for u in updates]

    def _with_payload(self, rows: Iterable[Row], at_once: int) -> Iterator[OrderUpdate]:
        """Read the updates that rows of a lookup table name; expired ones are left out."""
        rows = iter(rows)
        while some := list(islice(rows, at_once)):
            groups: dict[int, list[tuple[int, int]]] = {}
            for row in some:
                group = groups.setdefault(group_of(row.order_id), [])
                group.append((row.order_id, row.event_id))
            found = chain.from_iterable(self._session.many(_SOME_CHANGES, groups.items()))
            payloads = {row.event_id: row.payload for row in found}
            for row in some:
                if row.event_id in payloads:
                    yield decode(row.event_id, payloads[row.event_id])

    def _of_user(
        self, table: str, columns: str, condition: str, values: Values, query: Query
    ) -> Iterator[Row]:
        assert query.user is not None
        statement = (
            f"SELECT block_time, event_id, {columns} FROM {table} "  # noqa: S608 - names of ours
            f"WHERE user = ? AND {condition}month = ? AND part = ? {_BETWEEN}"
        )
        key = (query.user, *values)
        return self._newest_first(statement, query.user, key, query)

    def _of_markets(self, table: str, columns: str, query: Query) -> Iterator[Row]:
        """Read rows of the market on the query's exchange, or on both."""
        assert query.market is not None
        statement = (
            f"SELECT block_time, event_id, {columns} FROM {table} "  # noqa: S608 - names of ours
            f"WHERE exchange = ? AND market = ? AND month = ? AND part = ? {_BETWEEN}"
        )
        exchanges = list(Exchange) if query.exchange is None else [query.exchange]
        each = [
            self._newest_first(
                statement,
                market_key(exchange, query.market),
                (exchange, query.market),
                query,
            )
            for exchange in exchanges
        ]
        return heapq.merge(*each, key=lambda row: (row.block_time, row.event_id), reverse=True)

    def _newest_first(
        self,
        statement: str,
        owner: bytes,
        key: Values,
        query: Query,
    ) -> Iterator[Row]:
        """Read one owner's rows in a query's time range, before its cursor."""
        first, last = (min(max(query.start, 0), _FOREVER), 0), _end(query)
        months = (month_of(first[0]), month_of(last[0]))
        parts = self._session.rows(_PARTS, (owner, *months))
        at_once = 1
        while some := list(islice(parts, at_once)):
            values = [(*key, row.month, row.part, *first, *last) for row in some]
            for answer in self._session.answers(statement, values, page=query.limit):
                yield from answer
            # The newest mostly suffices; where it does not, rows are few and far between.
            at_once = min(at_once * 2, _PARTS_AT_ONCE)


def _update(row: Row) -> OrderUpdate:
    return decode(row.event_id, row.payload)


def _end(query: Query) -> tuple[int, int]:
    """Return the (time, event id) that every result must precede."""
    ends = [(_FOREVER, 0)]
    if query.end is not None:
        ends.append((query.end, 0))
    if query.before is not None:
        ends.append((query.before.timestamp, query.before.event_id))
    return min(ends)


def _is_wanted(update: OrderUpdate, query: Query) -> bool:
    return query.exchange in (None, update.exchange) and query.market in (
        None,
        update.market,
    )


def _page(updates: Iterable[OrderUpdate], query: Query) -> list[OrderUpdate]:
    return list(islice((u for u in updates if _is_wanted(u, query)), query.limit))
