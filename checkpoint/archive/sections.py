"""The state in a store as the records of an archive, in order, read as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from checkpoint.archive.record_types import (
    ChainRecord,
    Record,
    RowRecord,
    Section,
    StateKind,
    StateRecord,
    kept_heights,
)
from checkpoint.block_record import BlockRecord
from checkpoint.errors import StoreDamaged
from checkpoint.families import Family, height_key
from checkpoint.head import Head
from checkpoint.head_checks import first_block
from checkpoint.store import StoreReader
from checkpoint.trie.account import Account
from checkpoint.trie.nodes import EMPTY_CODE, read_code
from checkpoint.trie.walk import walk_trie
from precompiles.ledger.commitment import digest
from precompiles.ledger.table import TableNumber, row_of


def read_section(store: StoreReader, head: Head, section: Section) -> Iterator[Record]:
    """Yield the records of a section. Raises StoreDamaged, naming what is missing or altered."""
    match section:
        case Section.CHAIN:
            yield _chain(head)
        case Section.BLOCKS:
            yield from _blocks(store, head)
        case Section.STATE:
            yield from _state(store, head.state_root)
        case Section.ROWS:
            for table in sorted(store.tables()):
                for key, value in store.rows(table):
                    yield RowRecord(table, key, value)
        case Section.ACTIVE:
            yield from (key for key in store.active_keys() if row_of(key)[0] == TableNumber.ORDERS)


def _chain(head: Head) -> ChainRecord:
    counts = tuple(sorted(head.commitment.counts.items()))
    return ChainRecord(head.chain_id, head.height, head.block_hash, digest(head.commitment), counts)


def _blocks(store: StoreReader, head: Head) -> Iterator[BlockRecord]:
    first = first_block(store)
    for height in kept_heights(0 if first is None else first[0], head.height):
        block_hash = _need(store, Family.HASHES, height_key(height), height)
        parts = (
            _need(store, family, block_hash, height)
            for family in (Family.HEADERS, Family.BODIES, Family.RECEIPTS)
        )
        yield BlockRecord(height, *parts)


def _state(store: StoreReader, root: bytes) -> Iterator[StateRecord]:
    seen = {EMPTY_CODE}
    for key, value in walk_trie(store, root):
        try:
            account = Account.decode(value)
        except ValueError as error:
            raise StoreDamaged(f"it does not decode: {error}", f"account {key.hex()}") from error
        if account.code_hash not in seen:
            seen.add(account.code_hash)
            code = read_code(store, account.code_hash)
            yield StateRecord(StateKind.CODE, account.code_hash, code)
        yield StateRecord(StateKind.ACCOUNT, key, value)
        for slot, word in walk_trie(store, account.storage_root):
            yield StateRecord(StateKind.SLOT, slot, word)
    for key, value in store.iterate(Family.ORIGIN):
        yield StateRecord(StateKind.ORIGIN, key, value)


def _need(store: StoreReader, family: Family, key: bytes, height: int) -> bytes:
    value = store.get(family, key)
    if value is None:
        raise StoreDamaged("it is missing", f"family {family}, block {height}")
    return value
