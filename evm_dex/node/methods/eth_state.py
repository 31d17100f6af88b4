"""Accounts, code and storage after a block, and Merkle proofs of them."""

from __future__ import annotations

from typing import Annotated, Any

from evm_dex.chain.proofs import prove
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import (
    SLOT,
    Block,
    Data,
    HexAddress,
    ParamType,
    Quantity,
    Slot,
    data,
    listed,
    plain_block,
    quantity,
    read_address,
    read_slot,
    shaped,
)

_MOST_SLOTS = 1_024


def _word(value: int) -> str:
    return f"{value:#066x}"


def _read_wanted(value: Any) -> dict[str, list[int]]:
    if not isinstance(value, dict) or sum(len(slots) for slots in value.values()) > _MOST_SLOTS:
        raise ValueError
    for address in value:
        read_address(address)
    return {address: [read_slot(slot) for slot in slots] for address, slots in value.items()}


_WANTED = ParamType(
    "WantedSlots",
    f"an object of lists of storage keys by address, at most {_MOST_SLOTS} in all",
    {"type": "object"},
    _read_wanted,
)
_WORD = ParamType("Word", "32 bytes in hex", {"type": "string", "pattern": "^0x[0-9a-f]{64}$"},
             write=_word)  # fmt: skip


@rpc("eth_getBalance")
def get_balance(node: Node, address: HexAddress, block: Block = "latest") -> Quantity:
    """Return wei of an account after a block."""
    return node.state(block).get_balance(address)


@rpc("eth_getCode")
def get_code(node: Node, address: HexAddress, block: Block = "latest") -> Data:
    """Return a contract's code after a block; empty for other accounts."""
    return node.state(block).get_code(address)


@rpc("eth_getTransactionCount")
def get_transaction_count(node: Node, address: HexAddress, block: Block = "latest") -> Quantity:
    """Return an account's nonce after a block; `pending` counts its transactions that wait."""
    if block == "pending":
        return node.chain.next_nonce(address)
    return node.state(block).get_nonce(address)


@rpc("eth_getStorageAt")
def get_storage(
    node: Node, address: HexAddress, slot: Slot, block: Block = "latest"
) -> Annotated[int, _WORD]:
    """Return one storage word of a contract after a block."""
    return node.state(block).get_storage(address, slot)


@rpc("eth_getStorageValues")
def get_storage_values(
    node: Node, slots: Annotated[dict[str, list[int]], _WANTED], block: Block = "latest"
) -> Annotated[Json, shaped("StorageValues", "storage words by address")]:
    """Return several storage words of several contracts after a block."""
    if not any(slots.values()):
        raise invalid_params("empty request: name at least one storage key")
    state = node.state(block)
    return {
        address: [_word(state.get_storage(read_address(address), slot)) for slot in keys]
        for address, keys in slots.items()
    }


@rpc("eth_getAccountInfo")
def get_account_info(
    node: Node, address: HexAddress, block: Block = "latest"
) -> Annotated[Json, shaped("AccountInfo", "balance, nonce and code")]:
    """Return balance, nonce and code of an account after a block, in one answer."""
    state = node.state(block)
    return {
        "balance": quantity(state.get_balance(address)),
        "nonce": quantity(state.get_nonce(address)),
        "code": data(state.get_code(address)),
    }


_MOST_SLOTS = 1_024
Slots = Annotated[list[int], listed(SLOT, most=_MOST_SLOTS)]
Proof = Annotated[Json, shaped("AccountProof", "an account with its Merkle proof (EIP-1186)")]


@rpc("eth_getProof")
def get_proof(node: Node, address: HexAddress, slots: Slots, block: Block = "latest") -> Proof:
    """Return an account and some of its storage, with the trie nodes that prove them.

    Slot 0 of the spot exchange's account holds the digest of every order, balance and position,
    so this proves those too.
    """
    if block == "pending":
        raise invalid_params("eth_getProof: a pending block has no state root yet")
    proof = prove(node.chain, address, slots, node.header(block).hash)
    account = proof.account
    return {
        "address": data(address),
        "accountProof": [data(encoded) for encoded in proof.nodes],
        "balance": quantity(account.balance),
        "codeHash": data(account.code_hash),
        "nonce": quantity(account.nonce),
        "storageHash": data(account.storage_root),
        "storageProof": [
            {
                "key": quantity(slot.slot),
                "value": quantity(slot.value),
                "proof": [data(encoded) for encoded in slot.nodes],
            }
            for slot in proof.storage
        ],
    }


@rpc("eth_getAccount")
def get_account(
    node: Node, address: HexAddress, block: Block = "latest"
) -> Annotated[Json, shaped("Account", "what the state's trie has of an account")]:
    """Return nonce, balance, storage root and code hash of an account after a block."""
    account = prove(node.chain, address, (), plain_block(block)).account
    return {
        "nonce": quantity(account.nonce),
        "balance": quantity(account.balance),
        "storageRoot": data(account.storage_root),
        "codeHash": data(account.code_hash),
    }
