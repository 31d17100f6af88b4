"""Writing a Solidity contract's variables straight into its storage.

Layout: docs.soliditylang.org, "Layout of State Variables in Storage".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eth_hash.auto import keccak

from evm_dex.abi.artifact import Artifact, ArtifactError

_SHORT_STRING = 31


class StorageLayout:
    """Where a compiled contract keeps its variables. Only those with a slot of their own."""

    def __init__(self, artifact: Artifact) -> None:
        """From the compiler's `storageLayout`. Raises ArtifactError where there is none."""
        entries: list[dict[str, Any]] = artifact.get("storageLayout", {}).get("storage", [])
        if not entries:
            raise ArtifactError(f"{artifact.get('contractName')} has no `storageLayout`")
        self._slots = {entry["label"]: int(entry["slot"]) for entry in entries}

    def integer(self, label: str, value: int) -> tuple[int, int]:
        """(slot, word) of an unsigned integer."""
        return self._slots[label], value

    def short_string(self, label: str, text: str) -> tuple[int, int]:
        """(slot, word) of a string of at most 31 bytes."""
        data = text.encode()
        assert len(data) <= _SHORT_STRING
        word = data.ljust(_SHORT_STRING, b"\x00") + bytes((2 * len(data),))
        return self._slots[label], int.from_bytes(word, "big")

    def mapping(
        self, label: str, values: tuple[tuple[bytes, int], ...]
    ) -> Iterator[tuple[int, int]]:
        """(slot, word) of each entry of a mapping from addresses to integers."""
        base = self._slots[label].to_bytes(32, "big")
        for key, value in values:
            yield int.from_bytes(keccak(key.rjust(32, b"\x00") + base), "big"), value
