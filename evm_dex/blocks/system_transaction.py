"""Transactions that a chain puts into its blocks itself, beside those of its users.

They are unsigned and pay nothing for gas, which no transaction of a user may: so they are told from
their bytes alone. What they do follows from the block before them or from the block they end.
"""

from __future__ import annotations

from evm_dex.blocks.transaction import Transaction, unsigned
from precompiles.types import Address


def system_transaction(
    chain_id: int, sender: Address, nonce: int, to: Address, *, gas: int, value: int, data: bytes
) -> Transaction:
    """Return one in the name of an account."""
    fields = {
        "chain_id": chain_id,
        "nonce": nonce,
        "gas_price": 0,
        "gas": gas,
        "to": to,
        "value": value,
        "data": data,
    }
    return unsigned(sender, 0, fields)


def is_system_transaction(transaction: Transaction) -> bool:
    """Tell whether it is one, on a chain whose base fee is never zero."""
    return transaction.max_fee_per_gas == 0 and not transaction.is_signed
