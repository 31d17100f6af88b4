"""Proving that ledger rows are the state of a block: rows, commitment, slot, state root, header.

Each step is checked against the next by its hash, so a store that passes holds exactly the rows
that the block's header commits to. Needs no EVM.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import rlp
from eth_hash.auto import keccak
from trie.exceptions import MissingTrieNode
from trie.hexary import HexaryTrie

from checkpoint.deep_verify import ledger_problems, row_problems, state_problems
from checkpoint.errors import StoreError
from checkpoint.families import Family
from checkpoint.head import Head
from checkpoint.head_checks import header_problem
from checkpoint.metrics import stopwatch
from checkpoint.store import Progress, StoreReader
from precompiles.ledger.commitment import EMPTY_COMMITMENT, SetHash, digest, expand
from precompiles.ledger.storage import Commitment
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS

_logger = logging.getLogger(__name__)
_STORAGE_ROOT = 2
"""Index of the storage root in an account's RLP list (Yellow Paper, section 4.1)."""
_PROGRESS_STEP = 4096


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What verification found."""

    head: Head | None
    rows: dict[int, int] = field(default_factory=dict)
    """Rows read, per table number."""
    difference: str | None = None
    """The first thing that is not as it must be; None where all is proven."""
    seconds: float = 0.0
    """Wall time it took."""


def verify_store(
    store: StoreReader, progress: Progress | None = None, *, deep: bool = False
) -> VerifyReport:
    """Read all ledger rows and prove them to be the state of the head's block.

    `deep` then looks into them too, see `checkpoint.deep_verify`. `progress` counts rows, deep
    twice over. Differences and damage are reported, not raised.
    """
    rows: dict[int, int] = {}
    head = store.head()
    if head is None:
        return VerifyReport(None, rows, "the store has no head record, so it proves nothing")
    with stopwatch() as watch:
        difference = _difference(store, head, rows, progress or _silent, deep)
    count = sum(rows.values())
    outcome = "proven" if difference is None else difference
    _logger.info("block %d: %d rows, %.3f s: %s", head.height, count, watch.seconds, outcome)
    return VerifyReport(head, rows, difference, watch.seconds)


def _difference(
    store: StoreReader, head: Head, rows: dict[int, int], progress: Progress, deep: bool
) -> str | None:
    """The first thing that is wrong; counts rows in `rows`."""
    try:
        accumulator = _hash_rows(store, rows, progress, sum(head.commitment.counts.values()))
        proven = (
            _rows_problem(head.commitment, rows, accumulator)
            or _slot_problem(store, head)
            or header_problem(store, head)
        )
        if proven is not None or not deep:
            return proven
        return (
            next(row_problems(store, progress), None)
            or next(ledger_problems(store), None)
            or next(state_problems(store), None)
        )
    except StoreError as error:
        return str(error)


def _hash_rows(
    store: StoreReader, rows: dict[int, int], progress: Progress, expected: int
) -> bytes:
    """The accumulator of all rows in the store; counts them in `rows` per table."""
    total = SetHash()
    for table in sorted(store.tables()):
        before = sum(rows.values())

        def contributions(table: int = table, before: int = before) -> Iterator[bytes]:
            for count, (key, value) in enumerate(store.rows(table), 1):
                rows[table] = count
                if count % _PROGRESS_STEP == 0:
                    progress(before + count, expected)
                yield expand(table, key, value)

        total.add(contributions())
    progress(sum(rows.values()), expected)
    return total.accumulator()


def _rows_problem(claimed: Commitment, rows: dict[int, int], accumulator: bytes) -> str | None:
    for table in sorted({*claimed.counts, *rows}):
        expected, found = claimed.counts.get(table, 0), rows.get(table, 0)
        if expected != found:
            return f"table {table} has {found} rows, the head record says {expected}"
    if accumulator != claimed.accumulator:
        return "the rows are not those the head record commits to: at least one was altered"
    return None


def _slot_problem(store: StoreReader, head: Head) -> str | None:
    nodes = _Nodes(store)
    try:
        account = _read(nodes, head.state_root, LEDGER_ADDRESS)
        slot = COMMITMENT_SLOT.to_bytes(32, "big")
        value = _read(nodes, rlp.decode(account)[_STORAGE_ROOT], slot) if account else b""
    except MissingTrieNode as error:
        node = error.missing_node_hash.hex()
        return f"node {node} of the state at height {head.height} is missing or altered"
    found = (rlp.decode(value) if value else b"").rjust(32, b"\0")
    if not value and head.commitment == EMPTY_COMMITMENT:
        return None
    expected = digest(head.commitment)
    if found != expected:
        return (
            f"the rows' digest is {expected.hex()}, the ledger account's storage at height "
            f"{head.height} says {found.hex()}"
        )
    return None


def _read(nodes: _Nodes, root: bytes, key: bytes) -> bytes:
    """A value of a secure trie (keys are hashed); empty where there is none."""
    value: bytes = HexaryTrie(nodes, root_hash=root)[keccak(key)]
    return value


class _Nodes:
    """Trie nodes from a store, each checked to be the one its hash names."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store

    def __getitem__(self, node_hash: bytes) -> bytes:
        node = self._store.get(Family.NODES, node_hash)
        if node is None or keccak(node) != node_hash:
            raise KeyError(node_hash)
        return node

    def __contains__(self, node_hash: object) -> bool:
        return isinstance(node_hash, bytes) and self._store.get(Family.NODES, node_hash) is not None


def _silent(_done: int, _total: int) -> None:
    """For callers who do not watch."""
