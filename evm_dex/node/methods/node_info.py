"""About the node: its name, network, and what it can do."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from typing import Annotated, Any

from eth_hash.auto import keccak

from evm_dex.node.node import CLIENT_NAMES, Node
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
from precompiles.hyper.read_precompiles import read_names
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS, ZERO_ADDRESS

_BLOB_SCHEDULE = {"target": 6, "max": 9, "baseFeeUpdateFraction": 5_007_716}
"""Prague's blobs (EIP-7691)."""
_PRECOMPILES = (
    *("ECREC", "SHA256", "RIPEMD160", "ID", "MODEXP", "BN254_ADD", "BN254_MUL", "BN254_PAIRING"),
    *("BLAKE2F", "KZG_POINT_EVALUATION", "BLS12_G1ADD", "BLS12_G1MSM", "BLS12_G2ADD"),
    *("BLS12_G2MSM", "BLS12_PAIRING_CHECK", "BLS12_MAP_FP_TO_G1", "BLS12_MAP_FP2_TO_G2"),
)
"""Names by address, from 1 on."""
_EXCHANGES = {"SPOT": SPOT_ADDRESS, "PERP": PERP_ADDRESS}
_NO_BLOBS = {"target": 0, "max": 0, "baseFeeUpdateFraction": 3_338_477}
_SYSTEM_CONTRACTS = {
    "CORE_WRITER": "33" * 20,
    "HYPE_SYSTEM": "22" * 20,
    "WHYPE": "55" * 20,
    "BEACON_ROOTS_ADDRESS": "000f3df6d732807ef1319fb7b8bb8522d0beac02",
    "CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS": "0000bbddc7ce488642fb579f8b00f3a590007251",
    "HISTORY_STORAGE_ADDRESS": "0000f90827f1c53a10cb7a02335b175320002935",
    "WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS": "00000961ef480eb55e80d19ad83579a64c007002",
}


_SYNCING = ParamType(
    "Syncing", "heights, or false", {"oneOf": [{"type": "object"}, {"type": "boolean"}]}
)


@cache
def _client_version(client_name: str) -> str:
    release = f"v{version('evm-dex')}/py-evm-{version('py-evm')}"
    known_as = CLIENT_NAMES[client_name]
    return f"{known_as}/evm-dex-{release}" if known_as else f"evm-dex/{release}"


@rpc("web3_clientVersion")
def client_version(node: Node) -> Text:
    """Return name and version of this node and its EVM, behind the name that tools look for."""
    return _client_version(node.client_name)


@rpc("web3_sha3")
def sha3(node: Node, data: Data) -> Hash:  # noqa: ARG001 - methods all take the node
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
def syncing(
    node: Node,
) -> Annotated[Json | bool, _SYNCING]:
    """Return false, or where a follower is that has been behind its node for long."""
    if node.upstream is None or node.upstream.is_healthy():
        return False
    told, here = node.upstream.status(), node.chain.head.block_number
    there = told["nodeBlock"]
    highest = here if there is None else max(here, there)
    return {
        "startingBlock": quantity(0),
        "currentBlock": quantity(here),
        "highestBlock": quantity(highest),
    }


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
    head, following, origin = node.chain.head, node.chain.next_header(), node.chain.origin
    return {
        "currentBlockNumber": quantity(head.block_number),
        "currentBlockTimestamp": head.timestamp,
        "currentBlockHash": data(head.hash),
        "hardFork": head.rules.fork,
        "transactionOrder": "fees",
        "environment": {
            "baseFee": quantity(following.base_fee_per_gas),
            "chainId": node.chain.chain_id,
            "gasLimit": quantity(following.gas_limit),
            "gasPrice": quantity(following.base_fee_per_gas),
        },
        "forkConfig": {
            "forkUrl": None if origin is None else origin.shown or None,
            "forkBlockNumber": None if origin is None else origin.point.height,
            "forkRetryBackoff": None,
        },
    }


@rpc("anvil_getGenesisTime")
def genesis_time(
    node: Node,
) -> Annotated[int, ParamType("Seconds", "a number of seconds", {"type": "integer"})]:
    """Return the time of block 0, in seconds."""
    return node.chain.first.timestamp


@rpc("anvil_metadata", "hardhat_metadata")
def metadata(
    node: Node,
) -> Annotated[Json, shaped("Metadata", "what this node is, and its head")]:
    """Return name, version and head, in Hardhat's form; the genesis names this chain."""
    head, origin = node.chain.head, node.chain.origin
    forked = (
        None
        if origin is None
        else {
            "chainId": origin.point.chain_id,
            "forkBlockNumber": origin.point.height,
            "forkBlockHash": data(origin.point.block_hash),
        }
    )
    return {
        "clientVersion": f"evm-dex/v{version('evm-dex')}",
        "chainId": node.chain.chain_id,
        "instanceId": data(node.chain.first.hash),
        "latestBlockNumber": head.block_number,
        "latestBlockHash": data(head.hash),
        "forkedNetwork": forked,
    }


@rpc("eth_config")
def config(node: Node) -> Annotated[Json, shaped("Config", "the current, next and last fork")]:
    """Return the one fork of this chain, from block 0 on, and its precompiles."""
    rules = node.chain.head.rules
    current = {
        "activationTime": 0,
        "blobSchedule": _BLOB_SCHEDULE if 3 in rules.transaction_types else _NO_BLOBS,
        "chainId": quantity(node.chain.chain_id),
        "forkId": data(fork_id(node.chain.first.hash)),
        "precompiles": _precompiles(node),
        "systemContracts": _system_contracts(node),
    }
    return {"current": current, "next": None, "last": None}


def fork_id(genesis_hash: bytes, forks: Iterable[int] = ()) -> bytes:
    """Return four bytes for a genesis and the heights, then times, of its forks (EIP-6122)."""
    found = zlib.crc32(genesis_hash)
    for fork in forks:
        found = zlib.crc32(fork.to_bytes(8, "big"), found)
    return found.to_bytes(4, "big")


def _precompiles(node: Node) -> dict[str, str]:
    ethereum = {
        name: at.to_bytes(20, "big")
        for at, name in enumerate(_PRECOMPILES, 1)
        if node.chain.head.rules.has_bls or not name.startswith("BLS12")
    }
    found = {**ethereum, **(_EXCHANGES if node.dex is not None else {})}
    if node.chain.ledger.core.settings is not None:
        found |= {f"CORE_{name.upper()}": address for address, name in read_names().items()}
    return {name: data(found[name]) for name in sorted(found)}


def _system_contracts(node: Node) -> dict[str, str]:
    """Return those that are deployed; without deposits, no address is that of their contract."""
    state = node.chain.state
    deployed = {
        name: f"0x{address}"
        for name, address in _SYSTEM_CONTRACTS.items()
        if state.get_code(bytes.fromhex(address))
    }
    deposits = {"DEPOSIT_CONTRACT_ADDRESS": data(ZERO_ADDRESS)}
    return {**deployed, **(deposits if node.chain.head.rules.has_requests else {})}
