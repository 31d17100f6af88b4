"""Sections of an archive of this format, and the shape of the records in each."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from checkpoint.block_record import BlockRecord
from checkpoint.errors import ArchiveDamaged

FORMAT = 1
"""Version of sections and records; `migrations` leads from earlier ones to it."""


class Section(IntEnum):
    """A part of an archive. They come in this order, and none is left out."""

    CHAIN = 1
    """One record: which block's state it is."""
    BLOCKS = 2
    """The first block, which has the genesis, and the newest, which a chain needs of the past, by
    ascending height.
    """
    STATE = 3
    """Accounts by ascending hash, each followed by its storage; of a forked chain, then what it
    fetched of its origin.
    """
    ROWS = 4
    """The ledger, by ascending table and key."""
    ACTIVE = 5
    """The active-order index. Not proven: opening a chain repairs it from the rows."""


class StateKind(IntEnum):
    """Kind of a record of the state section."""

    ACCOUNT = 0
    """Hash of the address, RLP of the account (Yellow Paper, section 4.1)."""
    SLOT = 1
    """Hash of the slot, RLP of the word: storage of the account before it."""
    CODE = 2
    """Hash of the code, code: right before the first account that has it."""
    ORIGIN = 3
    """Key and value of `Family.ORIGIN`, by ascending key, after all accounts."""


class ChainRecord(NamedTuple):
    """The block whose state an archive holds."""

    chain_id: int
    height: int
    block_hash: bytes
    digest: bytes
    """Of all ledger rows, as in the ledger account's storage."""
    counts: tuple[tuple[int, int], ...]
    """Number of rows per table number, by ascending table."""


class StateRecord(NamedTuple):
    """A piece of the EVM state."""

    kind: int
    key: bytes
    value: bytes


class RowRecord(NamedTuple):
    """A ledger row."""

    table: int
    key: bytes
    value: bytes


Record = ChainRecord | BlockRecord | StateRecord | RowRecord | bytes
"""A record of any section; those of ACTIVE are keys."""

_DECODERS: dict[int, msgspec.msgpack.Decoder[list[Any]]] = {
    Section.CHAIN: msgspec.msgpack.Decoder(list[ChainRecord]),
    Section.BLOCKS: msgspec.msgpack.Decoder(list[BlockRecord]),
    Section.STATE: msgspec.msgpack.Decoder(list[StateRecord]),
    Section.ROWS: msgspec.msgpack.Decoder(list[RowRecord]),
    Section.ACTIVE: msgspec.msgpack.Decoder(list[bytes]),
}

RECENT_BLOCKS = 257
"""The head and the 256 blocks whose hashes a contract can ask for (opcode BLOCKHASH)."""


def kept_heights(first: int, head: int) -> tuple[int, ...]:
    """Return the heights of the blocks that travel with the state of the block at `head`.

    `first` is that of the chain's first block.
    """
    start = recent_start(first, head)
    return tuple(range(start, head + 1)) if start == first else (first, *range(start, head + 1))


def recent_start(first: int, head: int) -> int:
    """Return the height from which on all blocks travel."""
    return max(first, head - RECENT_BLOCKS + 1)


def decode_records(section: int, content: bytes) -> list[Any]:
    """Decode the records of one frame. Raises ArchiveDamaged where they have another shape."""
    decoder = _DECODERS.get(section)
    if decoder is None:
        raise ArchiveDamaged(f"format {FORMAT} has no such section", section_name(section))
    try:
        return decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise ArchiveDamaged(f"a record does not decode: {error}", section_name(section)) from error


def convert_records(section: int, records: list[Any]) -> list[Any]:
    """Convert records that are decoded but not yet of a known shape."""
    return decode_records(section, msgspec.msgpack.encode(records))


def section_name(section: int) -> str:
    """Return a section's name in errors."""
    known = section in {*Section}
    return f"section {Section(section).name.lower()}" if known else f"section {section}"
