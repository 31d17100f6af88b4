"""The active-order index of an archive: made anew from the proven rows, whatever it claims."""

from __future__ import annotations

from collections.abc import Sequence

from checkpoint.archive.block_verifier import Sink
from checkpoint.archive.record_types import Section, section_name
from checkpoint.errors import ArchiveDamaged
from checkpoint.families import Family
from precompiles.ledger.spot import Order
from precompiles.ledger.storage import UntrustedStorage
from precompiles.ledger.table import TableNumber

_KEY_BYTES = 8
"""Width of an order id."""


class ActiveIndex:
    """Takes order rows and then the claimed keys, and gives the entries that are right.

    Of a row that does not decode, as a newer version may write, the claim is taken over; opening
    refuses such a state anyway. Memory grows by 8 bytes for each of those rows, and no other.
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
        """Take a row; those of other tables are not looked at."""
        if table != TableNumber.ORDERS:
            return
        self._rows += 1
        try:
            is_active = Order.decode(value).is_active
        except (UntrustedStorage, ValueError):
            if len(key) == _KEY_BYTES:
                self._unreadable += key
            return
        if is_active:
            self._sink(Family.ACTIVE, key, b"")

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
