"""Merkle proofs of an account and its storage, as `eth_getProof` gives them (EIP-1186)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from eth_hash.auto import keccak

from checkpoint.trie.account import Account, decode_word
from checkpoint.trie.nodes import BLANK_ROOT
from checkpoint.trie.walk import NodeReader, prove_key
from evm_dex.errors import NotCovered, StateMissing
from evm_dex.evm.account_storage import WIPED
from evm_dex.origin.origin import Origin

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

    A forked chain's root covers what differs from the origin: an account that is the origin's, or
    partly so, can't be proven by it. Raises UnknownBlock, StateMissing for a state that was pruned,
    and NotCovered.
    """
    header = chain.context_after(block)

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
    if chain.origin is not None and not _is_own(chain.origin, address, account, read):
        raise NotCovered(
            f"account 0x{address.hex()} is that of the chain which this one was forked from, "
            "wholly or in part, and state roots here cover only what changed since: ask for its "
            f"proof after block {chain.origin.point.height} or before"
        )
    proofs = []
    for slot in slots:
        value, path = prove_key(read, account.storage_root, keccak(slot.to_bytes(32, "big")))
        number = int.from_bytes(decode_word(value), "big") if value else 0
        proofs.append(StorageProof(slot, number, path))
    return AccountProof(account, nodes, tuple(proofs))


def _is_own(origin: Origin, address: bytes, account: Account, read: NodeReader) -> bool:
    """Tell whether an account is all this chain's: new here, or hiding what the origin has."""
    if account.storage_root != BLANK_ROOT and prove_key(read, account.storage_root, WIPED)[0]:
        return True
    return origin.state.account(address) is None
