"""Accounts as the state's trie has them, and Merkle proofs."""

from __future__ import annotations

from typing import Annotated

from evm_dex.chain.proofs import prove
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import SLOT, Block, HexAddress, data, listed, quantity, shaped

_MOST_SLOTS = 1_024
Slots = Annotated[list[int], listed(SLOT, most=_MOST_SLOTS)]
Proof = Annotated[Json, shaped("AccountProof", "an account with its Merkle proof (EIP-1186)")]


@rpc("eth_getProof")
def get_proof(node: Node, address: HexAddress, slots: Slots, block: Block = "latest") -> Proof:
    """An account and some of its storage after a block, with the trie nodes that prove them.

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
    """Nonce, balance, storage root and code hash of an account after a block."""
    account = prove(node.chain, address, (), node.header(block).hash).account
    return {
        "nonce": quantity(account.nonce),
        "balance": quantity(account.balance),
        "storageRoot": data(account.storage_root),
        "codeHash": data(account.code_hash),
    }
