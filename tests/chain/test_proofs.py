"""Merkle proofs, checked by the `trie` library, which shares no code with ours."""

from __future__ import annotations

from typing import Any, cast

from eth_hash.auto import keccak
from trie.hexary import HexaryTrie

import evm_dex
from checkpoint.trie import rlp
from evm_dex.blocks.addresses import to_address
from evm_dex.chain.proofs import prove
from precompiles.ledger.commitment import digest
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS


def proven(root: bytes, key: bytes, nodes: tuple[bytes, ...]) -> bytes:
    """What a proof proves of a key under a root. Raises BadTrieProof."""
    trie = cast(Any, HexaryTrie)  # its methods have no types
    value: bytes = trie.get_from_proof(root, keccak(key), [rlp.decode(node) for node in nodes])
    return value


def test_accounts_and_slots_are_proven_by_what_is_given() -> None:
    """Those that are there, and that others are not."""
    with evm_dex.open() as dex:
        weth = dex.tokens["WETH"]
        weth.send("transfer", dex.accounts[1], 5)
        header = dex.chain.head
        absent = b"\x77" * 20
        for address in (weth.raw_address, *(to_address(a) for a in dex.accounts[:3]), absent):
            proof = prove(dex.chain, address, (0, 2, 3, 2**200), "latest")
            encoded = proven(header.state_root, address, proof.nodes)
            assert encoded == (b"" if address == absent else proof.account.encode())
            for slot in proof.storage:
                if not proof.account.storage_root or not slot.nodes:
                    continue
                value = proven(
                    proof.account.storage_root, slot.slot.to_bytes(32, "big"), slot.nodes
                )
                assert (rlp.decode(value) if value else b"") == rlp.int_bytes(slot.value)
        supply = prove(dex.chain, weth.raw_address, (2,), "latest").storage[0].value
        assert supply == weth.call("totalSupply")


def test_a_proof_of_slot_0_proves_every_order() -> None:
    """The digest of all rows of both exchanges, in the state of any block that is kept."""
    with evm_dex.open() as dex:
        commitments = []
        for price in (3_000, 3_010):
            dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, price * 10**6, False)
            commitments.append(int.from_bytes(digest(dex.chain.ledger.commitment), "big"))
        values = [
            prove(dex.chain, LEDGER_ADDRESS, (COMMITMENT_SLOT,), height).storage[0].value
            for height in (1, 2)
        ]
        assert values == commitments
        assert values[0] != values[1]
