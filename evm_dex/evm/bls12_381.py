"""Precompiles of the curve BLS12-381: additions, sums of multiples, pairing, maps (EIP-2537).

py-evm's are pure Python, where a block of pairings takes minutes; these are arkworks'. Field
elements are 64 bytes here, 16 of them zero, and 48 in the library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth.abc import ComputationAPI
from eth.exceptions import VMError
from eth.precompiles.bls12_381.constants import (
    BLS12_G1_ADD_GAS,
    BLS12_G1_MSM_GAS,
    BLS12_G2_ADD_GAS,
    BLS12_G2_MSM_GAS,
    BLS12_MAP_FP2_G2_GAS,
    BLS12_MAP_FP_G1_GAS,
    G1_MSM_DISCOUNTS,
    G1_MSM_MAX_DISCOUNT,
    G2_MSM_DISCOUNTS,
    G2_MSM_MAX_DISCOUNT,
    MSM_MULTIPLIER,
)
from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

from evm_dex.evm.config import charge

_PADDING, _FIELD = 16, 64
_G1_BYTES, _G2_BYTES = 2 * _FIELD, 4 * _FIELD
_SCALAR = 32
_PAIR_BYTES = _G1_BYTES + _G2_BYTES
_PAIRING_GAS, _PAIR_GAS = 37_700, 32_600
_WORD = 32


def add_g1(computation: ComputationAPI) -> None:
    """Add two points of the curve, which need not be in the group."""
    data = _input(computation, 2 * _G1_BYTES)
    charge(computation, BLS12_G1_ADD_GAS)
    left, right = (_point(G1Point, data[at : at + _G1_BYTES]) for at in (0, _G1_BYTES))
    computation.output = _encode(left + right)


def add_g2(computation: ComputationAPI) -> None:
    """Add two points of the twisted curve, which need not be in the group."""
    data = _input(computation, 2 * _G2_BYTES)
    charge(computation, BLS12_G2_ADD_GAS)
    left, right = (_point(G2Point, data[at : at + _G2_BYTES]) for at in (0, _G2_BYTES))
    computation.output = _encode(left + right)


def sum_g1(computation: ComputationAPI) -> None:
    """Add multiples of points of G1 (a multi-scalar multiplication)."""
    prices = BLS12_G1_MSM_GAS, (*G1_MSM_DISCOUNTS, G1_MSM_MAX_DISCOUNT)
    _sum(computation, G1Point, _G1_BYTES, *prices)


def sum_g2(computation: ComputationAPI) -> None:
    """Add multiples of points of G2 (a multi-scalar multiplication)."""
    prices = BLS12_G2_MSM_GAS, (*G2_MSM_DISCOUNTS, G2_MSM_MAX_DISCOUNT)
    _sum(computation, G2Point, _G2_BYTES, *prices)


def check_pairing(computation: ComputationAPI) -> None:
    """Tell whether the product of the pairings of some points of G1 and G2 is one."""
    data = _input(computation, _PAIR_BYTES, many=True)
    charge(computation, _PAIRING_GAS + _PAIR_GAS * (len(data) // _PAIR_BYTES))
    starts = range(0, len(data), _PAIR_BYTES)
    lefts = [_member(G1Point, data[at : at + _G1_BYTES]) for at in starts]
    rights = [_member(G2Point, data[at + _G1_BYTES : at + _PAIR_BYTES]) for at in starts]
    computation.output = GT.pairing_check(lefts, rights).to_bytes(_WORD, "big")


def map_to_g1(computation: ComputationAPI) -> None:
    """Map a field element to a point of G1."""
    data = _input(computation, _FIELD)
    charge(computation, BLS12_MAP_FP_G1_GAS)
    computation.output = _encode(_read(G1Point.map_from_fp_be, data))


def map_to_g2(computation: ComputationAPI) -> None:
    """Map an element of the quadratic extension field to a point of G2."""
    data = _input(computation, 2 * _FIELD)
    charge(computation, BLS12_MAP_FP2_G2_GAS)
    computation.output = _encode(_read(G2Point.map_from_fp2_be, data))


def _sum(
    computation: ComputationAPI, group: Any, size: int, gas: int, discounts: tuple[int, ...]
) -> None:
    data = _input(computation, size + _SCALAR, many=True)
    count = len(data) // (size + _SCALAR)
    discount = discounts[min(count, len(discounts)) - 1]
    charge(computation, count * gas * discount // MSM_MULTIPLIER)
    starts = range(0, len(data), size + _SCALAR)
    points = [_member(group, data[at : at + size]) for at in starts]
    factors = [
        Scalar.from_be_bytes_mod_order(data[at + size : at + size + _SCALAR]) for at in starts
    ]
    computation.output = _encode(group.multiexp_unchecked(points, factors))


def _input(computation: ComputationAPI, size: int, *, many: bool = False) -> bytes:
    data = computation.msg.data_as_bytes
    if not data or (len(data) % size if many else len(data) != size):
        wanted = f"a multiple of {size}" if many else str(size)
        raise VMError(f"input must be {wanted} bytes, got {len(data)}")
    return data


def _point(group: Any, data: bytes) -> Any:
    return _read(group.from_xy_bytes_unchecked_be, data)  # the curve is checked, the group is not


def _member(group: Any, data: bytes) -> Any:
    return _read(group.from_xy_bytes_be, data)


def _read(make: Callable[[bytes], Any], data: bytes) -> Any:
    """Return what the library makes of some field elements. Raises VMError for what is none."""
    elements = [data[at : at + _FIELD] for at in range(0, len(data), _FIELD)]
    if any(any(element[:_PADDING]) for element in elements):
        raise VMError("the first 16 bytes of a field element must be zero")
    try:
        return make(b"".join(element[_PADDING:] for element in elements))
    except ValueError as error:
        raise VMError(str(error)) from None


def _encode(point: Any) -> bytes:
    packed: bytes = point.to_xy_bytes_be()
    size = _FIELD - _PADDING
    elements = (packed[at : at + size] for at in range(0, len(packed), size))
    return b"".join(bytes(_PADDING) + element for element in elements)
