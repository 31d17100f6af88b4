"""The order history in Cassandra or ScyllaDB.

`apply` writes what updates change, all of which may be written again, and then the cursor: a
crash in between only repeats. One writer is meant; two do no harm, as both write the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evm_dex.history.stores.cql_balances import CqlBalances
from evm_dex.history.stores.cql_partitions import ROWS_PER_PARTITION, Partitions
from evm_dex.history.stores.cql_reading import CqlReader
from evm_dex.history.stores.cql_schema import (
    BALANCE_SERIES,
    BALANCES,
    STATE,
    TIME_SERIES,
    CqlSettings,
)
from evm_dex.history.stores.cql_session import CqlSession
from evm_dex.history.stores.cql_stream import Stream
from evm_dex.history.stores.cql_writer import CqlWriter, RunningTotals, group_of, rows_to_place
from evm_dex.history.stores.history_store import (
    PAGE,
    START,
    Cursor,
    HistoryStore,
    Query,
    Statistics,
    check_address,
    check_limit,
    new_updates,
)
from evm_dex.history.stores.projection import project
from evm_dex.orderlog.balance_update import BalanceUpdate
from evm_dex.orderlog.order_update import Exchange, Kind, OrderUpdate, decode, encode, fingerprint
from evm_dex.orderlog.statistics import split_at_gaps
from precompiles.types import Address

_AT_ONCE = 1_000
"""Updates taken in between two writes of the cursor."""
_CURSOR = "SELECT event_id, fingerprint FROM cursor WHERE log = 1"
_SET_CURSOR = "INSERT INTO cursor (log, event_id, fingerprint) VALUES (1, ?, ?) USING TIMESTAMP ?"
_ALL_ACTIVE = "SELECT user, order_id FROM active_orders"
_TRADES_BEFORE = (
    "SELECT event_id, payload FROM order_changes "
    "WHERE order_group = ? AND order_id = ? AND event_id < ?"
)


class CqlStore(HistoryStore):
    """Connects on first use; until that succeeds, all methods raise StoreUnavailable."""

    def __init__(
        self, settings: CqlSettings, *, rows_per_partition: int = ROWS_PER_PARTITION
    ) -> None:
        self._session = CqlSession(settings)
        self._partitions = Partitions(self._session, rows_per_partition)
        self._stream = Stream(self._session)
        self._totals = RunningTotals(self._session)
        self._reader = CqlReader(self._session)
        self._balances = CqlBalances(self._session)
        self._applied: Cursor | None = None

    def cursor(self) -> Cursor:
        for row in self._session.rows(_CURSOR):
            return Cursor(row.event_id, row.fingerprint)
        return START

    def apply(self, updates: Sequence[OrderUpdate]) -> int:
        cursor = self.cursor()
        if cursor != self._applied:
            self._forget()
        fresh = new_updates(cursor, updates)
        pieces = (
            run[at : at + _AT_ONCE]
            for run in split_at_gaps(fresh)
            for at in range(0, len(run), _AT_ONCE)
        )
        for piece in pieces:
            try:
                self._take_in(piece)
            except BaseException:
                self._forget()
                raise
        return len(fresh)

    def stream(self, after: int, limit: int = PAGE) -> list[OrderUpdate]:
        check_limit(limit)
        # Above the cursor there may be rows of updates that were cut short.
        return self._stream.read(after, self.cursor().event_id, limit)

    def first_event_since(self, timestamp: int) -> int:
        last = self.cursor().event_id
        return self._stream.first_since(timestamp, last) or last + 1

    def open_orders(
        self, user: Address, *, exchange: Exchange | None = None, market: Address | None = None
    ) -> list[OrderUpdate]:
        return self._reader.open_orders(user, exchange, market)

    def order(self, order_id: int) -> OrderUpdate | None:
        return self._reader.order(order_id)

    def changes(self, order_id: int) -> list[OrderUpdate]:
        return list(self._reader.changes(order_id))

    def order_fills(self, order_id: int) -> list[OrderUpdate]:
        return self._reader.order_fills(order_id)

    def by_client_id(self, user: Address, client_order_id: int) -> list[OrderUpdate]:
        return self._reader.by_client_id(user, client_order_id)

    def history(self, query: Query) -> list[OrderUpdate]:
        query.check()
        return self._reader.history(query)

    def fills(self, query: Query) -> list[OrderUpdate]:
        query.check()
        return self._reader.fills(query)

    def statistics(self, user: Address) -> list[Statistics]:
        return self._totals.read(user)

    def balance_cursor(self) -> Cursor:
        return self._balances.cursor()

    def apply_balances(self, updates: Sequence[BalanceUpdate], cursor: Cursor) -> None:
        self._balances.apply(updates, cursor)

    def balances(self, user: Address) -> list[BalanceUpdate]:
        check_address(user)
        return self._balances.of_user(user)

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
        return self._balances.changes(user, exchange, token, before, limit)

    def clear(self) -> None:
        self._forget()
        tables = [*TIME_SERIES, *STATE, *BALANCES, *BALANCE_SERIES]
        # The cursor last: as long as it is there, it names what is to be forgotten.
        self._session.truncate(table for table in tables if table != "cursor")
        self._session.truncate(["cursor"])

    def close(self) -> None:
        self._session.close()
        self._forget()

    def _forget(self) -> None:
        self._applied = None
        self._partitions.forget()
        self._stream.forget()
        self._totals.forget()

    def _take_in(self, updates: Sequence[OrderUpdate]) -> None:
        payloads = [encode(update) for update in updates]
        hours = self._stream.begin(updates)
        orders = [update for update in updates if update.kind != Kind.GAP]
        self._partitions.prepare(rows_to_place(orders))
        writer = CqlWriter(self._partitions, self._session.settings.seconds_to_live)
        if updates[0].kind == Kind.GAP:
            for row in self._session.rows(_ALL_ACTIVE):
                writer.forget_open(row.user, row.order_id, updates[0].event_id)
        for update, payload in zip(updates, payloads, strict=True):
            if update.kind != Kind.GAP:
                writer.add(update, payload)
        changes = project(updates)
        writer.put_orders(changes)
        for fill in [*changes.undone, *self._stored_fills(changes.rollbacks)]:
            writer.undo(fill)
        self._session.write(
            [
                *self._stream.writes(updates, payloads, hours),
                *writer.writes(),
                *self._totals.add(changes.added),
            ]
        )
        cursor = Cursor(updates[-1].event_id, fingerprint(updates[-1]))
        values = (cursor.event_id, cursor.fingerprint, cursor.event_id)
        self._session.execute(_SET_CURSOR, values)
        self._applied = cursor

    def _stored_fills(self, rollbacks: Sequence[OrderUpdate]) -> Iterable[OrderUpdate]:
        """Return the TRADE updates of earlier runs that these take back."""
        stored = self._session.many(
            _TRADES_BEFORE, ((group_of(u.order_id), u.order_id, u.event_id) for u in rollbacks)
        )
        undone: dict[int, OrderUpdate] = {}
        for rollback, rows in zip(rollbacks, stored, strict=True):
            for update in (decode(row.event_id, row.payload) for row in rows):
                if update.kind == Kind.TRADE and update.trade_id >= rollback.trade_id:
                    undone[update.event_id] = update
        return undone.values()
