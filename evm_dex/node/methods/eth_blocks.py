"""Blocks, by number and by hash."""

from __future__ import annotations

from typing import Annotated, Any

from evm_dex.blocks.body import Body, StoredTransaction
from evm_dex.blocks.header import Header
from evm_dex.errors import UnknownBlock
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_json import Json, block_object, block_receipts, receipt_object
from evm_dex.node.rpc_types import (
    QUANTITY,
    Block,
    BlockHash,
    BlockId,
    Flag,
    Hash,
    Quantity,
    or_null,
    shaped,
)

_BLOCK = or_null(shaped("BlockObject", "a block, with transactions or their hashes"))
BlockObject = Annotated[Json | None, _BLOCK]
Count = Annotated[int | None, or_null(QUANTITY)]
Receipts = Annotated[list[Json] | None, or_null(shaped("Receipts", "receipts", "array"))]
Nothing = Annotated[Any, or_null(shaped("Uncle", "never there: this chain has no uncles"))]


@rpc("eth_blockNumber")
def block_number(node: Node) -> Quantity:
    """Return the height of the last block."""
    return node.chain.head.block_number


@rpc("eth_getBlockByNumber")
def block_by_number(node: Node, block: Block, full: Flag = False) -> BlockObject:
    """Return a block by height or tag, with whole transactions or their hashes; null for none.

    `pending` is the next block as it stands: what waits, not executed yet.
    """
    if block == "pending":
        return _pending(node, full=full)
    return _block(node, block, full=full)


@rpc("eth_getBlockByHash")
def block_by_hash(node: Node, block_hash: Hash, full: Flag = False) -> BlockObject:
    """Return a block by hash, with whole transactions or their hashes; null for none."""
    return _block(node, BlockHash(block_hash), full=full)


@rpc("eth_getHeaderByNumber")
def header_by_number(node: Node, block: Block) -> BlockObject:
    """Return a block without its transactions; null for none."""
    found = _block(node, block, full=False)
    return found and {name: found[name] for name in found if name != "transactions"}


@rpc("eth_getHeaderByHash")
def header_by_hash(node: Node, block_hash: Hash) -> BlockObject:
    """Return a block without its transactions; null for none."""
    return header_by_number(node, BlockHash(block_hash))


@rpc("eth_getBlockTransactionCountByNumber")
def transaction_count_by_number(node: Node, block: Block) -> Count:
    """Count a block's transactions; null for an unknown block. `pending` counts what waits."""
    if block == "pending":
        return sum(1 for _ in node.chain.mempool.pending())
    header = find_header(node, block)
    return None if header is None else len(node.chain.blocks.body(header.hash).transactions)


@rpc("eth_getBlockTransactionCountByHash")
def transaction_count_by_hash(node: Node, block_hash: Hash) -> Count:
    """Count a block's transactions; null for an unknown block."""
    return transaction_count_by_number(node, BlockHash(block_hash))


@rpc("eth_getBlockReceipts")
def receipts_of_block(node: Node, block: Block) -> Receipts:
    """Return the receipts of a block's transactions, in order; null for none such."""
    header = find_header(node, block)
    if header is None:
        return None
    return [receipt_object(item) for item in block_receipts(node.chain.blocks, header)]


@rpc("eth_getUncleCountByBlockNumber")
def uncle_count_by_number(node: Node, block: Block) -> Count:
    """Return 0; null for an unknown block."""
    return None if find_header(node, block) is None else 0


@rpc("eth_getUncleCountByBlockHash")
def uncle_count_by_hash(node: Node, block_hash: Hash) -> Count:
    """Return 0; null for an unknown block."""
    return uncle_count_by_number(node, BlockHash(block_hash))


@rpc("eth_getUncleByBlockNumberAndIndex")
def uncle_by_number(node: Node, block: Block, index: Quantity) -> Nothing:  # noqa: ARG001 - there are none
    """Return null: blocks have no uncles."""
    return None


@rpc("eth_getUncleByBlockHashAndIndex")
def uncle_by_hash(node: Node, block_hash: Hash, index: Quantity) -> Nothing:  # noqa: ARG001 - there are none
    """Return null: blocks have no uncles."""
    return None


def find_header(node: Node, block: BlockId) -> Header | None:
    """Return a block's header; None for a block that is not there."""
    try:
        return node.header(block)
    except UnknownBlock:
        return None


def _block(node: Node, block: BlockId, *, full: bool) -> Json | None:
    header = find_header(node, block)
    if header is None:
        return None
    return block_object(header, node.chain.blocks.body(header.hash), full=full)


def _pending(node: Node, *, full: bool) -> Json:
    waiting = tuple(
        StoredTransaction(item.raw, item.sender) for item in node.chain.mempool.pending()
    )
    found = block_object(node.chain.next_header(), Body(waiting), full=full)
    unknown = dict.fromkeys(("hash", "nonce", "miner", "logsBloom"))
    if full:
        place = dict.fromkeys(("blockHash", "blockTimestamp"))
        found["transactions"] = [{**item, **place} for item in found["transactions"]]
    return {**found, **unknown}
