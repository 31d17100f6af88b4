"""What test nodes tell of themselves."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import Kind, data, quantity, shaped


@rpc("anvil_nodeInfo")
def node_info(
    node: Node,
) -> Annotated[Json, shaped("NodeInfo", "the head, and what the next block begins with")]:
    """The head and the rules, in anvil's form."""
    head, following = node.chain.head, node.chain.next_header()
    return {
        "currentBlockNumber": quantity(head.block_number),
        "currentBlockTimestamp": head.timestamp,
        "currentBlockHash": data(head.hash),
        "hardFork": head.rules.fork,
        "transactionOrder": "fifo",
        "environment": {
            "baseFee": quantity(following.base_fee_per_gas),
            "chainId": node.chain.chain_id,
            "gasLimit": quantity(following.gas_limit),
            "gasPrice": quantity(following.base_fee_per_gas),
        },
        "forkConfig": {"forkUrl": None, "forkBlockNumber": None, "forkRetryBackoff": None},
    }


@rpc("anvil_getGenesisTime")
def genesis_time(
    node: Node,
) -> Annotated[int, Kind("Seconds", "a number of seconds", {"type": "integer"})]:
    """The time of block 0, in seconds."""
    return node.chain.header(0).timestamp


@rpc("anvil_metadata", "hardhat_metadata")
def metadata(
    node: Node,
) -> Annotated[Json, shaped("Metadata", "what this node is, and its head")]:
    """Name, version and head, in Hardhat's form; the genesis names this chain."""
    head = node.chain.head
    return {
        "clientVersion": f"evm-dex/v{version('evm-dex')}",
        "chainId": node.chain.chain_id,
        "instanceId": data(node.chain.header(0).hash),
        "latestBlockNumber": head.block_number,
        "latestBlockHash": data(head.hash),
        "forkedNetwork": None,
    }
