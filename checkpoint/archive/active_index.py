"""The active index of an archive: made anew from the proven rows, whatever it claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from checkpoint.archive.block_verifier import Sink
from checkpoint.archive.record_types import Section, section_name
from checkpoint.errors import ArchiveDamaged
from checkpoint.families import Family
from precompiles.ledger.perp.records import PerpOrder, Position
from precompiles.ledger.spot import Order
from precompiles.ledger.storage import UntrustedStorage
from precompiles.ledger.table import TableNumber, active_key

_IS_LIVE: dict[int, Callable[[bytes], bool]] = {
    TableNumber.ORDERS: lambda value: Order.decode(value).is_active,
    TableNumber.PERP_ORDERS: lambda value: PerpOrder.decode(value).is_active,
    TableNumber.POSITIONS: lambda value: Position.decode(value).is_open,
}
_KEY_BYTES = 8
"""Width of an order id."""


class ActiveIndex:
    """Takes rows and then the claimed keys, and gives the entries that are right.

    An archive claims the keys of spot orders only. Of a row that does not decode, as a newer
    version may write, the claim is taken over; opening refuses such a state anyway. Memory grows by
    8 bytes for each of those rows, and no other.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._rows = 0
        self._claimed = 0
        self._unreadable = bytearray()
        """Keys of the rows that do not decode, ascending, one after the other."""
        self._at = 0
        self._last = b""

    def add(self, table: int, key: bytes, value: bytes) -> None:
        """Take a row; those of tables whose rows never end are not looked at."""
        is_live = _IS_LIVE.get(table)
        if is_live is None:
            return
        self._rows += table == TableNumber.ORDERS
        try:
            if is_live(value):
                self._sink(Family.ACTIVE, active_key(table, key), b"")
        except (UntrustedStorage, ValueError):
            if table == TableNumber.ORDERS and len(key) == _KEY_BYTES:
                self._unreadable += key

    def claim(self, keys: Sequence[bytes]) -> None:
        """Take some keys of the index, the next ones. Raises ArchiveDamaged."""
        self._claimed += len(keys)
        where = section_name(Section.ACTIVE)
        if self._claimed > self._rows:
            raise ArchiveDamaged(f"more keys than the {self._rows} orders", where)
        for key in keys:
            if len(key) != _KEY_BYTES or key <= self._last:
                raise ArchiveDamaged("a key has the wrong size or comes out of order", where)
            self._last = key
            if self._is_unreadable(key):
                self._sink(Family.ACTIVE, key, b"")

    def _is_unreadable(self, key: bytes) -> bool:
        keys = self._unreadable
        while self._at < len(keys) and keys[self._at : self._at + _KEY_BYTES] < key:
            self._at += _KEY_BYTES
        return keys[self._at : self._at + _KEY_BYTES] == key
