"""What every store must do, in memory or on disk."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checkpoint.errors import StoreClosed, UndoExpired, UnknownBlock
from checkpoint.families import Family, height_key, row_key
from checkpoint.memory_store import MemoryStore
from checkpoint.rocks import RocksStore
from checkpoint.store import Store
from checkpoint.store_batch import BlockBatch
from precompiles.ledger.storage import LedgerChanges, RowChange
from tests.checkpoint.fake_chain import CHAIN_ID, ORDERS, FakeChain, contents

NewStore = Callable[..., Store]


@pytest.fixture(params=["memory", "disk"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewStore]:
    made: list[Store] = []

    def make(undo_window: int = 1024) -> Store:
        if request.param == "memory":
            made.append(MemoryStore(undo_window=undo_window))
        else:
            path = tmp_path / f"store{len(made)}"
            made.append(RocksStore(path, chain_id=CHAIN_ID, undo_window=undo_window))
        return made[-1]

    yield make
    for store in made:
        store.close()


def test_new_store_is_empty(new_store: NewStore) -> None:
    store = new_store()
    assert store.head() is None
    assert store.commitment() is None
    assert store.tables() == frozenset()
    assert contents(store) == {family: {} for family in Family}


def test_block_is_readable_in_every_family_once_written(new_store: NewStore) -> None:
    store, chain = new_store(), FakeChain()
    for changes in ({(1, b"a"): b"1"}, {(1, b"a"): b"2", (ORDERS, b"o"): b"\x01"}):
        store.write(chain.block(changes))
        assert store.head() == chain.head
        assert contents(store) == chain.state
    assert chain.head is not None
    assert store.get(Family.HASHES, height_key(1)) == chain.head.block_hash
    assert store.get(Family.HASHES, height_key(2)) is None


def test_rows_are_given_per_table_by_ascending_key(new_store: NewStore) -> None:
    store, chain = new_store(), FakeChain()
    keys = [bytes((9, 255)), b"\x00\x01", b"\xff\xff", b"\x00\x00", b"\x7f\x00"]
    store.write(chain.block({(table, key): b"v" + key for table in (0, 5, 255) for key in keys}))
    assert store.tables() == {0, 5, 255}
    for table in (0, 5, 255):
        assert list(store.rows(table)) == [(key, b"v" + key) for key in sorted(keys)]
        assert store.row(table, b"\xff\xff") == b"v\xff\xff"
    assert list(store.rows(4)) == []
    assert store.row(4, b"\xff\xff") is None


def test_commitment_is_that_of_the_head(new_store: NewStore) -> None:
    store, chain = new_store(), FakeChain()
    store.write(chain.block({(5, b"k"): b"v", (6, b"o"): b"\x02"}))
    assert store.commitment() == chain.commitment


def test_active_index_follows_the_activations(new_store: NewStore) -> None:
    store, chain = new_store(), FakeChain()
    store.write(chain.block({(ORDERS, b"b"): b"\x01", (ORDERS, b"a"): b"\x01"}))
    assert list(store.active_keys()) == [b"a", b"b"]
    store.write(chain.block({(ORDERS, b"b"): b"\x02"}))
    assert list(store.active_keys()) == [b"a"]


def test_repair_of_the_active_index_changes_nothing_else(new_store: NewStore) -> None:
    store, chain = new_store(), FakeChain()
    store.write(chain.block({(ORDERS, b"a"): b"\x01"}))
    before = contents(store)
    store.set_active({b"a": False, b"z": True, b"never": False})
    assert list(store.active_keys()) == [b"z"]
    before[Family.ACTIVE] = {b"z": b""}
    assert contents(store) == before
    assert store.head() == chain.head


def test_of_several_changes_to_a_key_in_one_batch_the_last_counts(new_store: NewStore) -> None:
    store = new_store()
    batch = BlockBatch()
    batch.put(Family.BODIES, b"put then deleted", b"1")
    batch.delete(Family.BODIES, b"put then deleted")
    batch.delete(Family.BODIES, b"deleted then put")
    batch.put(Family.BODIES, b"deleted then put", b"2")
    store.write(batch)
    assert dict(store.iterate(Family.BODIES)) == {b"deleted then put": b"2"}


def test_rows_without_their_head_are_refused(new_store: NewStore) -> None:
    store = new_store()
    batch = BlockBatch()
    batch.put(Family.ROWS, b"\x01key", b"value")
    with pytest.raises(AssertionError, match="head"):
        store.write(batch)


@pytest.mark.parametrize(
    ("prefix", "start", "expected"),
    [
        (b"", None, [b"a", b"ab", b"ac", b"b", b"\xff", b"\xff\xff"]),
        (b"a", None, [b"a", b"ab", b"ac"]),
        (b"a", b"ab", [b"ab", b"ac"]),
        (b"a", b"b", []),
        (b"b", b"a", [b"b"]),
        (b"\xff", None, [b"\xff", b"\xff\xff"]),
        (b"", b"b", [b"b", b"\xff", b"\xff\xff"]),
        (b"c", None, []),
    ],
)
def test_iterating_by_prefix_and_start(
    new_store: NewStore, prefix: bytes, start: bytes | None, expected: list[bytes]
) -> None:
    store = new_store()
    batch = BlockBatch()
    for key in (b"ac", b"\xff\xff", b"a", b"b", b"\xff", b"ab"):
        batch.put(Family.RECEIPTS, key, b"value")
    store.write(batch)
    found = [key for key, _ in store.iterate(Family.RECEIPTS, prefix=prefix, start=start)]
    assert found == expected


def test_iteration_shows_the_state_it_began_with(new_store: NewStore) -> None:
    store, chain = new_store(), FakeChain()
    store.write(chain.block({(1, bytes((i,))): b"old" for i in range(10)}))
    pairs = store.rows(1)
    first = next(pairs)
    changes: dict[tuple[int, bytes], bytes | None] = {(1, bytes((i,))): None for i in range(5)}
    store.write(chain.block({**changes, (1, b"\x08"): b"new", (1, b"\x20"): b"new"}))
    assert [first, *pairs] == [(bytes((i,)), b"old") for i in range(10)]


def test_undo_gives_the_old_values_in_order_of_change(new_store: NewStore) -> None:
    store, chain = new_store(), FakeChain()
    store.write(chain.block({(5, b"kept"): b"1", (5, b"gone"): b"2"}))
    store.write(chain.block({(5, b"new"): b"3", (5, b"gone"): None, (5, b"kept"): b"4"}))
    store.write(chain.block({}))
    assert store.undo(1) == (
        RowChange(5, b"new", None, None),
        RowChange(5, b"gone", b"2", None),
        RowChange(5, b"kept", b"1", None),
    )
    assert store.undo(2) == ()


def test_undo_rows_are_kept_for_the_window_and_no_longer(new_store: NewStore) -> None:
    store, chain = new_store(undo_window=3), FakeChain()
    for _ in range(8):
        store.write(chain.block({(5, b"k"): b"%d" % chain.height}))
    assert [int.from_bytes(key, "big") for key, _ in store.iterate(Family.UNDO)] == [5, 6, 7]
    assert store.undo(5) == (RowChange(5, b"k", b"3", None),)
    with pytest.raises(UndoExpired, match=r"block 4 .*oldest are those of block 5.*no checkpoint"):
        store.undo(4)


@pytest.mark.parametrize("height", [-1, 2])
def test_undo_of_a_block_that_is_not_there(new_store: NewStore, height: int) -> None:
    store, chain = new_store(), FakeChain()
    with pytest.raises(UnknownBlock, match="no blocks yet"):
        store.undo(0)
    store.write(chain.block({}))
    store.write(chain.block({}))
    with pytest.raises(UnknownBlock, match=f"no block {height}.*head is at 1"):
        store.undo(height)


def test_undo_window_of_zero_keeps_nothing(new_store: NewStore) -> None:
    store, chain = new_store(undo_window=0), FakeChain()
    store.write(chain.block({(1, b"a"): b"1"}))
    store.write(chain.block({(1, b"a"): b"2"}))
    assert list(store.iterate(Family.UNDO)) == []
    with pytest.raises(UndoExpired):
        store.undo(1)


def test_store_may_begin_above_height_zero(new_store: NewStore) -> None:
    store, chain = new_store(undo_window=2), FakeChain()
    chain.height = 10**6
    for _ in range(3):
        store.write(chain.block({(1, b"a"): b"%d" % chain.height}))
    assert [int.from_bytes(key, "big") - 10**6 for key, _ in store.iterate(Family.UNDO)] == [2, 3]


def test_rollback_leads_to_the_earlier_block_and_on_from_there(new_store: NewStore) -> None:
    """A rollback by undo rows leaves the store as a twin that never went further."""
    store, twin, chain, other = new_store(), new_store(), FakeChain(), FakeChain()
    rng = random.Random(3)
    for height in range(6):
        state = rng.getstate()
        store.write(chain.random_block(rng))
        if height < 3:
            rng.setstate(state)
            twin.write(other.random_block(rng))
    batch = BlockBatch()
    batch.add_rollback(_taken_back(store, chain, other), range(3, 6))
    assert other.head is not None
    batch.set_head(other.head)
    store.write(batch)
    for family in (Family.ROWS, Family.ACTIVE, Family.UNDO, Family.HEAD, Family.HASHES):
        assert dict(store.iterate(family)) == other.state[family]
    next_block = other.random_block(rng)
    store.write(next_block)
    twin.write(next_block)
    assert store.undo(3) == twin.undo(3)
    assert dict(store.iterate(Family.ROWS)) == dict(twin.iterate(Family.ROWS))


def test_closed_store_says_so(new_store: NewStore) -> None:
    store, chain = new_store(), FakeChain()
    store.write(chain.block({(1, b"a"): b"1"}))
    store.close()
    store.close()
    with pytest.raises(StoreClosed):
        store.get(Family.ROWS, row_key(1, b"a"))
    with pytest.raises(StoreClosed):
        list(store.iterate(Family.ROWS))
    with pytest.raises(StoreClosed):
        store.write(chain.block({}))


def _taken_back(store: Store, chain: FakeChain, target: FakeChain) -> LedgerChanges:
    """From the undo rows of blocks 5, 4 and 3: the changes that lead back to block 2."""
    before: dict[tuple[int, bytes], bytes | None] = {}
    for height in (5, 4, 3):
        for change in store.undo(height):
            before[change.table, change.key] = change.old
    rows = [RowChange(t, k, chain.rows.get((t, k)), old) for (t, k), old in before.items()]
    orders = {key for table, key in before if table == ORDERS}
    activations = {key: key in target.state[Family.ACTIVE] for key in orders}
    return LedgerChanges(tuple(rows), activations, target.commitment)
