"""The slow half of verification: what the rows say, and whether the rest of the state is there.

That the rows are those of the block, `verify` proves by hashes. This looks into them: each
decodes and encodes to the same bytes, the indexes agree with them, and a ledger opened over them
keeps every invariant. What it finds there is a mistake of the program that wrote them, not
damage. Then it walks the whole EVM state: every node and code, each the one its hash names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from checkpoint.block_record import BlockInspector, BlockRecord, HeaderFields, header_fields
from checkpoint.errors import StoreDamaged
from checkpoint.families import Family, height_of
from checkpoint.head_checks import is_header_of
from checkpoint.store import Progress, StoreReader
from checkpoint.trie.mark_nodes import mark_state
from precompiles.ledger.checks import check
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.recovery import open_ledger
from precompiles.ledger.storage import UntrustedStorage
from precompiles.ledger.table import IdKey, Table, TableNumber

_PROGRESS_STEP = 4096


def row_problems(store: StoreReader, progress: Progress) -> Iterator[str]:
    """Yield rows that do not decode, or not to the same bytes; `progress` counts rows."""
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
    """Yield indexes that disagree with the rows, and invariants that do not hold."""
    try:
        ledger, report = open_ledger(store, in_full=True)
    except UntrustedStorage as error:
        yield str(error)
        return
    try:
        yield from report.repair_lines()
        yield from check(ledger)
    finally:
        ledger.close()


def block_problems(store: StoreReader, inspect: BlockInspector | None) -> Iterator[str]:
    """Yield what is wrong with the blocks below the head, and with what names them.

    Each is the parent of the next by its hash, from the head down to the first that is there; only
    the first may stand alone below a gap, as archives leave it. `inspect` proves bodies and
    receipts.
    """
    head = store.head()
    assert head is not None
    below: HeaderFields | None = None
    last_hash, blocks, transactions = b"", 0, 0
    for key, block_hash in store.iterate(Family.HASHES):
        where = f"block {height_of(key)}"
        header = store.get(Family.HEADERS, block_hash)
        if header is None or not is_header_of(header, block_hash):
            yield f"{where}: its header is missing or another one"
            return
        try:
            fields = header_fields(header)
            hashes = _transactions(store, head.chain_id, block_hash, header, fields, inspect)
        except ValueError as error:
            yield f"{where}: {error}"
            return
        if fields.height != height_of(key):
            yield f"{where}: its header is that of block {fields.height}"
        is_next = below is not None and fields.height == below.height + 1
        if below is not None and fields.parent_hash != last_hash and (is_next or blocks > 1):
            yield f"{where}: block {below.height} is not its parent"
        for index, transaction in enumerate(hashes):
            if store.get(Family.TRANSACTIONS, transaction) != key + index.to_bytes(4, "big"):
                yield f"{where}: transaction {transaction.hex()} is not listed there"
        below, last_hash = fields, block_hash
        blocks, transactions = blocks + 1, transactions + len(hashes)
    yield from _surplus_problems(store, blocks, transactions if inspect else None)


def _transactions(
    store: StoreReader,
    chain_id: int,
    block_hash: bytes,
    header: bytes,
    fields: HeaderFields,
    inspect: BlockInspector | None,
) -> Sequence[bytes]:
    """Return a block's transaction hashes, proven. Raises ValueError."""
    body = store.get(Family.BODIES, block_hash)
    receipts = store.get(Family.RECEIPTS, block_hash)
    if body is None or receipts is None:
        raise ValueError("its body or its receipts are missing")
    if inspect is None:
        return ()
    return inspect(chain_id, BlockRecord(fields.height, header, body, receipts))


def _surplus_problems(store: StoreReader, blocks: int, transactions: int | None) -> Iterator[str]:
    """Yield families that hold more than the listed blocks do."""
    expected = dict.fromkeys((Family.HEADERS, Family.BODIES, Family.RECEIPTS), blocks)
    if transactions is not None:
        expected[Family.TRANSACTIONS] = transactions
    for family, count in expected.items():
        found = sum(1 for _ in store.iterate(family))
        if found != count:
            yield f"family {family} has {found} entries, the listed blocks have {count}"


def state_problems(store: StoreReader) -> Iterator[str]:
    """Yield the first node or code of the head's state that is missing or altered."""
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
