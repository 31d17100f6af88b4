"""Merkle proofs of an account and its storage, as `eth_getProof` gives them (EIP-1186)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from eth_hash.auto import keccak

from checkpoint.trie.account import Account, decode_word
from checkpoint.trie.walk import prove_key
from evm_dex.errors import StateMissing

if TYPE_CHECKING:
    from evm_dex.chain.block_store import BlockId
    from evm_dex.chain.chain import Chain


class StorageProof(msgspec.Struct, frozen=True):
    """One slot and the trie nodes from the storage root to it."""

    slot: int
    value: int
    nodes: tuple[bytes, ...]


class AccountProof(msgspec.Struct, frozen=True):
    """An account and the trie nodes from the state root to it, or to where it is not."""

    account: Account
    nodes: tuple[bytes, ...]
    storage: tuple[StorageProof, ...]


def prove(chain: Chain, address: bytes, slots: Sequence[int], block: BlockId) -> AccountProof:
    """Prove an account and some of its slots after a block.

    Raises UnknownBlock, and StateMissing for a state that was pruned.
    """
    header = chain.header(block)

    def read(node_hash: bytes) -> bytes:
        try:
            return chain.call_runner.nodes[node_hash]
        except KeyError:
            height = header.block_number
            raise StateMissing(
                f"the state of block {height} was pruned: ask for a newer block"
            ) from None

    encoded, nodes = prove_key(read, header.state_root, keccak(address))
    account = Account.decode(encoded) if encoded else Account()
    proofs = []
    for slot in slots:
        value, path = prove_key(read, account.storage_root, keccak(slot.to_bytes(32, "big")))
        number = int.from_bytes(decode_word(value), "big") if value else 0
        proofs.append(StorageProof(slot, number, path))
    return AccountProof(account, nodes, tuple(proofs))
