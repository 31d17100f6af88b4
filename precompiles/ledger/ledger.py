"""The ledger: all tables and the indexes over them, one journal, one commitment.

Rows are the only state. Books, open orders and client ids are indexes that follow the order
tables. Orders and positions that ended leave memory with their block and are read back from
storage on demand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from precompiles.engine.journal import Journal
from precompiles.ledger.block_changes import collect_changes, joined
from precompiles.ledger.commitment import EMPTY_COMMITMENT
from precompiles.ledger.hyper.tables import CoreTables
from precompiles.ledger.perp.records import PerpOrder, Position
from precompiles.ledger.perp.tables import PerpTables
from precompiles.ledger.record import Counter, RecordT, Settings
from precompiles.ledger.spot import Order, SpotTables
from precompiles.ledger.storage import (
    EarlierChanges,
    LedgerChanges,
    RowChange,
    RowStorage,
    UntrustedStorage,
)
from precompiles.ledger.table import BytesKey, Table, TableNumber, always
from precompiles.types import MAX_ID, Address

_SETTINGS_KEY = b"\x00"
_ORDER_IDS = b"\x01"
_TRADE_IDS = b"\x02"
_POSITION_IDS = b"\x03"
_ACTION_IDS = b"\x04"
_TRANSFER_IDS = b"\x05"
_UNSTAKING_IDS = b"\x06"


class Ledger:
    """State shared by all precompiles of one chain."""

    def __init__(self, storage: RowStorage) -> None:
        """Create an empty ledger over `storage`; `recovery.open_ledger` fills it from there."""
        self.storage = storage
        self.journal = Journal()
        self.spot = SpotTables(self.journal)
        self.perp = PerpTables(self.journal)
        self.core = CoreTables(self.journal)
        self.perp.pool_of = self.core.pool_of
        self._settings = Table(TableNumber.SETTINGS, BytesKey(1), Settings, self.journal)
        self._counters = Table(TableNumber.COUNTERS, BytesKey(1), Counter, self.journal)
        tables: tuple[Table[Any, Any], ...] = (
            self._settings,
            self._counters,
            *self.spot.tables,
            *self.perp.tables,
            *self.core.tables,
        )
        self.tables: dict[int, Table[Any, Any]] = {table.number: table for table in tables}
        self.commitment = EMPTY_COMMITMENT
        """To all rows."""
        self.ended = EMPTY_COMMITMENT
        """To the rows of ended orders and positions, which are in storage only."""

    # Collateral

    def held(self, pool: int) -> int:
        """Return the collateral that the exchange holds of a pool: of one token."""
        on_dexs = [it for it in self.core.dexs if it.collateral] if self.core.has_dexs else ()
        if pool:
            return sum(it.total for it in on_dexs if it.collateral == pool)
        return self.perp.fund.collateral_total - sum(it.total for it in on_dexs)

    def backing(self, pool: int) -> int:
        """Return what is held for positions and insurance: all but what is idle."""
        return self.held(pool) - self.perp.idle[pool]

    # Rows

    @property
    def owner(self) -> Address | None:
        """The account that may list markets; None until the first owner is set."""
        settings = self._settings.get(_SETTINGS_KEY)
        return settings.owner if settings else None

    def set_owner(self, owner: Address) -> None:
        """Hand the exchanges to another owner."""
        self._settings.put(_SETTINGS_KEY, Settings(owner))

    def next_order_id(self) -> int:
        """Take a new order id; ids strictly increase from 1, over both exchanges."""
        return self._next_id(_ORDER_IDS)

    def next_trade_id(self) -> int:
        """Take a new trade id; ids strictly increase from 1, over both exchanges."""
        return self._next_id(_TRADE_IDS)

    def next_position_id(self) -> int:
        """Take a new position id; ids strictly increase from 1."""
        return self._next_id(_POSITION_IDS)

    def next_action_sequence(self) -> int:
        """Take a new sequence number of an action on HyperCore; they strictly increase from 1."""
        return self._next_id(_ACTION_IDS)

    def next_unstaking_sequence(self) -> int:
        """Take a new sequence number of HYPE on its way out of staking."""
        return self._next_id(_UNSTAKING_IDS)

    def next_transfer_sequence(self) -> int:
        """Take a new sequence number of a transfer from HyperCore to the EVM."""
        return self._next_id(_TRANSFER_IDS)

    def spot_order(self, order_id: int) -> Order | None:
        """Find a spot order, live or ended; None where no spot order has that id."""
        return self._find(self.spot.orders, order_id, _ORDER_IDS)

    def perp_order(self, order_id: int) -> PerpOrder | None:
        """Find a perpetuals order, live or ended; None for a waiting trigger too."""
        return self._find(self.perp.orders, order_id, _ORDER_IDS)

    def position(self, position_id: int) -> Position | None:
        """Find a position, open or ended; None where no position has that id."""
        return self._find(self.perp.positions, position_id, _POSITION_IDS)

    # Blocks

    def seal(self, earlier: EarlierChanges | None = None) -> LedgerChanges:
        """Return what changed since the last `accept`; changes nothing.

        With `earlier`, only what the journal has beyond that is looked at.
        """
        journal, tables = self.journal, self.tables
        if earlier is None:
            return collect_changes(journal.entries, tables, self.commitment, self.ended)
        before, later = earlier.changes, journal.entries[earlier.entries :]
        assert before.ended is not None, "a ledger counts its ended rows"
        return joined(before, collect_changes(later, tables, before.commitment, before.ended))

    def accept(self, changes: LedgerChanges) -> None:
        """Adopt what `seal` returned as the new starting point, once it is durable."""
        assert changes.ended is not None, "a ledger counts its ended rows"
        self.journal.clear()
        self.commitment, self.ended = changes.commitment, changes.ended
        for change in changes.rows:
            table = self.tables[change.table]
            if table.is_live is not always:
                key = table.codec.decode(change.key)
                record = table.get(key)
                if record is not None and not table.is_live(record):
                    del table.rows[key]

    @contextmanager
    def at(self, undo: Iterable[Iterable[RowChange]]) -> Iterator[None]:
        """Show the rows as they were before the given blocks, newest block first.

        Afterwards everything is as it was, whatever happened in between.
        """
        mark = self.journal.mark()
        try:
            self.go_back(undo)
            yield
        finally:
            self.journal.revert(mark)

    @contextmanager
    def ahead(self, changes: Iterable[RowChange]) -> Iterator[None]:
        """Show the rows as they are after changes that have not been made; then as they were."""
        mark = self.journal.mark()
        try:
            for change in changes:
                self.restore_row(change.table, change.key, change.new)
            yield
        finally:
            self.journal.revert(mark)

    def go_back(self, undo: Iterable[Iterable[RowChange]]) -> None:
        """Set the rows to what they were before the given blocks, through the journal.

        Each once, whatever it was in between: most orders of a busy market came and went there.
        """
        before: dict[tuple[int, bytes], bytes | None] = {}
        for changes in undo:
            for change in changes:
                before[change.table, change.key] = change.old
        for (table, key), value in before.items():
            self.restore_row(table, key, value)

    def restore_row(self, table_number: int, key: bytes, value: bytes | None) -> None:
        """Set one row to a stored value, or delete it with None, through the journal.

        Raises UntrustedStorage for what is no row.
        """
        table = self.tables.get(table_number)
        if table is None or len(key) != table.codec.width:
            raise UntrustedStorage(f"there is no row {key.hex()} of a table {table_number}")
        decoded = table.codec.decode(key)
        if value is not None:
            table.put(decoded, table.decode(value))
        elif decoded in table.rows:
            table.put(decoded, None)

    # Start-up and end

    def load(
        self, table_number: int, rows: Iterable[tuple[bytes, bytes]]
    ) -> Iterator[tuple[bytes, bytes]]:
        """Take in a table's stored rows, and yield each on; `index_loaded` ends it.

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
        """Build every index from the loaded rows, by ascending id."""
        self.spot.index_loaded()
        self.perp.index_loaded()

    def close(self) -> None:
        """Free the books' memory, which is linked in cycles that the collector skips."""
        self.spot.live.clear()
        self.perp.live.clear()
        self.journal.clear()

    def _find(self, table: Table[int, RecordT], row_id: int, ids: bytes) -> RecordT | None:
        """Find a row by id, in memory or, when it has ended, in storage."""
        record = table.get(row_id)
        if record is not None or not 0 < row_id < self._peek_id(ids):
            return record
        stored = self.storage.row(table.number, table.codec.encode(row_id))
        return None if stored is None else table.decode(stored)

    def _next_id(self, key: bytes) -> int:
        next_id = self._peek_id(key)
        assert next_id <= MAX_ID, "ids are used up"
        self._counters.put(key, Counter(next_id + 1))
        return next_id

    def _peek_id(self, key: bytes) -> int:
        counter = self._counters.get(key)
        return counter.next_id if counter else 1
