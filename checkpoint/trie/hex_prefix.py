"""Paths in a trie: one nibble per byte in memory, hex-prefixed in nodes (Yellow Paper, app. C)."""

from __future__ import annotations

_DIGITS = b"0123456789abcdef"
_NIBBLES = bytes.maketrans(_DIGITS, bytes(range(16)))
_HEX = bytes.maketrans(bytes(range(16)), _DIGITS)
_LEAF = 2
"""Flag of a path that ends in a value."""


def nibbles(key: bytes) -> bytes:
    """Split a key into nibbles, one per byte."""
    return key.hex().encode().translate(_NIBBLES)


def from_nibbles(path: bytes) -> bytes:
    """Join nibbles to bytes. Raises ValueError for an odd number of them."""
    return bytes.fromhex(path.translate(_HEX).decode())


def pack(path: bytes, *, is_leaf: bool) -> bytes:
    """Encode a path of nibbles with the flags of its length and its end."""
    flag = _LEAF if is_leaf else 0
    return from_nibbles((bytes((flag + 1,)) if len(path) % 2 else bytes((flag, 0))) + path)


def unpack(packed: bytes) -> tuple[bytes, bool]:
    """Return the nibbles of an encoded path, and whether it ends in a value.

    Raises ValueError for what `pack` never gives.
    """
    digits = nibbles(packed)
    if not digits or digits[0] > _LEAF + 1 or (digits[0] % 2 == 0 and digits[1]):
        raise ValueError(f"a path must be hex-prefixed, got {packed.hex() or 'nothing'}")
    return digits[2 - digits[0] % 2 :], digits[0] >= _LEAF


def common_length(one: bytes, other: bytes) -> int:
    """Return how many nibbles two paths share from the start."""
    pairs = zip(one, other, strict=False)
    shorter = min(len(one), len(other))
    return next((at for at, (left, right) in enumerate(pairs) if left != right), shorter)
