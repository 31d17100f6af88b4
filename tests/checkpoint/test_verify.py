"""The chain of proof from row to block hash: each broken link is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import rlp
from eth_hash.auto import keccak

from checkpoint.families import Family, height_key, row_key
from checkpoint.head import Head
from checkpoint.memory_store import MemoryStore
from checkpoint.store_batch import BlockBatch
from checkpoint.verify import verify_store
from precompiles.ledger.commitment import EMPTY_COMMITMENT
from precompiles.ledger.storage import Commitment
from tests.checkpoint.fake_chain import FakeChain, many_rows


def store_with(chain: FakeChain) -> MemoryStore:
    store = MemoryStore()
    store.write(chain.block({(1, b"s"): b"1", (6, b"a"): b"\x01", (6, b"b"): b"\x01"}))
    store.write(chain.block({(6, b"a"): b"\x02", (5, b"c"): b"2"}))
    return store


def change(store: MemoryStore, family: Family, key: bytes, value: bytes | None) -> None:
    """Alter a store behind the chain's back."""
    batch = BlockBatch()
    head = store.head()
    assert head is not None
    batch.set_head(head)
    if value is None:
        batch.delete(family, key)
    else:
        batch.put(family, key, value)
    store.write(batch)


def test_untouched_store_is_proven() -> None:
    chain = FakeChain()
    report = verify_store(store_with(chain))
    assert report.difference is None
    assert report.head == chain.head
    assert report.rows == {1: 1, 5: 1, 6: 2}


def test_store_without_rows_is_proven() -> None:
    store, chain = MemoryStore(), FakeChain()
    store.write(chain.block({}))
    assert verify_store(store).difference is None


def test_empty_store_proves_nothing() -> None:
    assert "no head" in (verify_store(MemoryStore()).difference or "")


@pytest.mark.parametrize(
    ("key", "value", "difference"),
    [
        (row_key(6, b"b"), None, "table 6 has 1 rows, the head record says 2"),
        (row_key(6, b"c"), b"1", "table 6 has 3 rows, the head record says 2"),
        (row_key(7, b"c"), b"1", "table 7 has 1 rows, the head record says 0"),
        (row_key(1, b"s"), None, "table 1 has 0 rows, the head record says 1"),
        (row_key(6, b"b"), b"\x03", "at least one was altered"),
        (row_key(5, b"c"), b"", "at least one was altered"),
    ],
)
def test_altered_row_is_found(key: bytes, value: bytes | None, difference: str) -> None:
    store = store_with(FakeChain())
    change(store, Family.ROWS, key, value)
    assert difference in (verify_store(store).difference or "")


def test_swapped_keys_of_two_rows_are_found() -> None:
    chain = FakeChain()
    store = MemoryStore()
    store.write(chain.block({(5, b"a"): b"1", (5, b"b"): b"2"}))
    change(store, Family.ROWS, row_key(5, b"a"), b"2")
    change(store, Family.ROWS, row_key(5, b"b"), b"1")
    assert "altered" in (verify_store(store).difference or "")


def test_rows_and_head_changed_together_contradict_the_storage_slot() -> None:
    """Whoever alters rows and recomputes the commitment still has the state root against him."""
    store, forged = store_with(FakeChain()), FakeChain()
    other = MemoryStore()
    other.write(forged.block({(6, b"mine"): b"all of it"}))
    honest = store.head()
    assert honest is not None
    batch = BlockBatch()
    for key, _ in store.iterate(Family.ROWS):
        batch.delete(Family.ROWS, key)
    batch.put(Family.ROWS, row_key(6, b"mine"), b"all of it")
    batch.set_head(
        Head(1337, 1, honest.block_hash, honest.state_root, other.commitment() or EMPTY_COMMITMENT)
    )
    store.write(batch)
    assert "the ledger account's storage at height 1 says" in (verify_store(store).difference or "")


def test_state_root_changed_too_contradicts_the_header() -> None:
    store, forged = store_with(FakeChain()), FakeChain()
    honest = store.head()
    assert honest is not None
    batch = forged.block({(6, b"mine"): b"all of it"})
    for key, _ in store.iterate(Family.ROWS):
        if key != row_key(6, b"mine"):
            batch.delete(Family.ROWS, key)
    assert forged.head is not None
    batch.set_head(Head(1337, 1, honest.block_hash, forged.head.state_root, forged.head.commitment))
    store.write(batch)
    assert "its header says" in (verify_store(store).difference or "")


def test_header_must_be_that_of_the_block_hash() -> None:
    chain = FakeChain()
    store = store_with(chain)
    assert chain.head is not None
    header = rlp.encode([b"", b"", b"", chain.head.state_root])
    change(store, Family.HEADERS, chain.head.block_hash, header)
    assert "another one" in (verify_store(store).difference or "")


def test_block_must_be_listed_at_its_height() -> None:
    store = store_with(FakeChain())
    change(store, Family.HASHES, height_key(1), keccak(b"another block"))
    assert "is listed at its height" in (verify_store(store).difference or "")


Damage = Callable[[bytes], bytes | None]


@pytest.mark.parametrize(
    "damage", [lambda _: None, lambda node: node[:-1] + b"\x00"], ids=["missing", "altered"]
)
def test_damaged_node_on_the_way_to_the_slot_is_named(damage: Damage) -> None:
    chain = FakeChain()
    store = store_with(chain)
    assert chain.head is not None
    root = chain.head.state_root
    change(store, Family.NODES, root, damage(store.get(Family.NODES, root) or b""))
    assert f"node {root.hex()}" in (verify_store(store).difference or "")


def test_state_without_the_ledger_account_holds_for_no_rows_only() -> None:
    empty_trie = keccak(rlp.encode(b""))
    for commitment, proven in ((EMPTY_COMMITMENT, True), (Commitment(b"\1" * 2048, {}), False)):
        store, batch = MemoryStore(), BlockBatch()
        header = rlp.encode([bytes(32), b"", b"", empty_trie, *[b""] * 5])
        batch.put(Family.HEADERS, keccak(header), header)
        batch.put(Family.HASHES, height_key(0), keccak(header))
        batch.set_head(Head(1, 0, keccak(header), empty_trie, commitment))
        store.write(batch)
        assert (verify_store(store).difference is None) == proven


def test_progress_counts_the_rows() -> None:
    store, chain = MemoryStore(), FakeChain()
    store.write(chain.block({**many_rows(5000, table=3), **many_rows(4500, table=6)}))
    seen: list[tuple[int, int]] = []
    assert verify_store(store, lambda done, total: seen.append((done, total))).difference is None
    assert seen == [(4096, 9500), (9096, 9500), (9500, 9500)]
