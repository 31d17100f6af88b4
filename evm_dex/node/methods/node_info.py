"""About the node: its name, network, and what it can do."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Annotated, Any

from eth_hash.auto import keccak

from evm_dex.node.node import Node
from evm_dex.node.registry import document, rpc
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import (
    ADDRESS,
    Data,
    Flag,
    Hash,
    HexAddress,
    ParamType,
    Quantity,
    Text,
    data,
    listed,
    quantity,
    shaped,
)


@cache
def _client_version() -> str:
    return f"evm-dex/v{version('evm-dex')}/py-evm-{version('py-evm')}"


@rpc("web3_clientVersion")
def client_version(node: Node) -> Text:  # noqa: ARG001 - methods all take the node
    """Return name and version of this node and its EVM."""
    return _client_version()


@rpc("web3_sha3")
def sha3(node: Node, data: Data) -> Hash:  # noqa: ARG001 - as above
    """Return Keccak-256 of some bytes."""
    return keccak(data)


@rpc("net_version")
def net_version(node: Node) -> Text:
    """Return the chain id in decimal."""
    return str(node.chain.chain_id)


@rpc("net_listening")
def net_listening(node: Node) -> Flag:  # noqa: ARG001 - as above
    """Return true: it answered."""
    return True


@rpc("net_peerCount")
def net_peer_count(node: Node) -> Quantity:  # noqa: ARG001 - as above
    """Return 0: this chain has one node."""
    return 0


@rpc("eth_chainId")
def chain_id(node: Node) -> Quantity:
    """Return the chain id that transactions are signed for."""
    return node.chain.chain_id


@rpc("eth_syncing")
def syncing(node: Node) -> Flag:  # noqa: ARG001 - as above
    """Return false: this node has nobody to catch up with."""
    return False


@rpc("eth_accounts", "eth_requestAccounts")
def accounts(node: Node) -> Annotated[list[HexAddress], listed(ADDRESS)]:
    """Return the accounts whose keys are at hand."""
    return list(node.accounts)


@rpc("eth_coinbase")
def coinbase(node: Node) -> HexAddress:
    """Return the account that is paid the priority fees of the next block."""
    return node.chain.next_header().coinbase


@rpc("rpc_discover")
def discover(node: Node) -> Annotated[dict[str, Any], shaped("OpenRPC", "an OpenRPC document")]:
    """Return all methods of this node, as an OpenRPC document."""
    return document(node.methods)


@rpc("anvil_nodeInfo")
def node_info(
    node: Node,
) -> Annotated[Json, shaped("NodeInfo", "the head, and what the next block begins with")]:
    """Return the head and the rules, in anvil's form."""
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
) -> Annotated[int, ParamType("Seconds", "a number of seconds", {"type": "integer"})]:
    """Return the time of block 0, in seconds."""
    return node.chain.header(0).timestamp


@rpc("anvil_metadata", "hardhat_metadata")
def metadata(
    node: Node,
) -> Annotated[Json, shaped("Metadata", "what this node is, and its head")]:
    """Return name, version and head, in Hardhat's form; the genesis names this chain."""
    head = node.chain.head
    return {
        "clientVersion": f"evm-dex/v{version('evm-dex')}",
        "chainId": node.chain.chain_id,
        "instanceId": data(node.chain.header(0).hash),
        "latestBlockNumber": head.block_number,
        "latestBlockHash": data(head.hash),
        "forkedNetwork": None,
    }
