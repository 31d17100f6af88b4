"""Source maps: for each opcode, the piece of source that it was made from.

Format: docs.soliditylang.org, "Source Mappings"; Vyper writes the same, and lines by position.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evm_dex.evm.compiler.watched import opcodes_of


class Piece(NamedTuple):
    """A piece of source."""

    start: int
    length: int
    file: int
    """Number of the file in its compilation; below 0 for code that has no source."""
    jump: str
    """"i" for a jump into a function, "o" for one out of it, "-" for others."""

    @property
    def end(self) -> int:
        """The place behind it."""
        return self.start + self.length


SourceMap = Mapping[int, Piece]
"""Pieces by the position of the opcode in the code."""


def decode_source_map(text: str, code: bytes) -> dict[int, Piece]:
    """Return the pieces of some code; opcodes behind the map's end have none.

    Raises ValueError for a text that is no source map.
    """
    fields = ["0", "0", "-1", "-"]
    found: dict[int, Piece] = {}
    for (position, _), entry in zip(opcodes_of(code), text.split(";"), strict=False):
        for index, value in enumerate(entry.split(":")[:4]):
            if value:
                fields[index] = value
        start, length, file, jump = fields
        found[position] = Piece(int(start), int(length), int(file), jump)
    return found
