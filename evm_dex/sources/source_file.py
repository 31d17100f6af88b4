"""A source file: its text, its syntax tree where a compiler wrote it, and where what is in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from evm_dex.sources.outline import Outline


class SourceLine(NamedTuple):
    """A place in a source, as people are told it."""

    file: str
    """Path from the current directory, or the compiler's name of what is elsewhere."""
    line: int
    """Counted from 1."""
    function: str
    """"Contract.function"; the contract alone outside of functions."""

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


class SourceFile:
    """One source of a compilation. Places in it are bytes, as compilers count."""

    def __init__(
        self,
        name: str,
        text: bytes,
        path: Path | None = None,
        tree: Mapping[str, Any] | None = None,
    ) -> None:
        """`path` is where it is on this machine, if it is there at all."""
        self.name = name
        self.text = text
        self.path = path
        self.tree = tree
        """Its syntax tree as solc writes it; None where it was not asked for."""

    @property
    def is_vyper(self) -> bool:
        """True for Vyper, False for Solidity."""
        return self.name.endswith((".vy", ".vyi"))

    @property
    def shown(self) -> str:
        """The path from the current directory, where it is below that."""
        if self.path is not None and self.path.is_relative_to(here := Path.cwd()):
            return self.path.relative_to(here).as_posix()
        return self.name

    @cached_property
    def outline(self) -> Outline:
        """The functions in it."""
        return Outline(self.text, is_vyper=self.is_vyper, stem=Path(self.name).stem)

    @cached_property
    def _ends(self) -> list[int]:
        return [place for place, byte in enumerate(self.text) if byte == 0x0A]

    def line(self, place: int) -> int:
        """Return the line of a place, counted from 1."""
        return bisect_right(self._ends, place - 1) + 1

    def place(self, line: int, column: int) -> int:
        """Return the place of a column, counted from 0, in a line, counted from 1."""
        return (self._ends[line - 2] + 1 if line > 1 else 0) + column
