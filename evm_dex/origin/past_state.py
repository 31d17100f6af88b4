"""The origin's state after a block before the fork, asked of its node value by value."""

from __future__ import annotations

from typing import Any

from evm_dex.origin.origin import Origin


class PastState:
    """Balances, nonces, code and words there, on the node's word. Each may raise OriginError."""

    def __init__(self, origin: Origin, height: int) -> None:
        self._origin = origin
        self._block = hex(height)

    @property
    def state_root(self) -> bytes:
        """Root of the state trie."""
        block = self._origin.ask("eth_getBlockByNumber", self._block, False)
        return _bytes(block["stateRoot"])

    def get_balance(self, address: bytes) -> int:
        """Return an account's wei."""
        return int(self._ask("eth_getBalance", address), 16)

    def get_nonce(self, address: bytes) -> int:
        """Return how many transactions an account sent, or contracts it created."""
        return int(self._ask("eth_getTransactionCount", address), 16)

    def get_code(self, address: bytes) -> bytes:
        """Return a contract's code; empty for other accounts."""
        return _bytes(self._ask("eth_getCode", address))

    def get_storage(self, address: bytes, slot: int) -> int:
        """Return one storage word."""
        return int(self._ask("eth_getStorageAt", address, hex(slot)), 16)

    def _ask(self, method: str, address: bytes, *more: Any) -> str:
        return str(self._origin.ask(method, f"0x{address.hex()}", *more, self._block))


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))
