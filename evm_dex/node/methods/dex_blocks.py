"""The newest blocks with their transactions in short, calls of the exchanges decoded."""

from __future__ import annotations

from typing import Annotated

from evm_dex.blocks.transaction import is_system_transaction
from evm_dex.node.exchange_json import decoded_call
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import Block, counted, data, shaped

_MOST_BLOCKS = 50
_MOST_TRANSACTIONS = 100
"""Most transactions shown of a block, which says how many it has."""


BlockCount = Annotated[int, counted("BlockCount", _MOST_BLOCKS)]
Blocks = Annotated[
    list[Json], shaped("BlockSummaries", "blocks and their transactions in short", "array")
]


@rpc("dex_blocks")
def blocks(node: Node, count: BlockCount = 20, newest: Block = "latest") -> Blocks:
    """Return blocks, newest first, each with its first 100 transactions in short.

    Those that HyperEVM adds itself are not among them.
    """
    last = node.header("latest" if newest == "pending" else newest).block_number
    return [_block(node, height) for height in range(last, max(-1, last - count), -1)]


def _block(node: Node, height: int) -> Json:
    header = node.chain.header(height)
    included = [
        item
        for item in node.chain.blocks.transactions(header)
        if not (header.rules.has_system_transactions and is_system_transaction(item.transaction))
    ]
    return {
        "number": header.block_number,
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "timestamp": header.timestamp,
        "gasUsed": header.gas_used,
        "gasLimit": header.gas_limit,
        "transactionCount": len(included),
        "transactions": [
            {
                "hash": data(item.transaction.hash),
                "from": data(item.transaction.sender),
                "to": data(item.transaction.to) if item.transaction.to else None,
                "value": str(item.transaction.value),
                "selector": data(item.transaction.data[:4]),
                "decoded": decoded_call(item.transaction.to, item.transaction.data),
                "succeeded": item.receipt.succeeded,
                "gasUsed": item.gas_used,
                "logs": len(item.receipt.logs),
            }
            for item in included[:_MOST_TRANSACTIONS]
        ],
    }
