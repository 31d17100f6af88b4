"""Archives of random EVM states, of stores that are written meanwhile, and on full disks."""

from __future__ import annotations

import random
import resource
import threading
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
import rlp
from eth.db.account import AccountDB
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth_hash.auto import keccak
from eth_typing import Address
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.archive import container, export_archive
from checkpoint.archive.record_types import Section, StateKind
from checkpoint.errors import StoreError, StoreFailed, WrongChain
from checkpoint.families import Family, height_key
from checkpoint.head import Head
from checkpoint.memory_store import MemoryStore
from checkpoint.rocks import RocksStore
from checkpoint.store_batch import BlockBatch
from checkpoint.trie.walk import walk_trie
from precompiles.ledger.commitment import SetHash, digest, expand
from precompiles.ledger.storage import Commitment, LedgerChanges, RowChange
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS
from tests.checkpoint.archive.archives import big, export, filled, inspect, load, take_apart
from tests.checkpoint.fake_chain import CHAIN_ID
from tests.checkpoint.victims import grow
from tests.conftest import fuller

WORDS = st.integers(min_value=1, max_value=2**256 - 1)
ACCOUNTS = st.dictionaries(
    st.binary(min_size=20, max_size=20).map(Address),
    st.tuples(
        st.integers(min_value=1, max_value=2**64 - 1),
        WORDS,
        st.sampled_from([b"", b"\xfe", b"\x60\x01", b"code" * 99]),
        st.dictionaries(WORDS, WORDS, max_size=6),
    ),
    max_size=10,
)
ROWS = st.dictionaries(
    st.tuples(st.integers(min_value=1, max_value=255), st.binary(min_size=1, max_size=40)),
    st.binary(max_size=100),
    max_size=20,
)
Accounts = dict[Address, tuple[int, int, bytes, dict[int, int]]]
Rows = dict[tuple[int, bytes], bytes]


def block_zero(accounts: Accounts, rows: Rows) -> BlockBatch:
    """One block with this state, its tries written by py-evm."""
    total = SetHash()
    total.add(expand(table, key, value) for (table, key), value in rows.items())
    counts: dict[int, int] = {}
    for table, _ in rows:
        counts[table] = counts.get(table, 0) + 1
    commitment = Commitment(total.accumulator(), counts)
    batch = BlockBatch()
    changes = tuple(RowChange(table, key, None, rows[table, key]) for table, key in rows)
    batch.add_ledger(LedgerChanges(changes, {}, commitment), 0)
    nodes: dict[bytes, bytes] = {}
    state = AccountDB(AtomicDB(MemoryDB(nodes)))
    for address, (nonce, balance, code, storage) in accounts.items():
        state.set_nonce(address, nonce)
        state.set_balance(address, balance)
        state.set_code(address, code)
        for slot, value in storage.items():
            state.set_storage(address, slot, value)
    ledger = Address(LEDGER_ADDRESS)
    state.set_nonce(ledger, 1)
    state.set_storage(ledger, COMMITMENT_SLOT, int.from_bytes(digest(commitment), "big"))
    state.persist()
    for key, node in nodes.items():
        batch.put(Family.NODES, key, node)
    header = rlp.encode([bytes(32), b"", b"", state.state_root, *[b""] * 5])
    block_hash = keccak(header)
    batch.put(Family.HEADERS, block_hash, header)
    batch.put(Family.BODIES, block_hash, b"body 0 ")
    batch.put(Family.RECEIPTS, block_hash, b"")
    batch.put(Family.HASHES, height_key(0), block_hash)
    batch.set_head(Head(CHAIN_ID, 0, block_hash, state.state_root, commitment))
    return batch


@pytest.mark.slow
@settings(max_examples=25)
@given(ACCOUNTS, ROWS)
def test_any_state_comes_back_and_exports_to_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, accounts: Accounts, rows: Rows
) -> None:
    base, store = tmp_path_factory.mktemp("state"), MemoryStore()
    store.write(block_zero(accounts, rows))
    summary = export(store, base / "first")
    assert summary.accounts == len({*accounts, LEDGER_ADDRESS})
    assert summary.slots >= sum(len(storage) for *_, storage in accounts.values())
    load(base / "first", base / "store")
    with closing(RocksStore(base / "store")) as imported:
        assert imported.head() == store.head()
        assert dict(imported.iterate(Family.ROWS)) == dict(store.iterate(Family.ROWS))
        root = summary.head.state_root
        assert list(walk_trie(imported, root)) == list(walk_trie(store, root))
        export(imported, base / "second")
    assert (base / "first").read_bytes() == (base / "second").read_bytes()
    codes = [r.key for r in take_apart(base / "first")[Section.STATE] if r.kind == StateKind.CODE]
    assert sorted(codes) == sorted({keccak(code) for *_, code, _ in accounts.values() if code})


@pytest.mark.slow
def test_a_store_on_disk_is_exported_while_blocks_are_written(tmp_path: Path) -> None:
    """Each archive is of one block, whichever was the head when its export began."""
    chain, rng = grow(1, 5)
    stop = threading.Event()
    with closing(RocksStore(tmp_path / "store")) as store:
        replayed, same = grow(1, -1)
        while replayed.height < 5:
            store.write(replayed.random_block(same))

        def keep_writing() -> None:
            while not stop.is_set():
                store.write(chain.random_block(rng))

        writer = threading.Thread(target=keep_writing, daemon=True)
        writer.start()
        try:
            heights = [export(store, tmp_path / f"{at}").head.height for at in range(5)]
            heights += [export(tmp_path / "store", tmp_path / f"{at}").head.height for at in (5, 6)]
        finally:
            stop.set()
            writer.join()
        assert not list(store.layout.checkpoints.iterdir())
    assert heights == sorted(heights)
    assert heights[0] < heights[-1]
    for at, height in enumerate(heights):
        assert load(tmp_path / f"{at}", tmp_path / f"store-{at}").head == grow(1, height)[0].head


def test_a_store_in_memory_that_moves_on_is_no_archive(tmp_path: Path) -> None:
    chain, store = filled(1, 4)
    rng = random.Random(1)

    def move_on(_done: int, total: int) -> None:
        if not total:
            store.write(chain.random_block(rng))

    with pytest.raises(StoreError, match="moved on while it was exported; stop it, or export"):
        export_archive(store, tmp_path / "archive", inspect=inspect, progress=move_on)
    assert list(tmp_path.iterdir()) == []


def test_a_small_imported_store_knows_its_chain_before_it_has_row_files(tmp_path: Path) -> None:
    _, store = filled(1, 1)
    export(store, tmp_path / "archive")
    load(tmp_path / "archive", tmp_path / "store")
    assert not list((tmp_path / "store" / "db").glob("*.sst"))
    with pytest.raises(WrongChain):
        RocksStore(tmp_path / "store", chain_id=CHAIN_ID + 1)


def work_with_little_room(archive: Path, target: Path, room: int, importing: bool) -> None:
    """In a process of its own: files may not grow beyond `room` bytes."""
    _, store = big(12_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    work = partial(load, archive, target) if importing else partial(export, store, target)
    with pytest.raises(StoreFailed, match=target.name):
        work()


@pytest.mark.parametrize("importing", [*fuller(True), False])
def test_a_full_disk_leaves_nothing(tmp_path: Path, importing: bool) -> None:
    _, store = big(12_000)
    export(store, tmp_path / "archive")
    assert (tmp_path / "archive").stat().st_size > 3 * container.FRAME_BYTES
    arguments = (tmp_path / "archive", tmp_path / "target", 300_000, importing)
    process = get_context("forkserver").Process(target=work_with_little_room, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]
