"""The rules this chain goes by, for clients that compare nodes (EIP-7910)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Annotated

from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import data, quantity, shaped
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS, ZERO_ADDRESS

_BLOB_SCHEDULE = {"target": 6, "max": 9, "baseFeeUpdateFraction": 5_007_716}
"""Of Prague (EIP-7691)."""
_PRECOMPILES = (
    *("ECREC", "SHA256", "RIPEMD160", "ID", "MODEXP", "BN254_ADD", "BN254_MUL", "BN254_PAIRING"),
    *("BLAKE2F", "KZG_POINT_EVALUATION", "BLS12_G1ADD", "BLS12_G1MSM", "BLS12_G2ADD"),
    *("BLS12_G2MSM", "BLS12_PAIRING_CHECK", "BLS12_MAP_FP_TO_G1", "BLS12_MAP_FP2_TO_G2"),
)
"""By address, from 1 on."""
_EXCHANGES = {"SPOT": SPOT_ADDRESS, "PERP": PERP_ADDRESS}
_SYSTEM_CONTRACTS = {
    "BEACON_ROOTS_ADDRESS": "000f3df6d732807ef1319fb7b8bb8522d0beac02",
    "CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS": "0000bbddc7ce488642fb579f8b00f3a590007251",
    "HISTORY_STORAGE_ADDRESS": "0000f90827f1c53a10cb7a02335b175320002935",
    "WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS": "00000961ef480eb55e80d19ad83579a64c007002",
}


@rpc("eth_config")
def config(node: Node) -> Annotated[Json, shaped("Config", "the current, next and last fork")]:
    """Return the one fork of this chain, Prague from block 0 on, and the exchanges."""
    current = {
        "activationTime": 0,
        "blobSchedule": _BLOB_SCHEDULE,
        "chainId": quantity(node.chain.chain_id),
        "forkId": data(fork_id(node.chain.header(0).hash)),
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
    ethereum = {name: at.to_bytes(20, "big") for at, name in enumerate(_PRECOMPILES, 1)}
    found = {**ethereum, **(_EXCHANGES if node.dex is not None else {})}
    return {name: data(found[name]) for name in sorted(found)}


def _system_contracts(node: Node) -> dict[str, str]:
    """Return those that are deployed; without deposits, no address is that of their contract."""
    state = node.chain.state
    deployed = {
        name: f"0x{address}"
        for name, address in _SYSTEM_CONTRACTS.items()
        if state.get_code(bytes.fromhex(address))
    }
    return {**deployed, "DEPOSIT_CONTRACT_ADDRESS": data(ZERO_ADDRESS)}
