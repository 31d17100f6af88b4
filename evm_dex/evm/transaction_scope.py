"""State of one transaction: transient words (EIP-1153) and warm places (EIP-2929)."""

from __future__ import annotations

from typing import Any

from eth_typing import Address

from evm_dex.evm.config import AccessObserver


class TransactionScope:
    """The part of the accounts that a transaction begins with nothing of."""

    observer: AccessObserver | None = None
    """Is told what becomes warm, also where that is taken back."""
    _transient: dict[tuple[bytes, int], bytes]
    _warm: dict[Any, bool]

    def _put(self, changed: dict[Any, Any], key: Any, value: Any) -> None:
        """Change an entry so that it can be taken back."""
        raise NotImplementedError

    def get_transient(self, address: bytes, slot: int) -> bytes:
        """Return one word; empty where none was set in this transaction."""
        return self._transient.get((address, slot), b"")

    def set_transient(self, address: bytes, slot: int, value: bytes) -> None:
        """Set one word until the transaction ends."""
        self._put(self._transient, (address, slot), value)

    def clear_transient(self) -> None:
        """End the transaction for such words."""
        if self._transient:
            self._transient = {}

    def is_storage_warm(self, address: Address, slot: int) -> bool:
        """Return True if a word was touched in this transaction."""
        return (address, slot) in self._warm

    def mark_storage_warm(self, address: Address, slot: int) -> None:
        """Note that a word is touched."""
        if self.observer is not None:
            self.observer.storage_touched(address, slot)
        if (address, slot) not in self._warm:
            self._put(self._warm, (address, slot), True)

    def is_address_warm(self, address: Address) -> bool:
        """Return True if an account was touched in this transaction."""
        return address in self._warm

    def mark_address_warm(self, address: Address) -> None:
        """Note that an account is touched."""
        if self.observer is not None:
            self.observer.address_touched(address)
        if address not in self._warm:
            self._put(self._warm, address, True)
