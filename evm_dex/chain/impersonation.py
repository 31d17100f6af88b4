"""Accounts in whose name transactions may come without a signature."""

from __future__ import annotations

from evm_dex.blocks.transaction import Transaction
from evm_dex.errors import TransactionRejected
from precompiles.types import Address


class Impersonation:
    """None, some, or with `everyone` all accounts. Ends with the process."""

    def __init__(self) -> None:
        self.everyone = False
        self.accounts: set[Address] = set()

    def __contains__(self, address: Address) -> bool:
        return self.everyone or address in self.accounts

    def check(self, transaction: Transaction) -> None:
        """Raises TransactionRejected for an unsigned one of an account that is not impersonated."""
        if not transaction.is_signed and transaction.sender not in self:
            raise TransactionRejected(
                f"not signed, and 0x{transaction.sender.hex()} is not impersonated: sign it, or "
                "call impersonate() first"
            )
