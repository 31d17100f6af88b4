"""Methods that only nodes of HyperEVM have; on other chains they find nothing."""

from __future__ import annotations

from typing import Annotated

from evm_dex.blocks.rules import HYPEREVM
from evm_dex.blocks.system_transaction import is_system_transaction
from evm_dex.node.methods.eth_blocks import find_header
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_json import Json, block_receipts, transaction_object
from evm_dex.node.rpc_types import Block, BlockHash, Flag, Hash, HexAddress, Quantity, shaped

_SHAPE = shaped("SystemTransactions", "transactions of the chain itself, or null", "array")
Transactions = Annotated[list[Json] | None, _SHAPE]


@rpc("eth_getSystemTxsByBlockNumber")
def system_transactions_by_number(node: Node, block: Block) -> Transactions:
    """Return the transactions that the chain itself put into a block; null for no such block."""
    header = find_header(node, "latest" if block == "pending" else block)
    if header is None:
        return None
    return [
        transaction_object(item.transaction, header, item.index)
        for item in block_receipts(node.chain.blocks, header)
        if header.rules.has_system_transactions and is_system_transaction(item.transaction)
    ]


@rpc("eth_getSystemTxsByBlockHash")
def system_transactions_by_hash(node: Node, block_hash: Hash) -> Transactions:
    """Return the transactions that the chain itself put into a block; null for no such block."""
    return system_transactions_by_number(node, BlockHash(block_hash))


@rpc("eth_bigBlockGasPrice")
def big_block_gas_price(node: Node) -> Quantity:  # noqa: ARG001 - the same on every chain
    """Return wei per gas in a big block: the least there is, as there are none yet."""
    return HYPEREVM.least_base_fee


@rpc("eth_usingBigBlocks")
def using_big_blocks(node: Node, address: HexAddress) -> Flag:
    """Tell whether an account's transactions go into big blocks."""
    user = node.chain.ledger.core.user(address)
    return user is not None and user.uses_big_blocks
