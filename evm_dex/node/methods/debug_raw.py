"""Headers, blocks, receipts and transactions in the bytes that are hashed."""

from __future__ import annotations

from typing import Annotated

from evm_dex.blocks.receipt import consensus_encoding, logs_bloom
from evm_dex.blocks.transaction import decode
from evm_dex.chain.block_import import encode_block
from evm_dex.node.methods.eth_transactions import Raw, raw_transaction_by_hash
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_types import DATA, Block, Data, Hash, listed


@rpc("debug_getRawHeader")
def raw_header(node: Node, block: Block) -> Data:
    """Return a header in RLP; its Keccak-256 is the block's hash."""
    return node.header(block).encoded


@rpc("debug_getRawBlock")
def raw_block(node: Node, block: Block) -> Data:
    """Return a block in RLP, as another chain with this genesis would import it."""
    header = node.header(block)
    return encode_block(header, node.chain.blocks.body(header.hash))


@rpc("debug_getRawReceipts")
def raw_receipts(node: Node, block: Block) -> Annotated[list[bytes], listed(DATA)]:
    """Return a block's receipts in the encoding that its header commits to (EIP-2718)."""
    header, blocks = node.header(block), node.chain.blocks
    transactions = blocks.body(header.hash).transactions
    return [
        consensus_encoding(receipt, decode(stored.raw, stored.sender).type_id, bloom)
        for stored, receipt in zip(transactions, blocks.receipts(header.hash), strict=True)
        for bloom in (logs_bloom(receipt.logs),)
    ]


@rpc("debug_getRawTransaction")
def raw_transaction(node: Node, transaction_hash: Hash) -> Raw:
    """Return a transaction's bytes; null for an unknown transaction."""
    return raw_transaction_by_hash(node, transaction_hash)
