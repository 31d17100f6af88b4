"""Precompiles of the curve BN254 (alt_bn128): addition, multiplication, pairing (EIP-196, EIP-197).

py-evm's are pure Python, where a block of pairings takes minutes. Points are added here; arkworks
multiplies and pairs them. Where its wheel is not to be had, py-evm's run, to the same results.
Prices are those of EIP-1108.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from eth.exceptions import VMError
from eth.precompiles.ecmul import _ecmull as multiply_slowly
from eth.precompiles.ecpairing import _ecpairing as check_pairing_slowly
from eth_utils.exceptions import ValidationError

try:
    from zksnake._algebra import ec_bn254 as arkworks
except ImportError:  # no wheel for this platform
    arkworks = None

_PRIME = 21888242871839275222246405745257275088696311157297823662689037894645226208583
_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
_B = 3
ADD_GAS, MULTIPLY_GAS, _PAIRING_GAS, _PAIR_GAS = 150, 6_000, 45_000, 34_000
_WORD = 32
_PAIR_BYTES = 6 * _WORD
_IS_NEGATIVE = 1 << 255
"""Flag of arkworks' compressed points: of y and -y it is the larger one."""

Point = tuple[int, int]
"""Affine coordinates; (0, 0) stands for the point at infinity."""


def add(data: bytes) -> bytes:
    """Add two points."""
    data = data[: 4 * _WORD].ljust(4 * _WORD, b"\x00")
    return _encode(_sum(_point(data[:64]), _point(data[64:])))


def multiply(data: bytes) -> bytes:
    """Multiply a point by a number of 256 bits."""
    data = data[: 3 * _WORD].ljust(3 * _WORD, b"\x00")
    point, factor = _point(data[:64]), int.from_bytes(data[64:], "big") % _ORDER
    if arkworks is None:
        x, y = multiply_slowly(data)
        return _encode((x.n, y.n))
    if point == (0, 0) or not factor:
        return bytes(2 * _WORD)
    product = _g1(point) * factor
    return _encode((product.x, product.y))


def price_of_pairing(data: bytes) -> int:
    """Gas of `check_pairing`."""
    return _PAIRING_GAS + _PAIR_GAS * (len(data) // _PAIR_BYTES)


def check_pairing(data: bytes) -> bytes:
    """Tell whether the product of the pairings of some points of G1 and G2 is one."""
    if len(data) % _PAIR_BYTES:
        raise VMError(f"input must be a multiple of {_PAIR_BYTES} bytes, got {len(data)}")
    if arkworks is None:
        try:
            return check_pairing_slowly(data).to_bytes(_WORD, "big")
        except ValidationError as error:
            raise VMError(str(error)) from None
    lefts, rights = [], []
    for start in range(0, len(data), _PAIR_BYTES):
        left = _point(data[start : start + 64])
        right = _g2(data[start + 64 : start + _PAIR_BYTES])
        if left != (0, 0) and right is not None:
            lefts.append(_g1(left))
            rights.append(right)
    is_one = not lefts or arkworks.multi_pairing(lefts, rights) == _one()
    return is_one.to_bytes(_WORD, "big")


def _point(data: bytes) -> Point:
    x, y = (_coordinate(data[start : start + _WORD]) for start in (0, _WORD))
    if (x or y) and (y * y - x * x * x - _B) % _PRIME:
        raise VMError("the point is not on the curve")
    return x, y


def _coordinate(data: bytes) -> int:
    coordinate = int.from_bytes(data, "big")
    if coordinate >= _PRIME:
        raise VMError("a coordinate is not below the field's modulus")
    return coordinate


def _sum(left: Point, right: Point) -> Point:
    if left == (0, 0) or right == (0, 0):
        return right if left == (0, 0) else left
    (x1, y1), (x2, y2) = left, right
    if x1 != x2:
        slope = (y2 - y1) * pow(x2 - x1, -1, _PRIME) % _PRIME
    elif y1 == y2:
        slope = 3 * x1 * x1 * pow(2 * y1, -1, _PRIME) % _PRIME
    else:
        return 0, 0
    x = (slope * slope - x1 - x2) % _PRIME
    return x, (slope * (x1 - x) - y1) % _PRIME


def _encode(point: Point) -> bytes:
    return b"".join(coordinate.to_bytes(_WORD, "big") for coordinate in point)


def _g1(point: Point) -> Any:
    """Return a point that is on the curve, as arkworks has it; all of them are in the group."""
    x, y = point
    flag = _IS_NEGATIVE if 2 * y > _PRIME else 0
    return arkworks.PointG1.from_bytes((x | flag).to_bytes(_WORD, "little"))


def _g2(data: bytes) -> Any:
    """Read a point of the twisted curve; None for infinity. Raises VMError for one not in G2.

    arkworks finds y from x, and checks the group; constructing a point that is not there aborts.
    """
    x1, x0, y1, y0 = (_coordinate(data[start : start + _WORD]) for start in range(0, 128, _WORD))
    if not (x1 or x0 or y1 or y0):
        return None
    flag = _IS_NEGATIVE if 2 * (y1 or y0) > _PRIME else 0
    packed = x0.to_bytes(_WORD, "little") + (x1 | flag).to_bytes(_WORD, "little")
    try:
        found = arkworks.PointG2.from_bytes(packed)
    except ValueError:
        raise VMError("the point is not in the group") from None
    if (found.y[0], found.y[1]) != (y0, y1):
        raise VMError("the point is not on the curve")
    return found


@cache
def _one() -> Any:
    generator = arkworks.g1()
    return arkworks.multi_pairing([generator, -generator], [arkworks.g2(), arkworks.g2()])
