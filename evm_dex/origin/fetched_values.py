"""Values fetched of the origin, in the store.

Trie nodes and code are kept under their hashes, so what is reached from the fork block's state root
is proven each time it is read. What had to be taken on the origin's word has keys of other lengths,
which nothing proven can have.
"""

from __future__ import annotations

from typing import Protocol

from checkpoint.errors import StoreError
from checkpoint.families import Family, height_key
from checkpoint.store_batch import BlockBatch
from checkpoint.trie import rlp
from checkpoint.trie.account import Account
from checkpoint.trie.nodes import BLANK_ROOT

_ACCOUNT, _WORD, _HASH, _BLOCK = b"a", b"w", b"h", b"b"


class FetchedStore(Protocol):
    """The part of a store that these are in."""

    def get(self, family: Family, key: bytes) -> bytes | None:
        """Return one value, or None."""

    def write(self, batch: BlockBatch) -> None:
        """Apply all of a batch, or nothing."""


class FetchedValues:
    """Reads and keeps them; where a store can't be written to, in memory."""

    def __init__(self, store: FetchedStore, *, held: bool = False) -> None:
        """Keep them in the store, or hold them until `take` while it has no block yet."""
        self._store = store
        self._is_held = held
        self._unwritten: dict[bytes, bytes] = {}

    def take(self) -> dict[bytes, bytes]:
        """Return what is held, to be written with the first block; later ones go to the store."""
        self._is_held = False
        taken, self._unwritten = self._unwritten, {}
        return taken

    def __getitem__(self, key: bytes) -> bytes:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: bytes) -> bool:
        return self.get(key) is not None

    def get(self, key: bytes) -> bytes | None:
        """Return what is kept under a key; None where it was not fetched."""
        found = self._unwritten.get(key)
        return self._store.get(Family.ORIGIN, key) if found is None else found

    def keep(self, entries: dict[bytes, bytes]) -> None:
        """Keep entries, by one write."""
        if self._is_held:
            self._unwritten.update(entries)
        if self._is_held or not entries:
            return
        batch = BlockBatch()
        batch.put_all(Family.ORIGIN, entries)
        try:
            self._store.write(batch)
        except StoreError:  # read beside another process, or the disk is full: a block will tell
            self._unwritten.update(entries)

    def claimed_account(self, address: bytes) -> Account | None:
        """Return an account as the origin told it; None where it was not asked for."""
        encoded = self.get(_ACCOUNT + address)
        return None if encoded is None else Account.decode(encoded)

    def claimed_word(self, address: bytes, slot: int) -> int | None:
        """Return a word as the origin told it; None where it was not asked for."""
        encoded = self.get(word_key(address, slot))
        return None if encoded is None else int.from_bytes(encoded, "big")

    def claimed_hash(self, height: int) -> bytes | None:
        """Return the hash of a block before the fork; None where it was not asked for."""
        return self.get(hash_key(height))


def account_entry(address: bytes, nonce: int, balance: int, code_hash: bytes) -> dict[bytes, bytes]:
    """Return the entry of an account that the origin told."""
    return {_ACCOUNT + address: Account(nonce, balance, BLANK_ROOT, code_hash).encode()}


def word_entry(address: bytes, slot: int, word: int) -> dict[bytes, bytes]:
    """Return the entry of a word that the origin told."""
    return {word_key(address, slot): rlp.int_bytes(word)}


def word_key(address: bytes, slot: int) -> bytes:
    """Return the key of a word that the origin told."""
    return _WORD + address + slot.to_bytes(32, "big")


def block_key(height: int) -> bytes:
    """Return the key of a block as the origin told it, in JSON."""
    return _BLOCK + height_key(height)


def hash_key(height: int) -> bytes:
    """Return the key of a block's hash that the origin told."""
    return _HASH + height_key(height)
