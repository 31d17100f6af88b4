"""The EVM state of an archive: its tries built anew, so that the root proves every account."""

from __future__ import annotations

from eth_hash.auto import keccak

from checkpoint.archive.block_verifier import Sink
from checkpoint.archive.record_types import StateKind, StateRecord
from checkpoint.errors import ArchiveDamaged
from checkpoint.families import Family
from checkpoint.trie.account import Account, decode_word
from checkpoint.trie.nodes import BLANK_ROOT, EMPTY_CODE, HASH_BYTES
from checkpoint.trie.stack_trie import StackTrie
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS

LEDGER_ACCOUNT = keccak(LEDGER_ADDRESS)
LEDGER_SLOT = keccak(COMMITMENT_SLOT.to_bytes(32, "big"))
_NOTHING = b""
"""Below every key."""


class AccountVerifier:
    """Takes accounts, slots and code in order; gives their trie nodes, and at last the root."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._accounts = StackTrie(self._put)
        self._codes = {EMPTY_CODE}
        self._unclaimed: bytes | None = None
        """Hash of code that the next account must have."""
        """Hashes of the code so far: all that grows, by 32 bytes for each different contract."""
        self._key, self._value = _NOTHING, b""
        self._account: Account | None = None
        self._storage = StackTrie(self._put)
        self._slot = _NOTHING
        self._origin = _NOTHING
        self.accounts = self.slots = 0
        self.ledger_word: bytes | None = None
        """RLP of what the ledger's account says of all rows; None where it says nothing."""

    def add(self, record: StateRecord) -> None:
        """Add the next record. Raises ArchiveDamaged."""
        match record.kind:
            case StateKind.SLOT:
                self._add_slot(record.key, record.value)
            case StateKind.ACCOUNT:
                self._add_account(record.key, record.value)
            case StateKind.CODE:
                self._add_code(record.key, record.value)
            case StateKind.ORIGIN:
                self._add_origin(record.key, record.value)
            case _:
                raise ArchiveDamaged(f"a record of unknown kind {record.kind}", "section state")

    def root(self) -> bytes:
        """Return the state root of all that was added. Raises ArchiveDamaged."""
        self._end_account()
        self._check_claimed(None)
        return self._accounts.root()

    def _add_account(self, key: bytes, value: bytes) -> None:
        where = _account_name(key)
        self._end_account()
        if self._origin:
            raise ArchiveDamaged("it comes after what was fetched of the origin", where)
        _check_order(key, self._key, value, where)
        try:
            self._account = Account.decode(value)
        except ValueError as error:
            raise ArchiveDamaged(f"it does not decode: {error}", where) from error
        self._check_claimed(self._account.code_hash)
        if self._account.code_hash not in self._codes:
            code = self._account.code_hash.hex()
            raise ArchiveDamaged(f"its code {code} does not come before it", where)
        self._key, self._value = key, value
        self._slot = _NOTHING
        self.accounts += 1

    def _add_slot(self, slot: bytes, value: bytes) -> None:
        where = f"{_account_name(self._key)}, slot {slot.hex()}"
        if self._account is None:
            raise ArchiveDamaged("storage before any account", "section state")
        _check_order(slot, self._slot, value, where)
        try:
            decode_word(value)
        except ValueError as error:
            raise ArchiveDamaged(f"it does not decode: {error}", where) from error
        if self._key == LEDGER_ACCOUNT and slot == LEDGER_SLOT:
            self.ledger_word = value
        self._storage.add(slot, value)
        self._slot = slot
        self.slots += 1

    def _add_code(self, code_hash: bytes, code: bytes) -> None:
        where = f"section state, code {code_hash.hex()}"
        self._end_account()
        if keccak(code) != code_hash:
            raise ArchiveDamaged("it is other code: its hash differs", where)
        self._check_claimed(None)
        if code_hash in self._codes:
            raise ArchiveDamaged("it is there already", where)
        self._codes.add(code_hash)
        self._unclaimed = code_hash
        self._put(code_hash, code)

    def _add_origin(self, key: bytes, value: bytes) -> None:
        """Take in what was fetched of a forked chain's origin: nodes and code prove themselves."""
        where = f"section state, origin {key.hex()}"
        self._end_account()
        self._check_claimed(None)
        if key <= self._origin:
            raise ArchiveDamaged("it comes out of order", where)
        if len(key) == HASH_BYTES and keccak(value) != key:
            raise ArchiveDamaged("it is another node, or other code: its hash differs", where)
        self._origin = key
        self._sink(Family.ORIGIN, key, value)

    def _check_claimed(self, code_hash: bytes | None) -> None:
        """Refuse code that the account after it does not have: nothing else proves it."""
        if self._unclaimed is not None and self._unclaimed != code_hash:
            where = f"section state, code {self._unclaimed.hex()}"
            raise ArchiveDamaged("the account after it does not have it", where)
        self._unclaimed = None

    def _end_account(self) -> None:
        """Check the account's storage, now complete, against the root in the account."""
        if self._account is None:
            return
        root = self._storage.root() if self._slot else BLANK_ROOT
        if root != self._account.storage_root:
            raise ArchiveDamaged(
                f"its storage has root {root.hex()}, the account says "
                f"{self._account.storage_root.hex()}",
                _account_name(self._key),
            )
        self._accounts.add(self._key, self._value)
        self._account = None
        if self._slot:
            self._storage = StackTrie(self._put)

    def _put(self, key: bytes, node: bytes) -> None:
        self._sink(Family.NODES, key, node)


def _check_order(key: bytes, last: bytes, value: bytes, where: str) -> None:
    if len(key) != len(LEDGER_ACCOUNT) or not value:
        raise ArchiveDamaged("its key or value has the wrong size", where)
    if key <= last:
        raise ArchiveDamaged("it comes out of order", where)


def _account_name(key: bytes) -> str:
    return f"section state, account {key.hex()}"
