"""Parse signatures as they stand in a Solidity interface.

`name(type name,…) [view] [payable] [returns (type name,…)]`, with `indexed` allowed in events
and structs written as `(type name,…)[] name`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from eth_hash.auto import keccak


@dataclass(frozen=True, slots=True)
class Parameter:
    """One named value of a method, event or error."""

    type: str
    """Canonical: structs as `(type,type)[]`, without names."""
    name: str
    indexed: bool
    fields: tuple[str, ...] = ()
    """Names of the fields where the type is an array of structs."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A method, event or error as contracts know it."""

    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    is_view: bool
    is_payable: bool

    @property
    def canonical(self) -> str:
        """Name and input types, the text that is hashed."""
        return f"{self.name}({','.join(parameter.type for parameter in self.inputs)})"

    @property
    def topic(self) -> bytes:
        """Hash that names an event, 32 bytes."""
        return keccak(self.canonical.encode())

    @property
    def selector(self) -> bytes:
        """First 4 bytes of the hash, which name a method or an error."""
        return self.topic[:4]


def parse(text: str) -> Signature:
    """Parse a signature; a mistake in it fails an assertion."""
    text = re.sub(r"\s+", " ", text.strip())
    opening = text.index("(")
    closing = _closing(text, opening)
    found = re.fullmatch(r"((?: (?:view|payable))*)(?: returns \((.*)\))?", text[closing + 1 :])
    assert found, f"not a signature: {text}"
    flags, outputs = found.groups()
    return Signature(
        text[:opening],
        _parameters(text[opening + 1 : closing]),
        _parameters(outputs or ""),
        "view" in flags,
        "payable" in flags,
    )


def _closing(text: str, opening: int) -> int:
    depth = 0
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise AssertionError(f"unbalanced parentheses: {text}")


def _parameters(text: str) -> tuple[Parameter, ...]:
    """Split at commas outside parentheses."""
    if not text.strip():
        return ()
    return tuple(_parameter(part.strip()) for part in re.split(r",(?![^(]*\))", text))


def _parameter(text: str) -> Parameter:
    if text.startswith("("):
        closing = text.index(")")
        members = _parameters(text[1:closing])
        suffix, name = text[closing + 1 :].split(" ")
        kinds = ",".join(member.type for member in members)
        fields = tuple(member.name for member in members)
        return Parameter(f"({kinds}){suffix}", name, indexed=False, fields=fields)
    words = text.split(" ")
    return Parameter(words[0], words[-1], indexed="indexed" in words)
