"""Gas that is charged outside execution, and the price of blob gas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from eth._utils.calculations import fake_exponential
from eth.vm.forks.cancun.constants import GAS_PER_BLOB, MIN_BLOB_BASE_FEE
from eth.vm.forks.prague.constants import (
    BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE,
    MAX_BLOB_GAS_PER_BLOCK,
)

__all__ = ["GAS_PER_BLOB", "MAX_BLOB_GAS_PER_BLOCK"]

GAS_TRANSACTION = 21_000
_GAS_CREATE = 32_000
_GAS_ZERO_BYTE = 4
_GAS_NONZERO_BYTE = 16
_GAS_ACCESS_ADDRESS = 2_400
_GAS_ACCESS_SLOT = 1_900
_GAS_AUTHORIZATION = 25_000
_GAS_INIT_CODE_WORD = 2
_WORD_BYTES = 32
_FLOOR_PER_TOKEN = 10
_TOKENS_PER_NONZERO_BYTE = 4


def intrinsic_gas(
    data: bytes,
    *,
    creates: bool,
    access_list: Sequence[tuple[Any, Sequence[int]]] = (),
    authorizations: int = 0,
) -> int:
    """Return the gas taken before execution (EIP-2028, EIP-2930, EIP-7702).

    The price of init code is not in it: py-evm takes that during execution.
    """
    zeros = data.count(0)
    return (
        GAS_TRANSACTION
        + zeros * _GAS_ZERO_BYTE
        + (len(data) - zeros) * _GAS_NONZERO_BYTE
        + creates * _GAS_CREATE
        + len(access_list) * _GAS_ACCESS_ADDRESS
        + sum(len(slots) for _, slots in access_list) * _GAS_ACCESS_SLOT
        + authorizations * _GAS_AUTHORIZATION
    )


def init_code_gas(init_code: bytes) -> int:
    """Return what a creating transaction pays for its init code, by words (EIP-3860)."""
    return -(-len(init_code) // _WORD_BYTES) * _GAS_INIT_CODE_WORD


def floor_gas(data: bytes) -> int:
    """Return the least that a transaction with this calldata pays (EIP-7623)."""
    zeros = data.count(0)
    tokens = zeros + (len(data) - zeros) * _TOKENS_PER_NONZERO_BYTE
    return GAS_TRANSACTION + _FLOOR_PER_TOKEN * tokens


@cache
def blob_base_fee(excess_blob_gas: int) -> int:
    """Return the wei per blob gas in a block with that excess (EIP-4844, EIP-7691)."""
    fraction = BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE
    return fake_exponential(MIN_BLOB_BASE_FEE, excess_blob_gas, fraction)
