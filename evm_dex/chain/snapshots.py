"""Snapshots: places in the chain's life to come back to, as test chains have them.

They are kept in memory and end with the process: a block hash each, and what waited then. Block
time needs no keeping, as it follows from the head.
"""

from __future__ import annotations

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.chain_settings import NextBlock
from evm_dex.errors import UnknownSnapshot

SnapshotId = int | str
"""A number, or a name."""


class Snapshot(msgspec.Struct, frozen=True):
    """The head, the waiting transactions and what was chosen for the next block."""

    header: Header
    waiting: tuple[Transaction, ...]
    next_block: NextBlock = NextBlock()


_MOST_NUMBERED = 10_000
_MOST_SHOWN = 5


class Snapshots:
    """Numbered ones, the newest of them, and named ones; any can be gone back to many times."""

    def __init__(self) -> None:
        self._numbered: dict[int, Snapshot] = {}
        self._named: dict[str, Snapshot] = {}
        self._next = 1

    def add(self, snapshot: Snapshot, name: str | None = None) -> SnapshotId:
        """Keep one; its id, or its name. A name that is taken names the new one from now on."""
        if name is not None:
            self._named[name] = snapshot
            return name
        number = self._next
        self._next += 1
        self._numbered[number] = snapshot
        self._numbered.pop(number - _MOST_NUMBERED, None)
        return number

    def get(self, id_or_name: SnapshotId) -> Snapshot:
        """Raise UnknownSnapshot, saying which there are."""
        found = (
            self._named.get(id_or_name)
            if isinstance(id_or_name, str)
            else self._numbered.get(id_or_name)
        )
        if found is None:
            newest = (*self._numbered, *self._named)[-_MOST_SHOWN:]
            there = ", ".join(map(repr, newest)) or "none"
            raise UnknownSnapshot(f"there is no snapshot {id_or_name!r}; the last are: {there}")
        return found
