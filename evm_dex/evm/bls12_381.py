"""Precompiles of the curve BLS12-381: additions, sums of multiples, pairing, maps (EIP-2537).

py-evm's are pure Python, where a block of pairings takes minutes; these are arkworks'. Field
elements are 64 bytes here, 16 of them zero, and 48 in the library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth.exceptions import VMError
from eth.precompiles.bls12_381.constants import (
    BLS12_G1_MSM_GAS,
    BLS12_G2_MSM_GAS,
    G1_MSM_DISCOUNTS,
    G1_MSM_MAX_DISCOUNT,
    G2_MSM_DISCOUNTS,
    G2_MSM_MAX_DISCOUNT,
    MSM_MULTIPLIER,
)
from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

_PADDING, _FIELD = 16, 64
_G1_BYTES, _G2_BYTES = 2 * _FIELD, 4 * _FIELD
_SCALAR = 32
_PAIR_BYTES = _G1_BYTES + _G2_BYTES
_PAIRING_GAS, _PAIR_GAS = 37_700, 32_600
_WORD = 32


def add_g1(data: bytes) -> bytes:
    """Add two points of the curve, which need not be in the group."""
    _check_size(data, 2 * _G1_BYTES)
    left, right = (_point(G1Point, data[at : at + _G1_BYTES]) for at in (0, _G1_BYTES))
    return _encode(left + right)


def add_g2(data: bytes) -> bytes:
    """Add two points of the twisted curve, which need not be in the group."""
    _check_size(data, 2 * _G2_BYTES)
    left, right = (_point(G2Point, data[at : at + _G2_BYTES]) for at in (0, _G2_BYTES))
    return _encode(left + right)


def price_of_sum_g1(data: bytes) -> int:
    """Gas of `sum_g1`, less per point the more there are."""
    prices = BLS12_G1_MSM_GAS, (*G1_MSM_DISCOUNTS, G1_MSM_MAX_DISCOUNT)
    return _price_of_sum(data, _G1_BYTES, *prices)


def sum_g1(data: bytes) -> bytes:
    """Add multiples of points of G1 (a multi-scalar multiplication)."""
    return _sum(data, G1Point, _G1_BYTES)


def price_of_sum_g2(data: bytes) -> int:
    """Gas of `sum_g2`, less per point the more there are."""
    prices = BLS12_G2_MSM_GAS, (*G2_MSM_DISCOUNTS, G2_MSM_MAX_DISCOUNT)
    return _price_of_sum(data, _G2_BYTES, *prices)


def sum_g2(data: bytes) -> bytes:
    """Add multiples of points of G2 (a multi-scalar multiplication)."""
    return _sum(data, G2Point, _G2_BYTES)


def price_of_pairing(data: bytes) -> int:
    """Gas of `check_pairing`."""
    return _PAIRING_GAS + _PAIR_GAS * (len(data) // _PAIR_BYTES)


def check_pairing(data: bytes) -> bytes:
    """Tell whether the product of the pairings of some points of G1 and G2 is one."""
    _check_size(data, _PAIR_BYTES, many=True)
    starts = range(0, len(data), _PAIR_BYTES)
    lefts = [_member(G1Point, data[at : at + _G1_BYTES]) for at in starts]
    rights = [_member(G2Point, data[at + _G1_BYTES : at + _PAIR_BYTES]) for at in starts]
    return GT.pairing_check(lefts, rights).to_bytes(_WORD, "big")


def map_to_g1(data: bytes) -> bytes:
    """Map a field element to a point of G1."""
    _check_size(data, _FIELD)
    return _encode(_read(G1Point.map_from_fp_be, data))


def map_to_g2(data: bytes) -> bytes:
    """Map an element of the quadratic extension field to a point of G2."""
    _check_size(data, 2 * _FIELD)
    return _encode(_read(G2Point.map_from_fp2_be, data))


def _price_of_sum(data: bytes, size: int, gas: int, discounts: tuple[int, ...]) -> int:
    count = len(data) // (size + _SCALAR)
    discount = discounts[min(count, len(discounts)) - 1]
    return count * gas * discount // MSM_MULTIPLIER


def _sum(data: bytes, group: Any, size: int) -> bytes:
    _check_size(data, size + _SCALAR, many=True)
    starts = range(0, len(data), size + _SCALAR)
    points = [_member(group, data[at : at + size]) for at in starts]
    factors = [
        Scalar.from_be_bytes_mod_order(data[at + size : at + size + _SCALAR]) for at in starts
    ]
    return _encode(group.multiexp_unchecked(points, factors))


def _check_size(data: bytes, size: int, *, many: bool = False) -> None:
    if not data or (len(data) % size if many else len(data) != size):
        wanted = f"a multiple of {size}" if many else str(size)
        raise VMError(f"input must be {wanted} bytes, got {len(data)}")


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
