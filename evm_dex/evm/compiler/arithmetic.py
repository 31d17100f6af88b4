"""The EVM's operations on words (Yellow Paper, appendix H.2), as functions of ints below 2**256."""

from __future__ import annotations

from collections.abc import Callable

WORD = 2**256 - 1
"""The largest word."""
_SIGN = 2**255
_CEILING = 2**256


def signed(word: int) -> int:
    """Return a word as a number in two's complement."""
    return word - _CEILING if word >= _SIGN else word


def div(left: int, right: int) -> int:
    """Division rounded down; by zero it is 0."""
    return left // right if right else 0


def sdiv(left: int, right: int) -> int:
    """Signed division rounded towards zero; by zero it is 0."""
    if not right:
        return 0
    left, right = signed(left), signed(right)
    quotient = abs(left) // abs(right)
    return (-quotient if (left < 0) != (right < 0) else quotient) & WORD


def mod(left: int, right: int) -> int:
    """Return the remainder of `div`; by zero it is 0."""
    return left % right if right else 0


def smod(left: int, right: int) -> int:
    """Return the remainder of `sdiv`, with the sign of the left; by zero it is 0."""
    if not right:
        return 0
    left = signed(left)
    rest = abs(left) % abs(signed(right))
    return (-rest if left < 0 else rest) & WORD


def addmod(left: int, right: int, modulus: int) -> int:
    """Return a sum, which may be above 256 bits, modulo a word; 0 for a modulus of 0."""
    return (left + right) % modulus if modulus else 0


def mulmod(left: int, right: int, modulus: int) -> int:
    """Return a product, which may be above 256 bits, modulo a word; 0 for a modulus of 0."""
    return left * right % modulus if modulus else 0


def exp(base: int, exponent: int) -> int:
    """Return a power modulo 2**256."""
    return pow(base, exponent, _CEILING)


def signextend(last: int, word: int) -> int:
    """Return the lowest `last` + 1 bytes of a word, extended by their sign."""
    if last > 30:
        return word
    sign = 1 << (8 * last + 7)
    return ((word & (2 * sign - 1)) ^ sign) - sign & WORD


def byte(index: int, word: int) -> int:
    """Return one byte, counted from the most significant; 0 beyond the 32nd."""
    return word >> 8 * (31 - index) & 0xFF if index < 32 else 0


def shl(shift: int, word: int) -> int:
    """Bits shifted to the left."""
    return word << shift & WORD if shift < 256 else 0


def shr(shift: int, word: int) -> int:
    """Bits shifted to the right."""
    return word >> shift if shift < 256 else 0


def sar(shift: int, word: int) -> int:
    """Bits shifted to the right, the sign kept."""
    return signed(word) >> min(shift, 255) & WORD


FUNCTIONS: dict[str, Callable[..., int]] = {
    "add": lambda left, right: left + right & WORD,
    "mul": lambda left, right: left * right & WORD,
    "sub": lambda left, right: left - right & WORD,
    "div": div,
    "sdiv": sdiv,
    "mod": mod,
    "smod": smod,
    "addmod": addmod,
    "mulmod": mulmod,
    "exp": exp,
    "signextend": signextend,
    "lt": lambda left, right: +(left < right),
    "slt": lambda left, right: +(signed(left) < signed(right)),
    "eq": lambda left, right: +(left == right),
    "iszero": lambda word: +(word == 0),
    "and": lambda left, right: left & right,
    "or": lambda left, right: left | right,
    "xor": lambda left, right: left ^ right,
    "byte": byte,
    "shl": shl,
    "shr": shr,
    "sar": sar,
    "add_overflows": lambda left, right: +(left + right > WORD),
    "mul_overflows": lambda left, right: +(left * right > WORD),
}
"""Each by its name; the overflows are what checked arithmetic comes down to."""
