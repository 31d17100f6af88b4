"""`console.log` of Hardhat and forge: calls of an account without code, as lines of text.

Sources: Hardhat's console.sol, forge-std's console.sol and console2.sol. Format specifiers mean
what they do to forge: %s %d %i %o %x %e and %18e, which has so many decimals. Both tools have had
`uint` and `int` in place of `uint256` and `int256` in the signatures that they hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

from eth_hash.auto import keccak

from evm_dex.abi.abi_values import decode, undecodable
from evm_dex.blocks.addresses import checksum
from precompiles.types import Address

_SELECTOR_BYTES = 4
_KINDS = ("uint256", "string", "bool", "address")
_MOST_ARGUMENTS = 4
_ALONE = ("int256", "bytes", *(f"bytes{size}" for size in range(1, 33)))
_SHORT = {"uint256": "uint", "int256": "int"}
_NOT_A_NUMBER = "NaN"
_MOST_DECIMALS = 1_024
_SPECIFIER = re.compile(r"%(?:%|([sdiox])|(\d*)e)")


def console_lines(calls: Iterable[bytes]) -> tuple[str, ...]:
    """Return the lines that calls of the console print, without those that are none."""
    return tuple(line for data in calls if (line := console_line(data)) is not None)


def console_line(data: bytes) -> str | None:
    """Return the line that a call of the console prints; None for what is none of its functions."""
    kinds = _functions().get(data[:_SELECTOR_BYTES])
    if kinds is None:
        return None
    # Strings are read as bytes: nobody checks that they are text.
    read = ["bytes" if kind == "string" else kind for kind in kinds]
    try:
        values = decode(read, data[_SELECTOR_BYTES:]) if kinds else ()
    except undecodable():
        return None
    return _line(list(zip(kinds, values, strict=True)))


@cache
def _functions() -> dict[bytes, tuple[str, ...]]:
    """All functions, by selector: the types of their arguments."""
    found: dict[bytes, tuple[str, ...]] = {}
    for kinds in _signatures():
        for named in (kinds, tuple(_SHORT.get(kind, kind) for kind in kinds)):
            found[keccak(f"log({','.join(named)})".encode())[:_SELECTOR_BYTES]] = kinds
    return found


def _signatures() -> Iterator[tuple[str, ...]]:
    for count in range(_MOST_ARGUMENTS + 1):
        yield from product(_KINDS, repeat=count)
    yield from ((kind,) for kind in _ALONE)
    yield ("string", "int256")


def _line(arguments: Sequence[tuple[str, Any]]) -> str:
    """Return the arguments in one line; a string that is the first is a format for the others."""
    if not arguments or arguments[0][0] != "string":
        return " ".join(_shown(kind, value, "s") for kind, value in arguments)
    waiting = list(arguments[1:])

    def put(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        if not waiting or len(match[2] or "") > len(str(_MOST_DECIMALS)):
            return match[0]
        return _shown(*waiting.pop(0), match[1] or match[0][1:])

    line = _SPECIFIER.sub(put, _text(arguments[0][1]))
    rest = [_shown(kind, value, "s") for kind, value in waiting]
    return " ".join([line, *rest] if line else rest)


def _shown(kind: str, value: Any, specifier: str) -> str:
    """Return a value as a specifier asks for it: a letter, or `18e`."""
    if kind in ("uint256", "int256"):
        return _number(value, specifier)
    if kind == "bool" and specifier == "d":
        return str(int(value))
    is_data = kind == "address" or kind.startswith("bytes")
    if specifier == "s" or (is_data and specifier == "x"):
        return _plain(kind, value)
    return f"'{_plain(kind, value)}'" if specifier == "o" else _NOT_A_NUMBER


def _plain(kind: str, value: Any) -> str:
    match kind:
        case "string":
            return _text(value)
        case "bool":
            return "true" if value else "false"
        case "address":
            return checksum(Address(bytes.fromhex(value[2:])))
        case _:
            return f"0x{value.hex()}"


def _number(value: int, specifier: str) -> str:
    if specifier == "x":
        return f"0x{value % 2**256:x}"
    if not specifier.endswith("e"):
        return str(value)
    sign, digits = "-" * (value < 0), str(abs(value))
    if specifier == "e":
        fraction = digits[1:].rstrip("0")
        return f"{sign}{digits[0]}{'.' * bool(fraction)}{fraction}e{len(digits) - 1}"
    decimals = min(int(specifier[:-1]), _MOST_DECIMALS)
    digits = digits.rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    fraction = fraction.rstrip("0")
    return f"{sign}{whole}{'.' * bool(fraction)}{fraction}"


def _text(value: bytes) -> str:
    """Return text; what would do something to a terminal is shown by its number."""
    decoded = value.decode(errors="replace")
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else f"\\x{ord(letter):02x}"
        for letter in decoded
    )
