"""Opening what is stored: believed only as far as it can be proven."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checkpoint.families import Family
from checkpoint.memory_store import MemoryStore
from checkpoint.store_batch import BlockBatch
from evm_dex.chain.open_chain import open_chain
from evm_dex.client.dex import Dex
from evm_dex.errors import ChainStopped
from precompiles.ledger.storage import UntrustedStorage
from precompiles.types import SPOT_ADDRESS
from tests.chain.support import ADD, TOKEN, World, contents


def test_rows_the_state_does_not_commit_to_are_refused() -> None:
    """Rows, counts and head record agree with each other, but the block is about other rows."""
    world = World()
    world.send(SPOT_ADDRESS, ADD + b"\x01")
    world.ledger.spot.change_balance(world.account.address, TOKEN, total=100)
    changes = world.ledger.seal()
    head = world.store.head()
    assert head is not None
    batch = BlockBatch()
    batch.add_ledger(changes, head.height)
    batch.set_head(replace(head, commitment=changes.commitment))
    world.store.write(batch)
    with pytest.raises(ChainStopped, match="the state of block 1 commits to ledger rows 0x"):
        World(world.store)


def test_a_changed_row_is_refused() -> None:
    world = World()
    world.send(SPOT_ADDRESS, ADD + b"\x01")
    head = world.store.head()
    assert head is not None
    rows = contents(world.store)[Family.ROWS]
    key, value = next(iter(rows.items()))
    batch = BlockBatch()
    batch.put(Family.ROWS, key, value[:-1] + bytes((value[-1] ^ 1,)))
    batch.set_head(head)
    world.store.write(batch)
    with pytest.raises(UntrustedStorage):
        World(world.store)


def test_an_active_order_index_that_is_wrong_is_put_right() -> None:
    store = MemoryStore()
    dex = Dex(open_chain(store), store, None)
    for price in (1_000, 2_000):
        dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, price * 10**6, True)
    dex.spot.send("cancelOrder", 1)
    before = contents(store)
    store.set_active({(1).to_bytes(8, "big"): True, (2).to_bytes(8, "big"): False})
    assert contents(store) != before
    chain = open_chain(store)
    assert contents(store) == before
    assert Dex(chain, store, None).self_check() == []
