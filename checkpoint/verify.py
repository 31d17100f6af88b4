"""Proof that ledger rows are the state of a block: rows, commitment, slot, state root, header.

Each step is checked against the next by its hash, so a store that passes holds exactly the rows
that the block's header commits to. Needs no EVM.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from eth_hash.auto import keccak

from checkpoint.block_record import BlockInspector
from checkpoint.deep_verify import block_problems, ledger_problems, row_problems, state_problems
from checkpoint.errors import StoreDamaged, StoreError
from checkpoint.head import Head
from checkpoint.head_checks import header_problem
from checkpoint.metrics import stopwatch
from checkpoint.store import Progress, StoreReader
from checkpoint.trie.account import Account, decode_word
from checkpoint.trie.nodes import read_node
from checkpoint.trie.walk import prove_key
from precompiles.ledger.commitment import EMPTY_COMMITMENT, SetHash, digest, expand
from precompiles.ledger.storage import Commitment
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS

_logger = logging.getLogger(__name__)
_PROGRESS_STEP = 4096


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Result of verification."""

    head: Head | None
    rows: dict[int, int] = field(default_factory=dict)
    """Rows read, per table number."""
    difference: str | None = None
    """The first thing that is not as it must be; None where all is proven."""
    seconds: float = 0.0
    """Wall time it took."""


def verify_store(
    store: StoreReader,
    progress: Progress | None = None,
    *,
    deep: bool = False,
    inspect: BlockInspector | None = None,
) -> VerifyReport:
    """Read all ledger rows and prove them to be the state of the head's block.

    `deep` then looks into them too, see `checkpoint.deep_verify`; `inspect` then proves
    bodies and receipts. `progress` counts rows, deep twice over. Differences and damage are
    reported, not raised.
    """
    rows: dict[int, int] = {}
    head = store.head()
    if head is None:
        return VerifyReport(None, rows, "the store has no head record, so it proves nothing")
    with stopwatch() as watch:
        difference = _difference(store, head, rows, progress or _silent)
        if difference is None and deep:
            difference = _deep_difference(store, progress or _silent, inspect)
    count = sum(rows.values())
    outcome = "proven" if difference is None else difference
    _logger.info("block %d: %d rows, %.3f s: %s", head.height, count, watch.seconds, outcome)
    return VerifyReport(head, rows, difference, watch.seconds)


def _difference(
    store: StoreReader, head: Head, rows: dict[int, int], progress: Progress
) -> str | None:
    """Return the first thing that is wrong; counts rows in `rows`."""
    try:
        accumulator = _hash_rows(store, rows, progress, sum(head.commitment.counts.values()))
        return (
            _rows_problem(head.commitment, rows, accumulator)
            or _slot_problem(store, head)
            or header_problem(store, head)
        )
    except StoreError as error:
        return str(error)


def _deep_difference(
    store: StoreReader, progress: Progress, inspect: BlockInspector | None
) -> str | None:
    try:
        return (
            next(row_problems(store, progress), None)
            or next(ledger_problems(store), None)
            or next(state_problems(store), None)
            or next(block_problems(store, inspect), None)
        )
    except StoreError as error:
        return str(error)


def _hash_rows(
    store: StoreReader, rows: dict[int, int], progress: Progress, expected: int
) -> bytes:
    """Return the accumulator of all rows in the store; counts them in `rows` per table."""
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
    try:
        found = _ledger_word(store, head.state_root)
    except (StoreDamaged, ValueError) as error:
        return f"the state at height {head.height}: {error}"
    if found == bytes(32) and head.commitment == EMPTY_COMMITMENT:
        return None
    expected = digest(head.commitment)
    if found != expected:
        return (
            f"the rows' digest is {expected.hex()}, the ledger account's storage at height "
            f"{head.height} says {found.hex()}"
        )
    return None


def _ledger_word(store: StoreReader, state_root: bytes) -> bytes:
    """Return the word in the ledger's slot; zeros where there is none."""

    def read(node_hash: bytes) -> bytes:
        return read_node(store, node_hash)

    account, _ = prove_key(read, state_root, keccak(LEDGER_ADDRESS))
    if not account:
        return bytes(32)
    slot = keccak(COMMITMENT_SLOT.to_bytes(32, "big"))
    word, _ = prove_key(read, Account.decode(account).storage_root, slot)
    return decode_word(word) if word else bytes(32)


def _silent(_done: int, _total: int) -> None:
    """Report nothing."""
