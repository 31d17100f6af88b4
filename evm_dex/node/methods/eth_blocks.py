"""Blocks, by number and by hash."""

from __future__ import annotations

from typing import Annotated, Any

from evm_dex.blocks.header import Header
from evm_dex.errors import UnknownBlock
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_json import Json, block_object, receipt_object
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
_NOT_KNOWN = dict.fromkeys(("hash", "nonce", "miner"))
"""Of a pending block, as geth leaves them out."""
Nothing = Annotated[Any, or_null(shaped("Uncle", "never there: this chain has no uncles"))]


@rpc("eth_blockNumber")
def block_number(node: Node) -> Quantity:
    """Return the height of the last block."""
    return node.chain.head.block_number


@rpc("eth_getBlockByNumber")
def block_by_number(node: Node, block: Block, full: Flag = False) -> BlockObject:
    """Return a block by height or tag, with whole transactions or their hashes; null for none.

    `pending` is the next block as it would be now, with what waits executed; its hash is null.
    """
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
    """Count a block's transactions; null for an unknown block."""
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
    return [receipt_object(item) for item in node.chain.blocks.transactions(header)]


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
    found = block_object(header, node.chain.blocks.body(header.hash), full=full)
    if block != "pending":
        return found
    if full:
        found["transactions"] = [{**item, "blockHash": None} for item in found["transactions"]]
    return {**found, **_NOT_KNOWN}
