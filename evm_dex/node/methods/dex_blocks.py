"""The newest blocks with their transactions in short, calls of the exchanges decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from evm_dex.abi.artifact import ArtifactError
from evm_dex.blocks.receipt import Receipt
from evm_dex.blocks.transaction import Transaction, is_system_transaction
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_json import Json, to_json
from evm_dex.node.rpc_types import Block, ParamType, counted, data, shaped

_MOST_BLOCKS = 50
_MOST_TRANSACTIONS = 100
"""Most transactions shown of a block, which says how many it has."""


BlockCount = Annotated[int, counted("BlockCount", _MOST_BLOCKS)]
Blocks = Annotated[
    list[Json], shaped("BlockSummaries", "blocks and their transactions in short", "array")
]


def _read_artifact(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError
    return value


GivenArtifact = Annotated[
    Mapping[str, Any],
    ParamType("Artifact", "an object with `abi`", {"type": "object"}, _read_artifact),
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
                "decoded": _decoded(node, item.transaction),
                "succeeded": item.receipt.succeeded,
                "reason": _reason(node, item.receipt),
                "gasUsed": item.gas_used,
                "logs": len(item.receipt.logs),
            }
            for item in included[:_MOST_TRANSACTIONS]
        ],
    }


def _decoded(node: Node, transaction: Transaction) -> Json | None:
    call = node.contracts.call(transaction.to, transaction.data)
    if call is None:
        return None
    return {
        "contract": call.contract,
        "function": call.function,
        "arguments": to_json(call.arguments),
    }


def _reason(node: Node, receipt: Receipt) -> str | None:
    """Return why a transaction failed, in words; None for one that did not."""
    if receipt.succeeded:
        return None
    return node.contracts.reason(receipt.output) or receipt.error


@rpc("dex_addAbi")
def add_abi(
    node: Node, artifact: GivenArtifact
) -> Annotated[Json, shaped("KnownContract", "name, and how many functions its ABI has")]:
    """Tell calls of a contract by name from here on: a compiler's JSON, or {contractName, abi}."""
    try:
        known = node.contracts.add(artifact)
    except ArtifactError as error:
        raise invalid_params(str(error)) from None
    return {"name": known.name, "functions": len(known.interface.functions)}
