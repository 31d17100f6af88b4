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
        self._builds: dict[object, list[CompiledContract]] = {}
        """Contracts by compilation, the one that was used last at the end."""
        self._unread: dict[object, Artifact] = {}
        self.problems: list[str] = []
        """Compilations that could not be read, in words."""
        self._found = lru_cache(_CODES_REMEMBERED)(self._search)

    def add(self, artifact: Artifact) -> None:
        """Take in an artifact; its compilation is read later.

        Of several compilations that made the same code, the one that is used last is meant.
        """
        build = build_of(artifact)
        if build is None or build == next(reversed(self._builds), None):
            return
        if build not in self._builds:
            self._unread[build] = artifact
        self._builds[build] = self._builds.pop(build, [])
        self._found.cache_clear()

    def contracts(self) -> Iterator[CompiledContract]:
        """Return all contracts, those of the last compilation first."""
        self._read()
        return (it for contracts in reversed(self._builds.values()) for it in contracts)

    def find(self, code: bytes) -> CodeMatch | None:
        """Return whose code some code is, a contract's own or that which creates it."""
        self._read()
        return self._found(code) if code else None

    def learn(self, code: bytes, contract: CompiledContract) -> None:
        """Take in what was deployed for a contract, where that is not known from its artifact."""
        if code and self.find(code) is None:
            contract.runtime = CompiledCode(code, (), lambda _: {}, is_open=False)
            self._found.cache_clear()

    def _read(self) -> None:
        while self._unread:
            build, artifact = self._unread.popitem()
            try:
                self._builds[build].extend(read_contracts(artifact))
            except (ValueError, LookupError, TypeError, AttributeError, OSError) as error:
                name = artifact.get("contractName", "an artifact")
                self.problems.append(f"the sources of {name} can't be read: {error!r}")

    def _search(self, code: bytes) -> CodeMatch | None:
        matches = (
            CodeMatch(contract, compiled)
            for contract in self.contracts()
            for compiled in contract.codes
            if compiled.fits(code)
        )
        return max(matches, key=lambda match: len(match.code.code), default=None)


KNOWN_CODE = KnownCode()
"""Known code of the process: it does not depend on the chain that has it."""
