"""The accounts of a state that lives as long as the chain, behind py-evm's interface.

py-evm's own account database takes an account or a word through half a dozen layers of wrapped
databases and forgets all of them with each block. This one holds what was read and written in
plain dicts, which stay true from block to block, and takes changes back by one journal of what was
there before. Roots are made when they are asked for, from what was written since.

Its journal is not the ledger's (`precompiles/engine/journal.py`): nothing in `precompiles/` knows
of an EVM, and a word that is written would pay for the ledger's kind of undo. Both are marked and
taken back together, in `DexState.snapshot` and `revert`. No block witnesses are recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from eth.abc import AccountDatabaseAPI, AtomicDatabaseAPI
from eth.constants import BLANK_ROOT_HASH, EMPTY_SHA3
from eth.db.witness import MetaWitness
from eth.typing import JournalDBCheckpoint
from eth.validation import validate_uint64, validate_uint256
from eth.vm.interrupt import MissingAccountTrieNode, MissingBytecode, MissingStorageTrieNode
from eth_typing import Address, Hash32
from trie.exceptions import MissingTrieNode

from checkpoint.trie.account import Account
from checkpoint.trie.keccak import keccak
from checkpoint.trie.trie import NodeCache, Trie
from evm_dex.evm.account_storage import Storage
from evm_dex.evm.origin_state import OriginState
from evm_dex.evm.transaction_scope import TransactionScope

_NOTHING_READ = MetaWitness(set(), {})
_NOT_THERE: Any = object()
_MOST_ACCOUNTS = 4_096
_MOST_STORAGES = 256
_MOST_CODES = 256
"""More of any are forgotten when nothing waits to be settled, and read again where needed."""
_NO_ACCOUNT = Account()
_key = lru_cache(_MOST_ACCOUNTS)(keccak)
"""The key of an account in the trie of the state."""


class AccountDatabase(TransactionScope, AccountDatabaseAPI):
    """Accounts, code and storage over a database of trie nodes and code by hash."""

    origin: OriginState | None = None
    """Of a forked chain, whose tries have what differs from there and nothing else."""

    def __init__(self, db: AtomicDatabaseAPI, state_root: Hash32 = BLANK_ROOT_HASH) -> None:
        self._db = db
        self._nodes = NodeCache(db)
        self._trie = Trie(self._nodes, state_root)
        self._codes: dict[bytes, bytes] = {}
        """New code by hash, until some account is persisted with it."""
        self._codes_read: dict[bytes, bytes] = {}
        """Stored code by hash: the same object each time, whose own hash Python then knows."""
        self._forget()

    def _forget(self) -> None:
        self._accounts: dict[bytes, Account | None] = {}
        """Accounts that were read or written; None for one that does not exist."""
        self._storages: dict[bytes, Storage] = {}
        self._changed: set[bytes] = set()
        """Accounts that may differ from the trie."""
        self._in_trie: dict[bytes, Account | None] = {}
        """Accounts as the trie has them, of those that were read or settled."""
        self._changed_storages: set[bytes] = set()
        self._before: dict[tuple[bytes, int], int] = {}
        """Values at the start of this transaction, by address and slot, of words written in it."""
        self._transient: dict[tuple[bytes, int], bytes] = {}
        self._touched: dict[bytes, bool] = {}
        """Empty accounts that calls of this transaction reached."""
        self._warm: dict[Any, bool] = {}
        self._journal: list[tuple[dict[Any, Any], Any, Any]] = []
        """The dict, key and earlier value of each change."""
        self._settled = 0
        """Number of changes that went into a root and left the journal."""

    @property
    def state_root(self) -> Hash32:
        """The root that was last made, or set."""
        return Hash32(self._trie.root_hash)

    @state_root.setter
    def state_root(self, value: Hash32) -> None:
        if self._trie.root_hash != value:
            self._trie.root_hash = value
            self._forget()

    def has_root(self, state_root: bytes) -> bool:
        """Whether the state of a root is there."""
        return state_root == BLANK_ROOT_HASH or self._nodes.has(state_root)

    # Taking back

    def record(self) -> JournalDBCheckpoint:
        """Return a mark for `discard`."""
        return JournalDBCheckpoint(self._settled + len(self._journal))

    def discard(self, checkpoint: JournalDBCheckpoint) -> None:
        """Take back all changes after a mark."""
        journal, kept = self._journal, checkpoint - self._settled
        assert kept >= 0, "a root was made since"
        while len(journal) > kept:
            changed, key, before = journal.pop()
            if before is _NOT_THERE:
                del changed[key]
            else:
                changed[key] = before

    def commit(self, checkpoint: JournalDBCheckpoint) -> None:
        """Do nothing: a mark that isn't used costs nothing."""

    def lock_changes(self) -> None:
        """Begin a transaction: words are as they are now before it, and nothing is warm."""
        self._before = {}
        self._warm = {}
        self._touched = {}

    def keep_warm_in(self, places: dict[Any, bool]) -> None:
        """Note in `places`, until the transaction ends, what is warm: accounts and words."""
        self._warm = places

    def _put(self, changed: dict[Any, Any], key: Any, value: Any) -> None:
        self._journal.append((changed, key, changed.get(key, _NOT_THERE)))
        changed[key] = value

    # Accounts

    def get_account(self, address: bytes) -> Account:
        """Return an account; one that is not there has nothing."""
        return self.found(address) or _NO_ACCOUNT

    def count_transaction(self, sender: bytes, fee: int) -> None:
        """Take a fee in wei from an account, and add 1 to its nonce.

        Raises py-evm's ValidationError where it has less, or the highest nonce.
        """
        account = self.get_account(sender)
        balance, nonce = account.balance - fee, account.nonce + 1
        validate_uint256(balance, title="Account Balance")
        validate_uint64(nonce, title="Nonce")
        self._set(sender, Account(nonce, balance, account.storage_root, account.code_hash))

    def clear_if_empty(self, address: bytes) -> None:
        """Delete an account that is there and has nothing (EIP-161)."""
        account = self.found(address)
        if account is not None and account.is_empty:
            self.delete_account(Address(address))

    def get_balance(self, address: Address) -> int:
        """Wei of an account."""
        return self.get_account(address).balance

    def set_balance(self, address: Address, balance: int) -> None:
        """Set an account's wei. Raises py-evm's ValidationError for what is no amount."""
        validate_uint256(balance, title="Account Balance")
        account = self.get_account(address)
        changed = Account(account.nonce, balance, account.storage_root, account.code_hash)
        self._set(address, changed)

    def get_nonce(self, address: Address) -> int:
        """Return the number of transactions an account sent, or of contracts it created."""
        return self.get_account(address).nonce

    def set_nonce(self, address: Address, nonce: int) -> None:
        """Set an account's nonce. Raises py-evm's ValidationError for one above 64 bits."""
        validate_uint64(nonce, title="Nonce")
        self._set(address, self.get_account(address).copy(nonce=nonce))

    def increment_nonce(self, address: Address) -> None:
        """Add 1 to an account's nonce."""
        self.set_nonce(address, self.get_nonce(address) + 1)

    def account_has_code_or_nonce(self, address: Address) -> bool:
        """Whether no contract may be created there (EIP-684)."""
        account = self.get_account(address)
        return account.nonce != 0 or account.code_hash != EMPTY_SHA3

    def account_has_storage(self, address: Address) -> bool:
        """Whether some word of an account may not be 0."""
        has_words = self._storage(address).has_words()
        is_hidden = self.get_account(address).storage_root != BLANK_ROOT_HASH
        if has_words or is_hidden or self.origin is None or address in self._changed_storages:
            return has_words
        return self.origin.has_storage(address)

    def account_exists(self, address: Address) -> bool:
        """Return True if there is such an account, maybe an empty one; a fork has no empty ones."""
        account = self.found(address)
        return account is not None and not (self.origin is not None and account.is_empty)

    def account_is_empty(self, address: Address) -> bool:
        """Whether an account has no wei, nonce and code, or is not there (EIP-161)."""
        return self.get_account(address).is_empty

    def touch(self, address: bytes) -> None:
        """Note that a call reaches an account, which is taken out at the end if it is empty."""
        account = self.found(address)
        if account is not None and account.is_empty:
            self._put(self._touched, address, True)

    def delete_touched(self) -> None:
        """Take out what calls of this transaction reached and is empty (EIP-161)."""
        for address in self._touched:
            self.clear_if_empty(address)

    def touch_account(self, address: Address) -> None:
        """Make sure the state has the account."""
        self._set(address, self.get_account(address))

    def delete_account(self, address: Address) -> None:
        """Take an account and its storage out of the state."""
        self._wipe_storage(address)
        self._set(address, None)

    def found(self, address: bytes) -> Account | None:
        """Return an account, also an empty one; None where there is none."""
        account = self._accounts.get(address, _NOT_THERE)
        if account is _NOT_THERE:
            self._make_room()
            try:
                encoded = self._trie[_key(address)]
            except MissingTrieNode as error:
                raise MissingAccountTrieNode(*error.args) from error
            account = Account.decode(encoded) if encoded else self._original(address)
            if address not in self._accounts:  # likewise: others may have been here meanwhile
                self._accounts[address] = self._in_trie[address] = account
            account = self._accounts[address]
        found: Account | None = account
        return found

    def _original(self, address: bytes) -> Account | None:
        """Return the account that shows where the trie has none: the origin's, if there is one."""
        return None if self.origin is None else self.origin.account(address)

    def _set(self, address: bytes, account: Account | None) -> None:
        self._put(self._accounts, address, account)
        self._changed.add(address)

    # Code

    def get_code(self, address: Address) -> bytes:
        """Return a contract's code; empty for other accounts."""
        code_hash = self.get_account(address).code_hash
        if code_hash == EMPTY_SHA3:
            return b""
        code = self._codes.get(code_hash) or self._codes_read.get(code_hash)
        if code is None:
            code = self._codes_read[code_hash] = self._stored_code(address, code_hash)
        return code

    def _stored_code(self, address: bytes, code_hash: bytes) -> bytes:
        try:
            return self._nodes[code_hash]
        except KeyError as error:
            if self.origin is None:
                raise MissingBytecode(Hash32(code_hash)) from error
            return self.origin.code(address, code_hash)

    def set_code(self, address: Address, code: bytes) -> None:
        """Make an account a contract."""
        code_hash = keccak(code)
        if code:
            self._codes[code_hash] = code
        self._set(address, self.get_account(address).copy(code_hash=code_hash))

    def get_code_hash(self, address: Address) -> Hash32:
        """Return the hash of an account's code."""
        return Hash32(self.get_account(address).code_hash)

    def delete_code(self, address: Address) -> None:
        """Take the code from an account."""
        self._set(address, self.get_account(address).copy(code_hash=EMPTY_SHA3))

    # Storage

    def get_storage(self, address: Address, slot: int, from_journal: bool = True) -> int:
        """Return one word; without `from_journal` as it was when the transaction began."""
        if not from_journal and (address, slot) in self._before:
            return self._before[address, slot]
        storage = self._storage(address)
        try:
            return storage.get(slot)
        except MissingTrieNode as error:
            raise _missing_word(error, address) from error

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        """Set one word. Raises py-evm's ValidationError for what is no word."""
        validate_uint256(value, title="Storage Value")
        self._before.setdefault((address, slot), self.get_storage(address, slot))
        storage = self._storages[address]
        storage.written.add(slot)
        self._changed_storages.add(address)
        self._put(storage.words, slot, value)

    def overwrite_storage(self, address: Address, slot: int, value: int) -> None:
        """Set one word whatever it was, as part of no transaction: no origin is asked for it."""
        validate_uint256(value, title="Storage Value")
        storage = self._storage(address)
        storage.write_blind(slot)
        self._changed_storages.add(address)
        self._put(storage.words, slot, value)

    def delete_storage(self, address: Address) -> None:
        """Set all words of an account to 0."""
        self._wipe_storage(address)
        self._set(address, self.get_account(address).copy(storage_root=BLANK_ROOT_HASH))

    def _storage(self, address: bytes) -> Storage:
        storage = self._storages.get(address)
        if storage is None:
            self._make_room()
            root = self.get_account(address).storage_root
            below = self._word_below(address)
            storage = self._storages[address] = Storage(self._nodes, root, below)
        return storage

    def _word_below(self, address: bytes) -> Callable[[int], int] | None:
        """Return what gives the words of an account's that the trie has not."""
        if self.origin is None or self.origin.account(address) is None:
            return None
        return partial(self.origin.word, address)

    def _wipe_storage(self, address: bytes) -> None:
        """Go on with empty storage; the old one is taken back whole."""
        self._storage(address)
        hides = self._original(address) is not None
        if hides:
            self._changed_storages.add(address)
        self._put(self._storages, address, Storage(self._nodes, wiped=hides))

    # Roots

    def make_state_root(self) -> Hash32:
        """Return the root of the state now; earlier changes can't be taken back any more."""
        self._settled += len(self._journal)
        self._journal.clear()
        for address in sorted(self._changed_storages):
            self._settle_storage(address)
        for address in sorted(self._changed):
            self._settle_account(address)
        self._changed_storages.clear()
        self._changed.clear()
        return self.state_root

    def _settle_storage(self, address: bytes) -> None:
        try:
            root = self._storages[address].make_root()
        except MissingTrieNode as error:
            raise _missing_word(error, address) from error
        account = self.found(address)
        if root != (account or _NO_ACCOUNT).storage_root:
            self._accounts[address] = (account or _NO_ACCOUNT).copy(storage_root=root)
            self._changed.add(address)

    def _settle_account(self, address: bytes) -> None:
        account = self.found(address)
        if self._in_trie.get(address, _NOT_THERE) == account:
            return
        original = self._original(address)  # what is as there leaves the trie again
        encoded = b"" if account == original else (account or _NO_ACCOUNT).encode()
        try:
            self._trie[_key(address)] = encoded
        except MissingTrieNode as error:
            raise MissingAccountTrieNode(*error.args) from error
        self._in_trie[address] = account
        if account and account.code_hash in self._codes:
            self._nodes[account.code_hash] = self._codes[account.code_hash]
        elif encoded and original and account and not account.has_no_code:
            self._nodes[account.code_hash] = self.get_code(Address(address))

    def persist(self) -> MetaWitness:
        """Write the nodes of the state as it is now to the database below."""
        self.make_state_root()
        with self._db.atomic_batch() as batch:
            self._nodes.write_to(batch)
        self._codes.clear()
        self._make_room()
        return _NOTHING_READ

    def _make_room(self) -> None:
        """Forget what is known of accounts where that is much, unless some of it is not settled."""
        if self._journal or self._changed or self._changed_storages:
            return
        if len(self._accounts) > _MOST_ACCOUNTS:
            self._accounts.clear()
            self._in_trie.clear()
        if len(self._storages) > _MOST_STORAGES:
            self._storages.clear()
        if len(self._codes_read) > _MOST_CODES:
            self._codes_read.clear()


def _missing_word(error: MissingTrieNode, address: bytes) -> MissingStorageTrieNode:
    node_hash, root_hash, key, prefix = error.args[:4]
    return MissingStorageTrieNode(node_hash, root_hash, key, prefix, Address(address))
