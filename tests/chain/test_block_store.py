"""What is told of blocks that were just made, and of old ones."""

from __future__ import annotations

from evm_dex.blocks.transaction import decode
from evm_dex.chain.block_store import BlockStore
from tests.chain.trading import open_on, transactions


def test_blocks_just_made_are_told_of_as_the_store_has_them() -> None:
    """More of them than are remembered, so both ways of looking are taken."""
    dex = open_on()
    raws = transactions(seed=5, count=90)
    for raw in raws:
        dex.send_raw(raw)
    as_stored = BlockStore(dex.chain.blocks._store)
    head = dex.chain.head.block_number
    for raw in raws:
        transaction_hash = decode(raw).hash
        told = dex.chain.blocks.included(transaction_hash)
        assert told == as_stored.included(transaction_hash)
        assert told.header == as_stored.header(told.header.block_number, head)
