"""The newest blocks with their transactions in short, calls of the exchanges decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from evm_dex.abi.artifact import ArtifactError
from evm_dex.blocks.receipt import Log, Receipt
from evm_dex.blocks.transaction import Transaction, is_system_transaction
from evm_dex.node.node import Node
from evm_dex.node.own_blocks import first_own_block
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import halt_words, invalid_params
from evm_dex.node.rpc_json import Json, to_json
from evm_dex.node.rpc_types import Block, ParamType, Quantity, counted, data, shaped
from precompiles.hyper.receipts import ActionReceipt

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

    Those that HyperEVM adds itself are not among them; `coreActions` counts what HyperCore looked
    at there.
    """
    last = node.header("latest" if newest == "pending" else newest).block_number
    first, own = node.chain.blocks.first_height, first_own_block(node.chain)
    lowest = max(last - count + 1, first if own == first + 1 else own)
    return [_block(node, height) for height in range(last, lowest - 1, -1)]


@rpc("dex_earliestBlock")
def earliest_block(node: Node) -> Quantity:
    """Return the height of the earliest block that the exchanges can still be asked about."""
    return node.chain.reach


def _block(node: Node, height: int) -> Json:
    header = node.chain.header(height)
    has_core = header.rules.has_system_transactions
    included, core_actions = [], 0
    for item in node.chain.blocks.transactions(header):
        if has_core and is_system_transaction(item.transaction):
            core_actions += sum(_is_receipt(log) for log in item.receipt.logs)
        else:
            included.append(item)
    return {
        "number": header.block_number,
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "timestamp": header.timestamp,
        "gasUsed": header.gas_used,
        "gasLimit": header.gas_limit,
        "transactionCount": len(included),
        "coreActions": core_actions,
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


def _is_receipt(log: Log) -> bool:
    return ActionReceipt.decode(log.topics, log.data) is not None


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
    return node.contracts.reason(receipt.output) or halt_words(receipt.error)


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
