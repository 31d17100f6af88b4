"""What differs between two states is told completely: held against the rows in plain dicts."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evm_dex
from checkpoint.diff import Counts, RowDecoder, count, differing_rows, kind_of
from checkpoint.errors import NoCheckpoint
from checkpoint.families import Family
from checkpoint.manager import CheckpointManager
from checkpoint.memory_store import MemoryStore
from checkpoint.rocks import RocksStore
from checkpoint.snapshot_source import open_snapshot
from checkpoint.store_batch import BlockBatch
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import RowChange
from precompiles.ledger.table import Table, TableNumber
from tests.checkpoint.fake_chain import FakeChain
from tests.precompiles.ledger.test_perp_recovery import SAMPLES as PERP_SAMPLES
from tests.precompiles.ledger.test_recovery import SAMPLES as SPOT_SAMPLES

KEYS = st.binary(min_size=1, max_size=3)
ROWS = st.dictionaries(KEYS, st.binary(max_size=2), max_size=12)


def holding(rows: Mapping[bytes, bytes]) -> MemoryStore:
    store, batch, chain = MemoryStore(), BlockBatch(), FakeChain()
    store.write(chain.block({}))
    assert chain.head is not None
    for key, value in rows.items():
        batch.put(Family.ROWS, key, value)
    batch.set_head(chain.head)
    store.write(batch)
    return store


@given(ROWS, ROWS)
def test_differing_rows_are_those_of_two_dicts(
    old: dict[bytes, bytes], new: dict[bytes, bytes]
) -> None:
    expected = [
        RowChange(key[0], key[1:], old.get(key), new.get(key))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    assert list(differing_rows(holding(old), holding(new))) == expected


def test_each_difference_is_counted_as_what_it_is() -> None:
    counts: dict[int, Counts] = {}
    for old, new in ((None, b"1"), (b"1", b"2"), (b"1", None), (b"1", b"3")):
        change = RowChange(6, b"k", old, new)
        count(counts, change)
    assert counts == {6: Counts(added=1, changed=2, removed=1)}
    assert kind_of(RowChange(6, b"k", b"", None)) == "removed"


def test_checkpoints_and_head_are_compared_while_the_store_is_open(tmp_path: Path) -> None:
    rng, chain = random.Random(4), FakeChain()
    with closing(RocksStore(tmp_path)) as store:
        manager, states = CheckpointManager(store, interval=3), {}
        for _ in range(9):
            store.write(chain.random_block(rng))
            assert chain.head is not None
            manager.committed(chain.head)
            states[chain.height] = dict(chain.rows)
        for first, second in ((3, 6), (6, 3), (6, None), (None, None)):
            with open_snapshot(tmp_path, first) as old, open_snapshot(tmp_path, second) as new:
                found = {(c.table, c.key): (c.old, c.new) for c in differing_rows(old, new)}
            before, after = (states[8 if at is None else at] for at in (first, second))
            assert found == {
                key: (before.get(key), after.get(key))
                for key in {*before, *after}
                if before.get(key) != after.get(key)
            }
        with pytest.raises(NoCheckpoint, match="there are: 3, 6"), open_snapshot(tmp_path, 4):
            pass


def test_progress_ends_at_the_rows_of_both() -> None:
    store, chain = MemoryStore(), FakeChain()
    store.write(chain.block({(1, b"k"): b"1", (6, b"o"): b"\x01"}))
    seen: list[tuple[int, int]] = []
    assert list(differing_rows(store, store, lambda done, total: seen.append((done, total)))) == []
    assert seen == [(4, 4)]


def test_fields_say_what_changed_from_what_to_what() -> None:
    """An order that is filled in part: what is filled, and status, and nothing else of it."""
    with evm_dex.open() as dex:
        weth, taker = dex.tokens["WETH"], dex.accounts[1]
        dex.spot.send("placeOrder", weth, 10**18, 3_000 * 10**6, False)
        before = dict(dex.store.iterate(Family.ROWS))
        dex.spot.send("placeOrder", weth, 10**17, 3_000 * 10**6, True, sender=taker)
        reader, old = RowDecoder(dex.store), holding(before)
        changes = {(c.table, c.key): c for c in differing_rows(old, dex.store)}
        first, second = (changes[TableNumber.ORDERS, n.to_bytes(8, "big")] for n in (1, 2))
        assert reader.key(first) == "1"
        assert reader.fields(first) == {
            "filled": (0, 10**17),
            "filled_quote": (0, 300 * 10**6),
            "status": ("new", "partially_filled"),
        }
        added = reader.fields(second)
        assert added["owner"] == (None, "0x" + bytes.fromhex(taker.address[2:]).hex())
        assert added["amount"] == (None, 10**17)
        balance = next(c for c in changes.values() if c.table == TableNumber.BALANCES)
        assert reader.key(balance).count("0x") == 2
        removed = RowChange(first.table, first.key, first.old, None)
        assert reader.fields(removed)["amount"] == (10**18, None)


@pytest.mark.parametrize("record", [record for record, _ in SPOT_SAMPLES + PERP_SAMPLES])
def test_rows_of_every_table_are_told_in_words_that_json_has(record: Any) -> None:
    """Each field by its name; addresses, lists and kinds as text, lists and lower-case names."""
    tables = Ledger(MemoryStore()).tables
    number = next(n for n, table in tables.items() if decodes_to(table, record))
    change = RowChange(number, bytes(tables[number].codec.width), None, record.encode())
    fields = RowDecoder(MemoryStore()).fields(change)
    told = {name for name in record.__struct_fields__ if getattr(record, name) is not None}
    assert set(fields) == told
    assert json.loads(json.dumps(fields)) == {name: list(pair) for name, pair in fields.items()}


def decodes_to(table: Table[Any, Any], record: Any) -> bool:
    return getattr(table.decode, "__self__", None) is type(record)


def test_rows_that_do_not_decode_are_shown_as_they_are() -> None:
    reader = RowDecoder(MemoryStore())
    for table in (TableNumber.ORDERS, 0xEE):
        change = RowChange(table, bytes(8), b"\xff", None)
        assert reader.fields(change) == {"undecoded": ("0xff", None)}
    assert reader.key(RowChange(0xEE, b"\x01\x02", b"", None)) == "0x0102"
