"""RocksDB's logs, looked through for the one damage that makes RocksDB read for ever.

A record's kind is one byte of its header. One of those that only reused log files have, in a
log that is not reused, is skipped by RocksDB without moving on, so opening never ends. One
flipped bit is enough. Stores never reuse log files, so such a kind is always damage.

Format: https://github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from checkpoint.errors import StoreDamaged

_BLOCK_BYTES = 32 * 1024
_HEADER = struct.Struct("<IHB")
"""Checksum, length of what follows, kind."""
_REUSED = frozenset((5, 6, 7, 8, 11))
_NOTHING = 0


def check_wal(directory: Path) -> None:
    """Refuse a database whose log or file list RocksDB would never finish reading.

    Raises StoreDamaged naming the file. One that disappears meanwhile is not looked at.
    """
    for file in (*_file_lists(directory), *_logs(directory)):
        offset = _endless_record(file)
        if offset is not None:
            raise StoreDamaged(f"the record at byte {offset} is of no known kind", str(file))


def truncate_wal(directory: Path) -> None:
    """Drop from each log the record RocksDB would never get past, and what follows it."""
    for file in _logs(directory):
        offset = _endless_record(file)
        if offset is not None:
            os.truncate(file, offset)


def _logs(directory: Path) -> Iterator[Path]:
    yield from sorted(directory.glob("*.log"))


def _file_lists(directory: Path) -> Iterator[Path]:
    yield from sorted(directory.glob("MANIFEST-*"))


def _endless_record(file: Path) -> int | None:
    """Return where the first such record begins; None where there is none."""
    try:
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size < _HEADER.size:
                return None
            with mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_READ) as content:
                return _scan(content, size)
    except FileNotFoundError:
        return None


def _scan(content: mmap.mmap, size: int) -> int | None:
    at = 0
    while at + _HEADER.size <= size:
        room = _BLOCK_BYTES - at % _BLOCK_BYTES
        if room < _HEADER.size:
            at += room
            continue
        _, length, kind = _HEADER.unpack_from(content, at)
        if kind in _REUSED:
            return at
        whole = _HEADER.size + length
        # RocksDB gives up the rest of a block whose record is empty space or does not fit.
        at += room if kind == _NOTHING or whole > room else whole
    return None
