"""The ledger: all tables and the indexes over them, one journal, one commitment.

Rows are the only state. Books, open orders and client ids are indexes over the order table,
kept in step by `put_order` alone. Orders that ended leave memory with their block and are read
back from storage when asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from precompiles.engine.book import OrderBook
from precompiles.engine.journal import Journal
from precompiles.ledger.block_changes import collect_changes
from precompiles.ledger.commitment import EMPTY_COMMITMENT
from precompiles.ledger.hyper.tables import CoreTables
from precompiles.ledger.live_orders import LiveOrders
from precompiles.ledger.perp.records import PerpOrder, Position
from precompiles.ledger.perp.tables import PerpTables
from precompiles.ledger.spot.records import Balance, Counter, Market, Order, Settings, TokenTotal
from precompiles.ledger.storage import LedgerChanges, RowChange, RowStorage, UntrustedStorage
from precompiles.ledger.table import (
    BytesKey,
    IdKey,
    RecordT,
    Table,
    TableNumber,
    always,
)
from precompiles.types import MAX_ID, Address

_SETTINGS_KEY = b"\x00"
_ORDER_IDS = b"\x01"
_TRADE_IDS = b"\x02"
_POSITION_IDS = b"\x03"
_EMPTY_BALANCE = Balance(0, 0)


class Ledger:
    """State shared by all precompiles of one chain."""

    def __init__(self, storage: RowStorage) -> None:
        """An empty ledger over `storage`; `recovery.open_ledger` fills it from there."""
        self.storage = storage
        self.journal = journal = Journal()
        self.settings: Table[bytes, Settings] = Table(
            TableNumber.SETTINGS, BytesKey(1), Settings.decode, journal
        )
        self.counters: Table[bytes, Counter] = Table(
            TableNumber.COUNTERS, BytesKey(1), Counter.decode, journal
        )
        self.tokens: Table[bytes, TokenTotal] = Table(
            TableNumber.TOKENS, BytesKey(20), TokenTotal.decode, journal
        )
        self.markets: Table[bytes, Market] = Table(
            TableNumber.MARKETS, BytesKey(20), Market.decode, journal
        )
        self.balances: Table[bytes, Balance] = Table(
            TableNumber.BALANCES, BytesKey(40), Balance.decode, journal
        )
        self.orders: Table[int, Order] = Table(
            TableNumber.ORDERS, IdKey(), Order.decode, journal, lambda order: order.is_active
        )
        self.live: LiveOrders[Order] = LiveOrders(journal, lambda _order_id: False)
        self.orders.index = self.live.changed
        self.perp = PerpTables(journal)
        self.core = CoreTables(journal)
        tables: tuple[Table[Any, Any], ...] = (
            self.settings,
            self.counters,
            self.tokens,
            self.markets,
            self.balances,
            self.orders,
            *self.perp.tables,
            *self.core.tables,
        )
        self.tables: dict[int, Table[Any, Any]] = {table.number: table for table in tables}
        self.commitment = EMPTY_COMMITMENT

    # Reading and changing rows

    @property
    def owner(self) -> Address | None:
        """Who may list markets; None until the first owner is set."""
        settings = self.settings.get(_SETTINGS_KEY)
        return settings.owner if settings else None

    def set_owner(self, owner: Address) -> None:
        """Hand the exchange to another owner."""
        self.settings.put(_SETTINGS_KEY, Settings(owner))

    def balance(self, user: Address, token: Address) -> Balance:
        """What `user` has of `token`; zeros where there is no row."""
        return self.balances.get(token + user) or _EMPTY_BALANCE

    def change_balance(
        self, user: Address, token: Address, *, total: int = 0, hold: int = 0
    ) -> None:
        """Add to an account's total and hold; either may be negative.

        The caller has made sure that 0 <= hold <= total afterwards.
        """
        if total == hold == 0:
            return
        before = self.balance(user, token)
        after = Balance(before.total + total, before.hold + hold)
        assert 0 <= after.hold <= after.total, "a balance may not be overspent"
        self.balances.put(token + user, after if after.total else None)

    def token_total(self, token: Address) -> int:
        """What all accounts together have of `token`."""
        row = self.tokens.get(token)
        return row.total if row else 0

    def change_token_total(self, token: Address, change: int) -> None:
        """Tokens came in (positive) or went out."""
        total = self.token_total(token) + change
        assert total >= 0, "more went out than there was"
        self.tokens.put(token, TokenTotal(total) if total else None)

    def next_order_id(self) -> int:
        """A new order id; ids strictly increase from 1."""
        return self._next_id(_ORDER_IDS)

    def next_trade_id(self) -> int:
        """A new trade id; ids strictly increase from 1."""
        return self._next_id(_TRADE_IDS)

    def next_position_id(self) -> int:
        """A new position id; ids strictly increase from 1."""
        return self._next_id(_POSITION_IDS)

    def order(self, order_id: int) -> Order | None:
        """A spot order, live or ended; None if that id was never given to one."""
        return self._find(self.orders, order_id, _ORDER_IDS)

    def perp_order(self, order_id: int) -> PerpOrder | None:
        """An order on the perpetuals exchange, live or ended; None for a waiting trigger too."""
        return self._find(self.perp.orders, order_id, _ORDER_IDS)

    def position(self, position_id: int) -> Position | None:
        """A position, open or ended; None if that id was never given out."""
        return self._find(self.perp.positions, position_id, _POSITION_IDS)

    def put_order(self, order: Order) -> None:
        """Write an order; book and indexes follow."""
        self.orders.put(order.id, order)

    def book(self, asset: bytes) -> OrderBook[Order]:
        """The book of a spot market."""
        return self.live.book(asset)

    # Blocks

    def seal(self) -> LedgerChanges:
        """What changed since the last `accept`; asking changes nothing."""
        return collect_changes(self.journal, self.tables, self.commitment)

    def accept(self, changes: LedgerChanges) -> None:
        """Adopt what `seal` returned as the new starting point, once it is durable."""
        self.journal.clear()
        self.commitment = changes.commitment
        for change in changes.rows:
            table = self.tables[change.table]
            if table.is_live is not always:
                key = table.codec.decode(change.key)
                record = table.get(key)
                if record is not None and not table.is_live(record):
                    del table.rows[key]

    @contextmanager
    def at(self, undo: Iterable[Iterable[RowChange]]) -> Iterator[None]:
        """See the rows as they were before the given blocks, newest block first.

        Afterwards everything is as it was, whatever happened in between.
        """
        mark = self.journal.mark()
        try:
            for changes in undo:
                for change in changes:
                    self.restore_row(change.table, change.key, change.old)
            yield
        finally:
            self.journal.revert(mark)

    def restore_row(self, table_number: int, key: bytes, value: bytes | None) -> None:
        """Set one row to a stored value, or delete it with None, through the journal."""
        table = self.tables[table_number]
        memory_key = table.codec.decode(key)
        record = None if value is None else table.decode(value)
        table.put(memory_key, record)

    def load(
        self, table_number: int, rows: Iterable[tuple[bytes, bytes]]
    ) -> Iterator[tuple[bytes, bytes]]:
        """Take in a table's stored rows at start-up, handing each on; `index_loaded` ends it.

        Ended orders and positions stay in storage. Raises UntrustedStorage naming a row that
        does not decode.
        """
        table = self.tables[table_number]
        decode, decode_key, kept = table.decode, table.codec.decode, table.rows
        is_live = table.is_live
        for key, value in rows:
            try:
                record = decode(value)
            except UntrustedStorage as error:
                name = TableNumber(table_number).name.lower()
                raise UntrustedStorage(f"table {name}, key {key.hex()}: {error}") from error
            if is_live(record):
                kept[decode_key(key)] = record
            yield key, value

    def index_loaded(self) -> None:
        """Build every index from the rows that were loaded, by ascending id."""
        self.live.load(self.orders.rows.values())
        self.perp.index_loaded()

    def close(self) -> None:
        """Let go of the books' memory, which is linked in circles the collector skips."""
        self.live.clear()
        self.perp.live.clear()
        self.journal.clear()

    def _find(self, table: Table[int, RecordT], row_id: int, ids: bytes) -> RecordT | None:
        """A row by id, from memory or, when it has ended, from storage."""
        record = table.get(row_id)
        if record is not None or not 0 < row_id < self._peek_id(ids):
            return record
        stored = self.storage.row(table.number, table.codec.encode(row_id))
        return None if stored is None else table.decode(stored)

    def _next_id(self, key: bytes) -> int:
        next_id = self._peek_id(key)
        assert next_id <= MAX_ID, "ids are used up"
        self.counters.put(key, Counter(next_id + 1))
        return next_id

    def _peek_id(self, key: bytes) -> int:
        counter = self.counters.get(key)
        return counter.next_id if counter else 1
