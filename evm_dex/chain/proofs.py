"""Merkle proofs of an account and its storage, as `eth_getProof` gives them (EIP-1186)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
from eth.constants import BLANK_ROOT_HASH
from eth_hash.auto import keccak

from checkpoint.trie import rlp
from evm_dex.errors import StateMissing
from evm_dex.evm.account_db import Account

if TYPE_CHECKING:
    from evm_dex.chain.block_store import BlockId
    from evm_dex.chain.chain import Chain

_BRANCH_WIDTH = 17
_ODD = 1
_LEAF = 2


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
    """Proof of an account and some of its slots after a block.

    Raises UnknownBlock, and StateMissing for a state that was pruned.
    """
    header = chain.header(block)

    def read(node_hash: bytes) -> bytes:
        try:
            return chain.simulator.nodes[node_hash]
        except KeyError:
            height = header.block_number
            raise StateMissing(f"the state of block {height} is not kept any more") from None

    encoded, nodes = walk(read, header.state_root, keccak(address))
    account = Account.decode(encoded) if encoded else Account()
    proofs = []
    for slot in slots:
        value, path = walk(read, account.storage_root, keccak(slot.to_bytes(32, "big")))
        number = int.from_bytes(rlp.decode(value), "big") if value else 0
        proofs.append(StorageProof(slot, number, path))
    return AccountProof(account, nodes, tuple(proofs))


def walk(
    read: Callable[[bytes], bytes], root: bytes, key: bytes
) -> tuple[bytes, tuple[bytes, ...]]:
    """The value of a key in a trie (empty if it has none), and the encoded nodes on its way.

    Nodes shorter than 32 bytes are part of the one above and not listed by themselves.
    """
    if root == BLANK_ROOT_HASH:
        return b"", ()
    path = [nibble for byte in key for nibble in (byte >> 4, byte & 0x0F)]
    encoded = read(root)
    nodes = [encoded]
    node = rlp.decode(encoded)
    while node:
        if len(node) == _BRANCH_WIDTH:
            assert path, "keys are of one length, so none ends in a branch"
            child = node[path.pop(0)]
        else:
            part, is_leaf = _unpacked(node[0])
            if path[: len(part)] != part:
                return b"", tuple(nodes)
            path = path[len(part) :]
            if is_leaf:
                return node[1], tuple(nodes)
            child = node[1]
        if isinstance(child, bytes) and child:
            encoded = read(child)
            nodes.append(encoded)
            node = rlp.decode(encoded)
        else:
            node = child
    return b"", tuple(nodes)


def _unpacked(packed: bytes) -> tuple[list[int], bool]:
    """The nibbles of a hex-prefixed path, and whether it ends in a leaf."""
    nibbles = [nibble for byte in packed for nibble in (byte >> 4, byte & 0x0F)]
    flag = nibbles[0]
    return nibbles[1:] if flag & _ODD else nibbles[2:], bool(flag & _LEAF)
