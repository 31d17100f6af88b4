"""A second, tiny record of the last commit, kept outside the database.

A database whose log was deleted or cut off opens without complaint at an older block. The
marker is written after each commit, so it is never ahead of an undamaged database; one that
is behind (the process died between the two writes) proves nothing and does no harm.

Two slots are written in turn, each with its checksum. When a power failure tears one, the other
still holds the commit before; when neither can be read there is no marker, and the database is
believed. So a damaged marker never locks anybody out.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from checkpoint.layout import sync_directory

MARKER_VERSION = 1
_SLOT_BYTES = 512
"""One sector each: what a disk writes as a whole."""
_FIELDS = struct.Struct(">BQQ32s")
_CHECKSUM = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Commit:
    """One committed batch."""

    sequence: int
    """Counts the batches of a store; a restore counts on, so it never goes back."""
    height: int
    block_hash: bytes

    def encode(self) -> bytes:
        """Return the fields, then their CRC-32."""
        fields = _FIELDS.pack(MARKER_VERSION, self.sequence, self.height, self.block_hash)
        return fields + _CHECKSUM.pack(zlib.crc32(fields))

    @classmethod
    def decode(cls, slot: bytes) -> Commit | None:
        """Return a commit, or None where the slot is empty, torn, or of another version."""
        end = _FIELDS.size + _CHECKSUM.size
        fields = slot[: _FIELDS.size]
        if len(slot) < end or _CHECKSUM.unpack(slot[_FIELDS.size : end]) != (zlib.crc32(fields),):
            return None
        version, sequence, height, block_hash = _FIELDS.unpack(fields)
        return cls(sequence, height, block_hash) if version == MARKER_VERSION else None


def read_commit_marker(file: Path) -> Commit | None:
    """Return the newest commit in the file; None where there is none."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    slots = (content[:_SLOT_BYTES], content[_SLOT_BYTES : 2 * _SLOT_BYTES])
    commits = [commit for slot in slots if (commit := Commit.decode(slot)) is not None]
    return max(commits, key=lambda commit: commit.sequence, default=None)


class CommitMarker:
    """The commit marker of an open store."""

    def __init__(self, file: Path) -> None:
        """Open or create it; its space is taken at once, so that later writes do not need any."""
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        if os.fstat(self._descriptor).st_size < 2 * _SLOT_BYTES:
            os.pwrite(self._descriptor, bytes(2 * _SLOT_BYTES), 0)
            sync_directory(file.parent)

    def record(self, commit: Commit) -> None:
        """Note a commit that is in the database. Not synced: being behind does no harm."""
        os.pwrite(self._descriptor, commit.encode(), commit.sequence % 2 * _SLOT_BYTES)

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
