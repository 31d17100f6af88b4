"""The bookkeeping of a store on disk: one record, written with every batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from checkpoint.record_codec import pack, unpack
from checkpoint.rocks.database import BOOKKEEPING, Changes, Database

BOOKKEEPING_VERSION = 1
_KEY = b"bookkeeping"
_DECODER = msgspec.msgpack.Decoder(tuple[int, int | None])


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """Progress of a store."""

    sequence: int = 0
    """Number of batches written, restores counted on: never goes back, as heights may."""
    origin: int | None = None
    """Height of the first block written; every block from there to the head is listed."""

    def encode(self) -> bytes:
        """Return the stored form."""
        return pack(BOOKKEEPING_VERSION, (self.sequence, self.origin))

    @classmethod
    def decode(cls, value: bytes) -> Bookkeeping:
        """Read a stored record. Raises WrongFormat or StoreDamaged."""
        return cls(*unpack(BOOKKEEPING_VERSION, _DECODER, value, "the bookkeeping record"))

    @classmethod
    def read(cls, database: Database) -> Bookkeeping:
        """Read the bookkeeping of a database; zeros in a new one."""
        value = database.get(BOOKKEEPING, _KEY)
        return cls() if value is None else cls.decode(value)

    def as_changes(self) -> Changes:
        """Return the changes that write it."""
        return {BOOKKEEPING: {_KEY: self.encode()}}


def set_sequence(directory: Path, sequence: int) -> None:
    """Make a database directory that is not open count its batches on from `sequence`."""
    database = Database(directory)
    try:
        bookkeeping = replace(Bookkeeping.read(database), sequence=sequence)
        database.write(bookkeeping.as_changes(), sync=True)
    finally:
        database.close()
