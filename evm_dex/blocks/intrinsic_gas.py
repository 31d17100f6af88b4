"""What a transaction pays before its first opcode, and the least it pays at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

GAS_TRANSACTION = 21_000
_GAS_CREATE = 32_000
_GAS_ZERO_BYTE = 4
_GAS_NONZERO_BYTE = 16
_GAS_ACCESS_ADDRESS = 2_400
_GAS_ACCESS_SLOT = 1_900
_GAS_AUTHORIZATION = 25_000
_FLOOR_PER_TOKEN = 10
_TOKENS_PER_NONZERO_BYTE = 4


def intrinsic_gas(
    data: bytes,
    *,
    creates: bool,
    access_list: Sequence[tuple[Any, Sequence[int]]] = (),
    authorizations: int = 0,
) -> int:
    """Gas taken before execution (EIP-2028, EIP-2930, EIP-7702).

    The per-word cost of init code is not in it: py-evm takes that during execution.
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


def floor_gas(data: bytes) -> int:
    """The least a transaction with this calldata pays (EIP-7623)."""
    zeros = data.count(0)
    tokens = zeros + (len(data) - zeros) * _TOKENS_PER_NONZERO_BYTE
    return GAS_TRANSACTION + _FLOOR_PER_TOKEN * tokens
