"""The block that a chain is forked at, as the other node tells it, and what its hash proves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from checkpoint.trie import rlp
from checkpoint.trie.keccak import keccak

_FIELDS = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData"),
    *("mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas"),
    *("parentBeaconBlockRoot", "requestsHash"),
)
"""Names in JSON-RPC of a header's fields, in the order of its RLP list; later forks add to them."""
_INTEGERS = frozenset(
    (
        *("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas"),
        *("blobGasUsed", "excessBlobGas"),
    )
)
_NOT_IN_HEADERS = frozenset(
    ("hash", "size", "totalDifficulty", "transactions", "uncles", "withdrawals", "l1BlockNumber")
)
_OURS = "here code runs by the rules of this chain, Prague's or HyperEVM's"
_LONDON, _SHANGHAI, _CANCUN, _PRAGUE = 16, 17, 20, 21
"""Fields of a header from each fork on."""


class OriginBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Fields that a forked chain takes over of the block that it begins from. Fees in wei."""

    chain_id: int
    number: int
    hash: bytes
    parent_hash: bytes
    state_root: bytes
    timestamp: int
    gas_limit: int
    gas_used: int
    base_fee: int | None
    """None before London."""
    blob_gas_used: int
    excess_blob_gas: int
    is_proven: bool
    """True if the fields hash to the hash, so that it proves the state root."""
    rules_note: str
    """A note about other rules than Prague's; empty if the header is one of Prague."""


def read_origin_block(chain_id: int, block: Mapping[str, Any]) -> OriginBlock:
    """Read what `eth_getBlockByNumber` gives. Raises KeyError, TypeError or ValueError."""
    present = [name for name in _FIELDS if block.get(name) is not None]
    unknown = sorted(
        name
        for name, value in block.items()
        if value is not None and name not in _NOT_IN_HEADERS and name not in _FIELDS
    )
    block_hash = _data(block["hash"])
    encoded = rlp.encode([_field(name, block[name]) for name in present])
    base_fee = block.get("baseFeePerGas")
    is_proven = keccak(encoded) == block_hash
    return OriginBlock(
        chain_id=chain_id,
        number=int(block["number"], 16),
        hash=block_hash,
        parent_hash=_data(block["parentHash"]),
        state_root=_data(block["stateRoot"]),
        timestamp=int(block["timestamp"], 16),
        gas_limit=int(block["gasLimit"], 16),
        gas_used=int(block["gasUsed"], 16),
        base_fee=None if base_fee is None else int(base_fee, 16),
        blob_gas_used=int(block.get("blobGasUsed") or "0x0", 16),
        excess_blob_gas=int(block.get("excessBlobGas") or "0x0", 16),
        is_proven=is_proven,
        rules_note=_rules_note(len(present), [] if is_proven else unknown),
    )


def _rules_note(fields: int, unknown: list[str]) -> str:
    if unknown:
        return (
            f"its header has fields that Prague's do not have ({', '.join(unknown)}): it was made "
            f"under other rules, {_OURS}"
        )
    if fields >= _PRAGUE:
        return ""
    names = ((_CANCUN, "Cancun"), (_SHANGHAI, "Shanghai"), (_LONDON, "London"))
    fork = next((name for least, name in names if fields >= least), "a fork before London")
    return f"its header is one of {fork}, before Prague: {_OURS}"


def _field(name: str, value: str) -> bytes:
    return rlp.int_bytes(int(value, 16)) if name in _INTEGERS else _data(value)


def _data(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))
