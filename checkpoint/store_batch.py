"""Everything one block changes in a store, as data; a store applies all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from checkpoint.families import HEAD_KEY, Family, height_key, row_key
from checkpoint.head import Head
from checkpoint.record_codec import encode_undo
from precompiles.ledger.storage import Commitment, LedgerChanges


class BlockBatch:
    """Collects puts and deletes; of several for one key the last one counts."""

    __slots__ = ("changes", "ended", "head")

    def __init__(self) -> None:
        self.changes: dict[Family, dict[bytes, bytes | None]] = {}
        """Per family, the new value of each changed key; None deletes it."""
        self.head: Head | None = None
        """The block the store is at afterwards; None in a batch that leaves the rows alone."""
        self.ended: Commitment | None = None
        """To the rows of ended orders and positions afterwards, where there is a head; None where
        nobody counted them.
        """

    def put(self, family: Family, key: bytes, value: bytes) -> None:
        """Set one key."""
        self.changes.setdefault(family, {})[key] = value

    def put_all(self, family: Family, values: Mapping[bytes, bytes]) -> None:
        """Set several keys."""
        self.changes.setdefault(family, {}).update(values)

    def delete(self, family: Family, key: bytes) -> None:
        """Remove one key, whether or not it exists."""
        self.changes.setdefault(family, {})[key] = None

    def add_ledger(self, changes: LedgerChanges, height: int) -> None:
        """Add the ledger's part of the block at `height`, and the way to undo it.

        Called for every block, one without changes too: each block has its undo row.
        """
        self._add_rows(changes)
        self.put(Family.UNDO, height_key(height), encode_undo(changes.rows))

    def add_rollback(self, changes: LedgerChanges, heights: range) -> None:
        """Take the blocks at `heights` back: `changes` lead to the rows before them.

        Their entries in UNDO and HASHES go; `remove_block` takes what is kept by hash.
        """
        self._add_rows(changes)
        for height in heights:
            self.delete(Family.UNDO, height_key(height))
            self.delete(Family.HASHES, height_key(height))

    def remove_block(self, block_hash: bytes, transactions: Iterable[bytes]) -> None:
        """Take out all that names a block by its hash, and its transactions by theirs."""
        for family in (Family.HEADERS, Family.BODIES, Family.RECEIPTS):
            self.delete(family, block_hash)
        for transaction_hash in transactions:
            self.delete(Family.TRANSACTIONS, transaction_hash)

    def extend(self, later: BlockBatch) -> None:
        """Add all of a batch that comes after this one."""
        for family, changes in later.changes.items():
            self.changes.setdefault(family, {}).update(changes)
        if later.head is not None:
            self.head, self.ended = later.head, later.ended

    def set_active(self, activations: Mapping[bytes, bool]) -> None:
        """Set entries of the active index."""
        for key, active in activations.items():
            if active:
                self.put(Family.ACTIVE, key, b"")
            else:
                self.delete(Family.ACTIVE, key)

    def set_head(self, head: Head) -> None:
        """Set the block the store is at afterwards."""
        self.head = head
        self.put(Family.HEAD, HEAD_KEY, head.encode())

    def _add_rows(self, changes: LedgerChanges) -> None:
        rows = self.changes.setdefault(Family.ROWS, {})
        for change in changes.rows:
            rows[row_key(change.table, change.key)] = change.new
        self.set_active(changes.activations)
        self.ended = changes.ended
