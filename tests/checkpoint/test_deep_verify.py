"""Deep verification finds what hashes cannot: rows that were committed to, and make no sense."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from eth_hash.auto import keccak

import evm_dex
from checkpoint.deep_verify import ledger_problems, row_problems
from checkpoint.families import Family
from checkpoint.head import Head
from checkpoint.store import Store
from checkpoint.store_batch import BlockBatch
from checkpoint.trie.mark_nodes import mark_state
from checkpoint.verify import verify_store
from precompiles.ledger.block_changes import commit
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.record import Counter
from precompiles.ledger.spot import Balance, Order
from precompiles.ledger.storage import LedgerChanges, RowChange
from precompiles.ledger.table import TableNumber

ORDER = (1).to_bytes(8, "big")


@pytest.fixture
def store() -> Iterator[Store]:
    """After some trading: two orders rest, one of them partly filled."""
    with evm_dex.open() as dex:
        weth = dex.tokens["WETH"]
        for price in (3_000, 3_010):
            dex.spot.send("placeOrder", weth, 10**18, price * 10**6, False)
        taker = dex.accounts[1]
        dex.spot.send("placeOrder", weth, 10**17, 3_000 * 10**6, True, sender=taker)
        yield dex.store


def problems(store: Store) -> list[str]:
    return [*row_problems(store, lambda _done, _total: None), *ledger_problems(store)]


def write(store: Store, table: int, key: bytes, new: bytes | None) -> None:
    """A row as a faulty program would leave it: wrong, and committed to by the head record."""
    head = store.head()
    assert head is not None
    changes = [RowChange(table, key, store.row(table, key), new)]
    commitment = commit(head.commitment, changes)
    batch = BlockBatch()
    batch.add_ledger(LedgerChanges(tuple(changes), {}, commitment), head.height)
    batch.set_head(Head(head.chain_id, head.height, head.block_hash, head.state_root, commitment))
    store.write(batch)


def stored_order(store: Store) -> Order:
    value = store.row(TableNumber.ORDERS, ORDER)
    assert value is not None
    return Order.decode(value)


def test_what_the_exchange_wrote_is_sound(store: Store) -> None:
    assert problems(store) == []
    assert verify_store(store, deep=True).difference is None


def test_progress_counts_every_row_of_every_table(store: Store) -> None:
    seen: list[tuple[int, int]] = []
    assert list(row_problems(store, lambda done, total: seen.append((done, total)))) == []
    rows = sum(1 for _ in store.iterate(Family.ROWS))
    assert seen == [(rows, rows)]


def test_index_entries_that_are_missing_or_too_many_are_named(store: Store) -> None:
    """The hashes do not cover the index, so only the deep look sees it."""
    store.set_active({ORDER: False})
    assert verify_store(store).difference is None
    assert "order 1 is active, the active-order" in (
        verify_store(store, deep=True).difference or ""
    )
    store.set_active({ORDER: True, bytes(7) + b"\x09": True})
    assert "order 9 has ended, the active-order" in (
        verify_store(store, deep=True).difference or ""
    )


def test_a_row_that_does_not_decode_is_named(store: Store) -> None:
    write(store, TableNumber.ORDERS, ORDER, b"\x01\xc0")
    (first, second) = problems(store)
    assert first.startswith(f"table orders, key {ORDER.hex()}: row does not decode")
    assert second == first


def test_a_row_in_other_bytes_than_it_encodes_to_is_named(store: Store) -> None:
    other = b"\x01" + msgspec.msgpack.encode((2,)).replace(b"\x02", b"\xcc\x02")
    assert Counter.decode(other) == Counter(2)
    write(store, TableNumber.COUNTERS, b"\x01", other)
    assert "table counters, key 01: it decodes, but to what" in problems(store)[0]


def test_an_order_under_the_id_of_another_is_named(store: Store) -> None:
    order = msgspec.structs.replace(stored_order(store), id=7)
    write(store, TableNumber.ORDERS, ORDER, order.encode())
    assert "kept under another id than its own, 7" in problems(store)[0]


def test_a_key_of_another_width_and_a_table_nobody_knows_are_named(store: Store) -> None:
    write(store, TableNumber.ORDERS, b"\x01", stored_order(store).encode())
    assert "key 01: the key has 1 bytes, not 8" in problems(store)[0]
    write(store, 0xEE, b"k", b"v")
    assert any("table 238 is not known" in problem for problem in problems(store))


@pytest.mark.parametrize("table", [TableNumber.BALANCES, TableNumber.ORDERS])
def test_rows_that_break_an_invariant_together_are_named(store: Store, table: int) -> None:
    if table == TableNumber.ORDERS:
        order = stored_order(store)
        broken = msgspec.structs.replace(order, amount=order.amount + 10**12).encode()
        write(store, table, ORDER, broken)
        named = "hold"
    else:
        key, value = next(store.rows(table))
        balance = Balance.decode(value)
        write(store, table, key, Balance(balance.total + 1, balance.hold).encode())
        named = "total"
    found = problems(store)
    assert found
    assert all(named in problem for problem in found)


@pytest.mark.parametrize("altered", [None, b"\x00"])
def test_a_node_or_code_that_is_gone_or_altered_is_named(
    store: Store, altered: bytes | None
) -> None:
    """Any one of the state, also where no hash on the way to the ledger's slot leads."""
    head, nodes = store.head(), set[bytes]()
    assert head is not None
    mark_state(store, head.state_root, nodes, lambda _count: None)
    code = keccak(store.get(Family.NODES, max(nodes, key=lambda node: size(store, node))) or b"")
    shallow = 0
    for node in [code, *sorted(nodes)[:12]]:
        kept = store.get(Family.NODES, node)
        assert kept is not None
        set_node(store, node, altered)
        shallow += verify_store(store).difference is None
        assert node.hex() in (verify_store(store, deep=True).difference or "")
        set_node(store, node, kept)
    assert shallow > 6, "the hashes of the short way say nothing of most of the state"


def size(store: Store, node: bytes) -> int:
    return len(store.get(Family.NODES, node) or b"")


def set_node(store: Store, node: bytes, value: bytes | None) -> None:
    batch, head = BlockBatch(), store.head()
    assert head is not None
    batch.set_head(head)
    batch.changes[Family.NODES] = {node: value}
    store.write(batch)


def test_every_table_of_the_ledger_is_looked_into() -> None:
    """A table that is added to the program is covered without a change here."""
    with evm_dex.open() as dex:
        assert set(Ledger(dex.store).tables) == set(TableNumber)
