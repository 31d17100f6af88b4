"""What gas costs: the price a transaction pays, and the price of blobs."""

from __future__ import annotations

from functools import cache

from eth._utils.calculations import fake_exponential
from eth.vm.forks.cancun.constants import MIN_BLOB_BASE_FEE
from eth.vm.forks.prague.constants import BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE

from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction


def effective_gas_price(transaction: Transaction, header: Header) -> int:
    """Wei per gas that a transaction pays in a block (EIP-1559)."""
    base_fee = header.base_fee_per_gas
    tip = min(transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas - base_fee)
    return base_fee + tip


@cache
def blob_base_fee(excess_blob_gas: int) -> int:
    """Wei per blob gas in a block with that excess (EIP-4844, EIP-7691)."""
    fraction = BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE
    return fake_exponential(MIN_BLOB_BASE_FEE, excess_blob_gas, fraction)
