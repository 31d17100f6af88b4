"""py-evm's account database for a state that lives as long as the chain.

Three things are replaced. The original notes every key it reads, for block witnesses that nobody
here asks for; in a long-lived state that record only grows, and `get_code` copies all of it.
Its tries hash every node at every change; ours hash once per block. And its account record goes
through a general RLP schema, which costs more than the rest of a transfer. Where py-evm's
annotations name its own account and trie classes, these overrides say `Any`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from eth.abc import AccountStorageDatabaseAPI, AtomicDatabaseAPI
from eth.constants import BLANK_ROOT_HASH, EMPTY_SHA3
from eth.db.account import AccountDB
from eth.db.batch import BatchDB
from eth.db.hash_trie import HashTrie
from eth.db.storage import AccountStorageDB, StorageLookup
from eth.db.witness import MetaWitness
from eth_typing import Address, Hash32

from evm_dex import rlp
from evm_dex.vm.trie import Trie

_NOTHING_READ = MetaWitness(set(), {})


class Account(msgspec.Struct, frozen=True):
    """An account as the state trie holds it."""

    nonce: int = 0
    balance: int = 0
    storage_root: bytes = BLANK_ROOT_HASH
    code_hash: bytes = EMPTY_SHA3

    def copy(self, **changes: Any) -> Account:
        """The account with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    def encode(self) -> bytes:
        """RLP list of the four fields."""
        fields = [rlp.int_bytes(self.nonce), rlp.int_bytes(self.balance)]
        return rlp.encode([*fields, self.storage_root, self.code_hash])

    @classmethod
    def decode(cls, encoded: bytes) -> Account:
        """The account of such a list."""
        nonce, balance, storage_root, code_hash = rlp.decode(encoded)
        return cls(
            int.from_bytes(nonce, "big"), int.from_bytes(balance, "big"), storage_root, code_hash
        )


_NO_ACCOUNT = Account()


class AccountDatabase(AccountDB):
    """`AccountDB` on our tries, without a record of what was read."""

    def __init__(self, db: AtomicDatabaseAPI, state_root: Hash32) -> None:
        super().__init__(db, state_root)
        trie: Any = Trie(self._batchtrie, state_root)
        self._trie = HashTrie(trie)
        self._trie_logger.wrapped_db = self._trie

    def _get_account(self, address: Address, from_journal: bool = True) -> Any:
        if from_journal:
            cached: Account | None = self._account_cache.get(address)
            if cached is not None:
                return cached
        encoded = self._get_encoded_account(address, from_journal)
        account: Any = Account.decode(encoded) if encoded else _NO_ACCOUNT
        if from_journal:
            self._account_cache[address] = account
        return account

    def _set_account(self, address: Address, account: Any) -> None:
        self._account_cache[address] = account
        self._journaltrie[address] = account.encode()

    def delete_account(self, address: Address) -> None:
        """Remove an account; one without storage, as a touched empty one, at no further cost."""
        if address in self._account_stores or self._get_storage_root(address) != BLANK_ROOT_HASH:
            super().delete_account(address)
            return
        self._account_cache.pop(address, None)
        del self._journaltrie[address]

    def _get_address_store(self, address: Address) -> AccountStorageDatabaseAPI:
        store = self._account_stores.get(address)
        if store is None:
            root = self._get_storage_root(address)
            store = _AccountStorage(self._raw_store_db, root, address)
            self._account_stores[address] = store
        return store

    def _get_accessed_node_hashes(self) -> set[Hash32]:
        return set()

    def _get_meta_witness(self) -> MetaWitness:
        self._raw_store_db._keys_read.clear()
        self._trie_logger._keys_read.clear()
        return _NOTHING_READ


class _AccountStorage(AccountStorageDB):
    def __init__(self, db: AtomicDatabaseAPI, storage_root: Hash32, address: Address) -> None:
        super().__init__(db, storage_root, address)
        self._storage_lookup = _StorageLookup(db, storage_root, address)
        self._storage_cache._db = self._storage_lookup


class _StorageLookup(StorageLookup):
    def _get_write_trie(self) -> Any:
        if self._trie_nodes_batch is None:
            self._trie_nodes_batch = BatchDB(self._db, read_through_deletes=True)
        if self._write_trie is None:
            self._write_trie = Trie(self._trie_nodes_batch, self._starting_root_hash)
        return self._write_trie

    def _get_read_trie(self) -> Any:
        if self._write_trie is not None:
            return self._write_trie
        return Trie(self._db, self._starting_root_hash)
