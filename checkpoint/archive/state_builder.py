"""From an archive's records to the entries of a store, each proven by the block's hash.

Block hash, header, state root, ledger account, slot, digest, rows: the chain of proof that
`checkpoint.verify` follows in a store, here along the stream. Exporting goes through it too, so
what was exported can be imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from checkpoint.archive.account_verifier import AccountVerifier
from checkpoint.archive.active_index import ActiveIndex
from checkpoint.archive.block_verifier import BlockVerifier, Sink
from checkpoint.archive.record_types import ChainRecord, RowRecord, Section, section_name
from checkpoint.block_record import BlockInspector
from checkpoint.errors import ArchiveDamaged
from checkpoint.families import Family, row_key
from checkpoint.head import Head
from checkpoint.trie.account import decode_word
from precompiles.ledger.commitment import SetHash, digest, expand
from precompiles.ledger.storage import Commitment

MAX_ROW_KEY_BYTES = 0xFF
"""The set hash takes a key's length as one byte."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A state in numbers."""

    head: Head
    """The block whose state it is."""
    blocks: int
    """Blocks that travelled with it."""
    accounts: int
    slots: int
    """Storage words of all accounts."""
    rows: int
    """Ledger rows."""


class StateBuilder:
    """Takes records in the order of an archive; the head is there once all of it is proven."""

    def __init__(self, inspect: BlockInspector, sink: Sink | None = None) -> None:
        """Prove, and give a store's entries to `sink`; without one, only prove."""
        self._inspect, self._sink = inspect, sink or _discard
        self.chain: ChainRecord | None = None
        self._blocks: BlockVerifier | None = None
        self._accounts = AccountVerifier(self._sink)
        self._hash = SetHash()
        self._counts: dict[int, int] = {}
        self._active = ActiveIndex(sink) if sink else None
        self._last_row = b""
        self._kept_blocks = 0

    def add(self, section: int, records: list[Any]) -> None:
        """Add the next records of a section. Raises ArchiveDamaged."""
        if section == Section.CHAIN:
            self._begin(records)
            return
        if self._blocks is None:
            raise ArchiveDamaged("it comes before the chain is named", section_name(section))
        match section:
            case Section.BLOCKS:
                for block in records:
                    self._blocks.add(block)
                self._kept_blocks += len(records)
            case Section.STATE:
                for record in records:
                    self._accounts.add(record)
            case Section.ROWS:
                self._hash.add(self._rows(records))
            case Section.ACTIVE:
                if self._active:
                    self._active.claim(records)

    @property
    def genesis(self) -> bytes | None:
        """Return the hash of the first block; None until it was added."""
        return self._blocks.genesis if self._blocks else None

    @property
    def first_height(self) -> int:
        """Return the height of the first block."""
        return self._blocks.first_height if self._blocks else 0

    def finish(self) -> tuple[Head, Summary]:
        """Return the head of the finished store. Raises ArchiveDamaged, naming what differs."""
        if self.chain is None or self._blocks is None:
            raise ArchiveDamaged("it is empty", section_name(Section.CHAIN))
        chain, state_root = self.chain, self._blocks.finish()
        root = self._accounts.root()
        if root != state_root:
            raise ArchiveDamaged(
                f"accounts and storage have root {root.hex()}, the header of block "
                f"{chain.height} says {state_root.hex()}",
                section_name(Section.STATE),
            )
        commitment = Commitment(self._hash.accumulator(), self._counts)
        self._check_rows(chain, commitment)
        head = Head(chain.chain_id, chain.height, chain.block_hash, state_root, commitment)
        accounts, slots = self._accounts.accounts, self._accounts.slots
        rows = sum(self._counts.values())
        return head, Summary(head, self._kept_blocks, accounts, slots, rows)

    def _begin(self, records: list[ChainRecord]) -> None:
        if self.chain is not None or len(records) != 1 or records[0].height < 0:
            raise ArchiveDamaged("it must name one block", section_name(Section.CHAIN))
        self.chain = records[0]
        self._blocks = BlockVerifier(self.chain, self._inspect, self._sink)

    def _rows(self, records: list[RowRecord]) -> Iterator[bytes]:
        """Put the rows and yield what each adds to the set hash."""
        for table, key, value in records:
            if not 0 <= table <= 0xFF or len(key) > MAX_ROW_KEY_BYTES:
                what = f"table {table} with a key of {len(key)} bytes: there can be no such row"
                raise ArchiveDamaged(what, section_name(Section.ROWS))
            row = row_key(table, key)
            if row <= self._last_row:
                where = f"section rows, table {table}, key {key.hex()}"
                raise ArchiveDamaged("it comes out of order", where)
            self._last_row = row
            if self._active:
                self._active.add(table, key, value)
            self._counts[table] = self._counts.get(table, 0) + 1
            self._sink(Family.ROWS, row, value)
            yield expand(table, key, value)

    def _check_rows(self, chain: ChainRecord, commitment: Commitment) -> None:
        where = section_name(Section.ROWS)
        claimed = dict(chain.counts)
        for table in sorted({*claimed, *commitment.counts}):
            expected, found = claimed.get(table, 0), commitment.counts.get(table, 0)
            if expected != found:
                raise ArchiveDamaged(f"table {table} has {found} rows, not {expected}", where)
        found_digest = digest(commitment)
        if found_digest != chain.digest:
            raise ArchiveDamaged(
                f"the rows' digest is {found_digest.hex()}, the archive claims "
                f"{chain.digest.hex()}: at least one was altered",
                where,
            )
        self._check_word(commitment, found_digest)

    def _check_word(self, commitment: Commitment, expected: bytes) -> None:
        """Check the state, which is proven already, against the rows."""
        word = self._accounts.ledger_word
        if word is None and not commitment.counts:
            return
        try:
            found = b"" if word is None else decode_word(word)
        except ValueError:
            found = b""
        if found != expected:
            raise ArchiveDamaged(
                f"the rows' digest is {expected.hex()}, the ledger account's storage says "
                f"{found.hex() or 'nothing'}",
                section_name(Section.ROWS),
            )


def _discard(_family: Family, _key: bytes, _value: bytes) -> None:
    """Drop an entry, for callers that only prove."""
