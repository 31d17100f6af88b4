"""Tables: named maps from key to record, changed only through the journal.

Keys are the stored keys, fixed-width big-endian bytes, but for orders: there the key in memory
is the id itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from sortedcontainers import SortedList

from precompiles.engine.journal import Journal
from precompiles.ledger.record import Record
from precompiles.types import Address


class TableNumber(IntEnum):
    """The first byte of a stored row's key. Numbers are never reused."""

    SETTINGS = 1
    COUNTERS = 2
    TOKENS = 3
    MARKETS = 4
    BALANCES = 5
    ORDERS = 6
    PERP_SETTINGS = 16
    PERP_FUND = 17
    PERP_MARKETS = 18
    PERP_PRICES = 19
    PERP_ACCOUNTS = 20
    PERP_LEVERAGES = 21
    POSITIONS = 22
    PERP_ORDERS = 23
    TRIGGERS = 24
    CORE_SETTINGS = 32
    CORE_USERS = 33
    CORE_TOKENS = 34
    CORE_PAIRS = 35
    CORE_PERPS = 36
    CORE_DELAYED = 37
    CORE_OUTGOING = 38
    CORE_LAST_PRICES = 39


KeyT = TypeVar("KeyT", int, bytes)
RecordT = TypeVar("RecordT", bound=Record)


class KeyCodec(Protocol[KeyT]):
    """How a table's keys are stored."""

    width: int

    def encode(self, key: KeyT) -> bytes: ...
    def decode(self, stored: bytes) -> KeyT: ...


class BytesKey:
    """Keys that are stored as they are."""

    def __init__(self, width: int) -> None:
        self.width = width

    def encode(self, key: bytes) -> bytes:
        assert len(key) == self.width
        return key

    def decode(self, stored: bytes) -> bytes:
        return stored


class IdKey:
    """Ids as eight bytes, so that order in the store is order of id."""

    width = 8

    def encode(self, key: int) -> bytes:
        return key.to_bytes(8, "big")

    def decode(self, stored: bytes) -> int:
        return int.from_bytes(stored, "big")


def always(_record: object) -> bool:
    """For tables whose rows all stay in memory."""
    return True


class Table(Generic[KeyT, RecordT]):
    """The rows of one kind, in memory.

    `is_live` tells which rows stay in memory when their block is over; the others are read back
    from storage when asked for. `index` hears of each change that is made through the journal, in
    order to make its own through it; `watch` hears of every change, those taken back included.
    """

    __slots__ = ("codec", "decode", "index", "is_live", "journal", "number", "rows", "watch")

    def __init__(
        self,
        number: TableNumber,
        codec: KeyCodec[KeyT],
        decode: Callable[[bytes], RecordT],
        journal: Journal,
        is_live: Callable[[RecordT], bool] = always,
    ) -> None:
        self.number = number
        self.is_live = is_live
        self.index: Callable[[RecordT | None, RecordT | None], None] | None = None
        self.watch: Callable[[KeyT, RecordT | None, RecordT | None], None] | None = None
        self.codec: KeyCodec[KeyT] = codec
        self.decode = decode
        self.journal = journal
        self.rows: dict[KeyT, RecordT] = {}

    def get(self, key: KeyT) -> RecordT | None:
        """The record of a key, or None."""
        return self.rows.get(key)

    def put(self, key: KeyT, record: RecordT | None) -> None:
        """Set a row, or delete it with None."""
        before = self.rows.get(key)
        self.journal.record(self, key, before)
        self.undo(key, record)
        if self.index is not None:
            self.index(before, record)

    def undo(self, subject: KeyT, before: RecordT | None) -> None:
        """Set a row back to what it was."""
        if self.watch is not None:
            self.watch(subject, self.rows.get(subject), before)
        if before is None:
            self.rows.pop(subject, None)
        else:
            self.rows[subject] = before


class ClientOrderIds:
    """Live orders by (owner, client order id)."""

    __slots__ = ("ids", "journal")

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.ids: dict[tuple[Address, int], int] = {}

    def set(self, key: tuple[Address, int], order_id: int | None) -> None:
        """Let a client order id name a live order, or none."""
        self.journal.record(self, key, self.ids.get(key))
        self.undo(key, order_id)

    def undo(self, subject: tuple[Address, int], before: int | None) -> None:
        if before is None:
            self.ids.pop(subject, None)
        else:
            self.ids[subject] = before


class OpenOrders:
    """Ids of live orders by owner, ascending."""

    __slots__ = ("journal", "owners")

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.owners: dict[Address, SortedList[int]] = {}

    def of(self, owner: Address) -> SortedList[int]:
        """An owner's live orders, by ascending id; not to be changed."""
        return self.owners.get(owner) or SortedList()

    def page(self, owner: Address, after: int, limit: int) -> list[int]:
        """Up to `limit` of an owner's live orders with an id above `after`, ascending."""
        order_ids = self.of(owner)
        start = order_ids.bisect_right(after)
        return list(order_ids[start : start + limit])

    def add(self, owner: Address, order_id: int) -> None:
        """An order became live."""
        self.journal.record(self, (owner, order_id), False)
        self._add(owner, order_id)

    def discard(self, owner: Address, order_id: int) -> None:
        """An order ended."""
        self.journal.record(self, (owner, order_id), True)
        self._discard(owner, order_id)

    def load(self, owners: Mapping[Address, list[int]]) -> None:
        """Take in all live orders at once, at start-up."""
        self.owners = {owner: SortedList(ids) for owner, ids in owners.items()}

    def undo(self, subject: tuple[Address, int], before: bool) -> None:
        """Restore whether the order was live."""
        (self._add if before else self._discard)(*subject)

    def _add(self, owner: Address, order_id: int) -> None:
        ids = self.owners.get(owner)
        if ids is None:
            ids = self.owners[owner] = SortedList()
        ids.add(order_id)

    def _discard(self, owner: Address, order_id: int) -> None:
        ids = self.owners[owner]
        ids.remove(order_id)
        if not ids:
            del self.owners[owner]
