"""The accounts that a transaction touches, as they were before it and as it leaves them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from evm_dex.blocks.transaction import created_address
from evm_dex.errors import TraceTooLong
from evm_dex.evm.trace_bounds import MOST_BYTES

_ACCOUNT_BYTES = 200
_WORD_BYTES = 150
_Place = bytes | tuple[bytes, int]
"""An account, or the account and slot of a storage word."""


class AccountState(msgspec.Struct):
    """One account, with the storage words that were touched."""

    balance: int
    """In wei."""
    nonce: int
    code: bytes
    storage: dict[int, int] = {}

    @property
    def is_empty(self) -> bool:
        """True for an account that is not there, or has nothing (EIP-161)."""
        return not (self.balance or self.nonce or self.code)


class _NotedPlaces(dict[Any, bool]):
    """Warm places, which note each time they are asked."""

    def __init__(self, note: Callable[[Any], None]) -> None:
        self._note = note
        super().__init__()

    def __contains__(self, place: object) -> bool:
        self._note(place)
        return super().__contains__(place)


class Prestate:
    """Keeps what an execution touches as it was before, each at the moment it is first touched.

    Raises TraceTooLong, out of the execution, where that is too much.
    """

    def __init__(self, before: Iterable[Prestate] = ()) -> None:
        """Count what others `before` this one keep towards its bound."""
        self._before: dict[bytes, AccountState] = {}
        self._listed: Counter[_Place] = Counter()
        """Number of times the access list names a place, less those by which it was made warm."""
        self._unused: set[_Place] = set()
        """Places of the access list that nobody has looked at."""
        self.size: int = sum(other.size for other in before)
        """Bytes that they take as JSON, about."""
        self._state: Any = None

    def begin(self, state: Any, transaction: Any) -> None:
        """Look at those that every transaction touches."""
        self._state = state
        for address, slots in transaction.access_list:
            self._listed.update((address, *((address, slot) for slot in slots)))
        self._unused.update(self._listed)
        state.accounts.keep_warm_in(_NotedPlaces(self._looked))
        sender, to = transaction.sender, transaction.to
        called = to or created_address(sender, state.get_nonce(sender))
        for address in (sender, called, state.coinbase):
            self._unused.discard(address)
            self.address_touched(address)

    @property
    def before(self) -> dict[bytes, AccountState]:
        """The accounts by address, in the order in which they were touched."""
        for place in self._unused:
            if isinstance(place, bytes):
                self._before.pop(place, None)
            elif place[0] in self._before:
                self._before[place[0]].storage.pop(place[1], None)
        return self._before

    def address_touched(self, address: bytes) -> None:
        """Keep an account."""
        if address in self._before:
            return
        kept = self._before[address] = self._account(address)
        self._count(_ACCOUNT_BYTES + 2 * len(kept.code))

    def storage_touched(self, address: bytes, slot: int) -> None:
        """Keep a storage word."""
        self.address_touched(address)
        words = self._before[address].storage
        if slot not in words:
            # SSTORE is told of when it has stored.
            words[slot] = self._state.get_storage(address, slot, from_journal=False)
            self._count(_WORD_BYTES)

    def after(self, gone: Iterable[bytes] = ()) -> dict[bytes, AccountState]:
        """Return the same accounts as they are now, but for those that are gone."""
        left = set(gone)
        found = {}
        for address, kept in self.before.items():
            account = self._account(address)
            if address not in left and not account.is_empty:
                account.storage = {
                    slot: self._state.get_storage(address, slot) for slot in kept.storage
                }
                found[address] = account
        return found

    def _looked(self, place: Any) -> None:
        """Note that somebody asks whether a place is warm, which comes before it is touched."""
        if isinstance(place, bytes):
            self.address_touched(place)
        if self._listed.get(place):
            self._listed[place] -= 1
        else:
            self._unused.discard(place)

    def _account(self, address: bytes) -> AccountState:
        state = self._state
        return AccountState(
            state.get_balance(address), state.get_nonce(address), state.get_code(address)
        )

    def _count(self, size: int) -> None:
        self.size += size
        if self.size > MOST_BYTES:
            raise TraceTooLong(f"more than {MOST_BYTES} bytes of accounts")
