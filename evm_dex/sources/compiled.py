"""Contracts as they were compiled: their two codes, each with its source map, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from evm_dex.sources.source_file import SourceFile, SourceLine
from evm_dex.sources.source_map import Piece, SourceMap

_OWN_ADDRESS = slice(1, 21)
"""Bytes of a library's code with its own address, which is 0 before it is deployed."""


class CompiledCode:
    """Code as a compiler wrote it, with holes for what is known only when it is deployed."""

    def __init__(
        self,
        code: bytes,
        holes: Iterable[tuple[int, int]],
        read_map: Callable[[bytes], SourceMap],
        *,
        is_open: bool,
    ) -> None:
        """`holes` are starts and ends: of libraries' addresses, and of immutables.

        `is_open` is True where more may follow: a constructor's arguments, or Vyper's immutables.
        """
        self.code = code
        self.is_open = is_open
        self._read_map = read_map
        own = [(1, 21)] if code[:1] == b"\x73" and not any(code[_OWN_ADDRESS]) else []
        edges = [0, *(edge for hole in sorted([*holes, *own]) for edge in hole), len(code)]
        self._solid = [(start, end) for start, end in list(pairwise(edges))[::2] if start < end]

    def fits(self, code: bytes) -> bool:
        """Return whether deployed code is this one."""
        if len(code) < len(self.code) or (len(code) > len(self.code) and not self.is_open):
            return False
        return all(code[start:end] == self.code[start:end] for start, end in self._solid)

    @cached_property
    def source_map(self) -> SourceMap:
        """The pieces of source by position."""
        return self._read_map(self.code)


class CompiledContract:
    """One contract of a compilation."""

    def __init__(
        self,
        name: str,
        abi: Sequence[Any],
        files: Mapping[int, SourceFile],
        creation: CompiledCode | None,
        runtime: CompiledCode | None,
    ) -> None:
        """`files` are those of its compilation, by number."""
        self.name = name
        self.abi = abi
        self.files = files
        self.creation = creation
        self.runtime = runtime

    @property
    def codes(self) -> tuple[CompiledCode, ...]:
        """Both codes, as far as there are any."""
        return tuple(code for code in (self.runtime, self.creation) if code is not None)

    def line(self, piece: Piece) -> SourceLine | None:
        """Return the line where a piece of source begins; None for what has no source."""
        file = self.files.get(piece.file)
        if file is None or not piece.length:
            return None
        scope = file.outline.at(piece.start)
        return SourceLine(file.shown, file.line(piece.start), scope.name if scope else self.name)
