"""Everything a block leaves in the store, as one batch."""

from __future__ import annotations

from checkpoint.families import Family, height_key
from checkpoint.head import Head
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.body import (
    Body,
    StoredTransaction,
    encode_body,
    encode_position,
    encode_receipts,
)
from evm_dex.chain.sealing import SealedBlock
from evm_dex.orderlog.outbox import Outbox


def block_batch(
    sealed: SealedBlock, head: Head, *, genesis: bytes = b"", outbox: Outbox | None = None
) -> BlockBatch:
    """Everything of a block in one batch, what happened to orders included."""
    batch = BlockBatch()
    header = sealed.header
    for key, node in sealed.nodes.items():
        batch.put(Family.NODES, key, node)
    stored = tuple(StoredTransaction(item.raw, item.sender) for item in sealed.transactions)
    batch.put(Family.HEADERS, header.hash, header.encoded)
    batch.put(Family.BODIES, header.hash, encode_body(Body(stored, genesis)))
    batch.put(Family.RECEIPTS, header.hash, encode_receipts(sealed.receipts))
    batch.put(Family.HASHES, height_key(header.block_number), header.hash)
    for index, transaction in enumerate(sealed.transactions):
        position = encode_position(header.block_number, index)
        batch.put(Family.TRANSACTIONS, transaction.hash, position)
    batch.add_ledger(sealed.changes, header.block_number)
    if outbox is not None:
        outbox.add(batch, sealed.updates)
    batch.set_head(head)
    return batch
