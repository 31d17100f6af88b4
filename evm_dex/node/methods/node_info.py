"""About the node: its name, network, and what it can do."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Annotated, Any

from eth_hash.auto import keccak

from evm_dex.node.node import Node
from evm_dex.node.openrpc import document
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_types import (
    ADDRESS,
    Data,
    Flag,
    Hash,
    HexAddress,
    Quantity,
    Text,
    listed,
    shaped,
)


@cache
def _client_version() -> str:
    return f"evm-dex/v{version('evm-dex')}/py-evm-{version('py-evm')}"


@rpc("web3_clientVersion")
def client_version(node: Node) -> Text:  # noqa: ARG001 - methods all take the node
    """Name and version of this node and its EVM."""
    return _client_version()


@rpc("web3_sha3")
def sha3(node: Node, data: Data) -> Hash:  # noqa: ARG001 - as above
    """Keccak-256 of some bytes."""
    return keccak(data)


@rpc("net_version")
def net_version(node: Node) -> Text:
    """The chain id in decimal."""
    return str(node.chain.chain_id)


@rpc("net_listening")
def net_listening(node: Node) -> Flag:  # noqa: ARG001 - as above
    """Always true: it answered."""
    return True


@rpc("net_peerCount")
def net_peer_count(node: Node) -> Quantity:  # noqa: ARG001 - as above
    """Always 0: this chain has one node."""
    return 0


@rpc("eth_chainId")
def chain_id(node: Node) -> Quantity:
    """The chain id that transactions are signed for."""
    return node.chain.chain_id


@rpc("eth_syncing")
def syncing(node: Node) -> Flag:  # noqa: ARG001 - as above
    """Always false: there is no one to catch up with."""
    return False


@rpc("eth_accounts", "eth_requestAccounts")
def accounts(node: Node) -> Annotated[list[HexAddress], listed(ADDRESS)]:
    """Accounts whose keys are at hand."""
    return list(node.accounts)


@rpc("eth_coinbase")
def coinbase(node: Node) -> HexAddress:
    """Who is paid the priority fees of the next block."""
    return node.chain.next_header().coinbase


@rpc("rpc_discover")
def discover(node: Node) -> Annotated[dict[str, Any], shaped("OpenRPC", "an OpenRPC document")]:
    """All methods of this node, as an OpenRPC document."""
    return document(node.methods)
