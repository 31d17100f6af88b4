"""The slow half of verification: what the rows say, and whether the rest of the state is there.

That the rows are those of the block, `verify` proves by hashes. This looks into them: each
decodes and encodes to the same bytes, the indexes agree with them, and a ledger opened over them
keeps every invariant. What it finds there is a mistake of the program that wrote them, not
damage. Then it walks the whole EVM state: every node and code, each the one its hash names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkpoint.errors import StoreDamaged
from checkpoint.store import Progress, StoreReader
from checkpoint.trie.mark_nodes import mark_state
from precompiles.ledger.checks import check
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.recovery import open_ledger
from precompiles.ledger.storage import UntrustedStorage
from precompiles.ledger.table import IdKey, Table, TableNumber

_PROGRESS_STEP = 4096


def row_problems(store: StoreReader, progress: Progress) -> Iterator[str]:
    """Rows that do not decode, or not to what encodes to the same bytes; `progress` counts rows."""
    head = store.head()
    total = sum(head.commitment.counts.values()) if head else 0
    tables, done = Ledger(store).tables, 0
    for number in sorted(store.tables()):
        table = tables.get(number)
        if table is None:
            yield f"table {number} is not known: a newer version of this program wrote it"
            continue
        name = TableNumber(number).name.lower()
        for key, value in store.rows(number):
            done += 1
            if done % _PROGRESS_STEP == 0:
                progress(done, total)
            problem = _row_problem(table, key, value)
            if problem is not None:
                yield f"table {name}, key {key.hex()}: {problem}"
    progress(done, total)


def ledger_problems(store: StoreReader) -> Iterator[str]:
    """Indexes that disagree with the rows, and invariants that do not hold over them."""
    try:
        ledger, report = open_ledger(store)
    except UntrustedStorage as error:
        yield str(error)
        return
    try:
        yield from report.repair_lines()
        yield from check(ledger)
    finally:
        ledger.close()


def state_problems(store: StoreReader) -> Iterator[str]:
    """The first trie node or code of the head's state that is missing or altered."""
    head = store.head()
    assert head is not None
    try:
        mark_state(store, head.state_root, set(), lambda _count: None)
    except StoreDamaged as error:
        yield str(error)


def _row_problem(table: Table[Any, Any], key: bytes, value: bytes) -> str | None:
    if len(key) != table.codec.width:
        return f"the key has {len(key)} bytes, not {table.codec.width}"
    try:
        record = table.decode(value)
    except UntrustedStorage as error:
        return str(error)
    if record.encode() != value:
        return "it decodes, but to what is stored in other bytes"
    if isinstance(table.codec, IdKey) and record.id != table.codec.decode(key):
        return f"it is kept under another id than its own, {record.id}"
    return None
