"""Positions of functions in a source, found by reading it: no compiler is asked.

It takes Solidity and Vyper as they pass their compilers. All places are bytes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

_HIDDEN = re.compile(rb"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_TOKENS = re.compile(
    rb"(?P<brace>[{};])"
    rb"|\b(?:contract|library|interface)\s+(?P<contract>[\w$]+)"
    rb"|\b(?P<kind>function|modifier)\s+(?P<named>[\w$]+)"
    rb"|\b(?P<special>constructor|fallback|receive)\s*(?=\()"
)
_VYPER_FUNCTION = re.compile(rb"^def\s+(\w+)[^\n]*\n(?:[ \t)][^\n]*\n|\s*\n)*", re.MULTILINE)


class Scope(NamedTuple):
    """A function or modifier with a body."""

    start: int
    end: int
    name: str
    """"Contract.function"; a function outside of contracts is named alone."""
    is_plain: bool = True
    """False for a modifier or constructor, whose code stands in the midst of other code."""


class Outline:
    """The functions of one source."""

    def __init__(self, text: bytes, *, is_vyper: bool, stem: str) -> None:
        """`stem` is the file's name, which a Vyper contract is called by."""
        found = _vyper_scopes(text, stem) if is_vyper else _solidity_scopes(text)
        self.scopes = sorted(found)
        self._starts = [scope.start for scope in self.scopes]

    def at(self, place: int) -> Scope | None:
        """Return the function that a place is in."""
        index = bisect_right(self._starts, place) - 1
        if index >= 0 and place < self.scopes[index].end:
            return self.scopes[index]
        return None


def _vyper_scopes(text: bytes, stem: str) -> Iterator[Scope]:
    for found in _VYPER_FUNCTION.finditer(text + b"\n"):
        yield Scope(found.start(), found.end(), f"{stem}.{found[1].decode()}")


def _solidity_scopes(text: bytes) -> Iterator[Scope]:
    plain = _HIDDEN.sub(lambda found: b" " * len(found[0]), text)
    depth, contract, contract_depth = 0, "", 0
    announced: tuple[int, str, bool, bool] | None = None  # start, name, is a contract, is plain
    function: tuple[int, str, int, bool] | None = None  # start, name, depth of its body, is plain
    for token in _TOKENS.finditer(plain):
        brace = token["brace"]
        if brace == b"{":
            depth += 1
            if announced is not None:
                start, name, is_contract, is_plain = announced
                if is_contract:
                    contract, contract_depth = name, depth
                else:
                    function = start, name, depth, is_plain
                announced = None
        elif brace == b"}":
            if function is not None and depth == function[2]:
                prefix = f"{contract}." if contract else ""
                yield Scope(function[0], token.end(), prefix + function[1], function[3])
                function = None
            elif depth == contract_depth:
                contract, contract_depth = "", 0
            depth -= 1
        elif brace == b";":
            announced = None
        elif function is None and depth == contract_depth:
            words = token["contract"] or token["named"] or token["special"]
            is_plain = token["kind"] != b"modifier" and words != b"constructor"
            announced = token.start(), words.decode(), token["contract"] is not None, is_plain
