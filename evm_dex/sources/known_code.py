"""Contracts told by their code: whoever deployed it, and wherever it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from evm_dex.abi.artifact import Artifact
from evm_dex.sources.builds import build_of, read_contracts
from evm_dex.sources.compiled import CompiledCode, CompiledContract

_CODES_REMEMBERED = 4_096


class CodeMatch(NamedTuple):
    """A contract whose code some code is."""

    contract: CompiledContract
    code: CompiledCode


class KnownCode:
    """The compilations of all artifacts that were used, read when somebody asks."""

    def __init__(self) -> None:
        self._builds: set[object] = set()
        self._unread: list[Artifact] = []
        self._contracts: list[CompiledContract] = []
        self.problems: list[str] = []
        """Compilations that could not be read, in words."""
        self._found = lru_cache(_CODES_REMEMBERED)(self._search)

    def add(self, artifact: Artifact) -> None:
        """Take in an artifact; its compilation is read later."""
        build = build_of(artifact)
        if build is not None and build not in self._builds:
            self._builds.add(build)
            self._unread.append(artifact)

    def contracts(self) -> Iterator[CompiledContract]:
        """Return all contracts that have source maps."""
        self._read()
        return iter(self._contracts)

    def find(self, code: bytes) -> CodeMatch | None:
        """Return whose code some code is, a contract's own or that which creates it."""
        self._read()
        return self._found(code) if code else None

    def _read(self) -> None:
        while self._unread:
            artifact = self._unread.pop()
            try:
                self._contracts.extend(read_contracts(artifact))
            except (ValueError, LookupError, TypeError, OSError) as error:
                name = artifact.get("contractName", "an artifact")
                self.problems.append(f"the sources of {name} can't be read: {error}")
            self._found.cache_clear()

    def _search(self, code: bytes) -> CodeMatch | None:
        matches = (
            CodeMatch(contract, compiled)
            for contract in self._contracts
            for compiled in contract.codes
            if compiled.fits(code)
        )
        return max(matches, key=lambda match: len(match.code.code), default=None)


KNOWN_CODE = KnownCode()
"""That of the process: what code is does not depend on the chain that it is on."""
