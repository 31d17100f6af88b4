"""The sums of the ended rows of a store, in a file beside the database, and the files they are of.

Opening does not read rows that ended. What it knows of them comes from the process that wrote them,
or read them all, by way of this record, which holds for the very files it names, as they were left:
any other file, or one that was written to, and all rows are read. It is a help and no part of the
state: written without a sync, of no use where it is torn, old or missing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from checkpoint.errors import UndoExpired, UnknownBlock
from checkpoint.families import Family, height_key
from checkpoint.head import Head
from checkpoint.record_codec import sign_record, signed_record
from checkpoint.store import Store, rows_before
from precompiles.ledger.block_changes import changes_from_rows
from precompiles.ledger.commitment import ACCUMULATOR_BYTES
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import Commitment, RowChange, UntrustedStorage

_VERSION = 1
_MOST_BYTES = 1 << 22
_LOOK_EVERY = 128
"""Blocks after which the files are looked at in any case."""
_GLANCE_EVERY = 8
"""Blocks after which they are looked at if there are others: a record may be of earlier blocks."""

Stamp = tuple[int, int, int]
"""Inode, size, and time of the last write of a file."""


@dataclass(frozen=True, slots=True)
class EndedAt:
    """The commitment to the ended rows after a block."""

    height: int
    block_hash: bytes
    ended: Commitment


@dataclass(frozen=True, slots=True)
class EndedRecord:
    """The sums after a block whose rows are all in these files, or came later."""

    at: EndedAt
    files: Mapping[str, Stamp]
    later_logs: int | None
    """The first log that has later blocks only; None where all logs are among the files."""

    def encode(self) -> bytes:
        """Return the content of the record's file."""
        fields = {
            "version": _VERSION,
            "height": self.at.height,
            "block_hash": self.at.block_hash.hex(),
            "accumulator": self.at.ended.accumulator.hex(),
            "counts": sorted(self.at.ended.counts.items()),
            "files": sorted((name, *stamp) for name, stamp in self.files.items()),
            "later_logs": self.later_logs,
        }
        return sign_record(fields)

    def describes(self, directory: Path) -> bool:
        """Return whether a database has these files as they were left, and later logs only."""
        try:
            found = _stamps(directory)
        except OSError:
            return False
        later = {
            name
            for name in found.keys() - self.files.keys()
            if self.later_logs is not None and _log_number(name) >= self.later_logs
        }
        return {name: found[name] for name in found.keys() - later} == self.files

    def at_head(self, store: Store) -> Commitment | None:
        """Return the commitment at a store's head: the rows that ended since are read and added.

        None where the block is not on the chain any more, or too far back.
        """
        head = store.head()
        if head is None or head.height < self.at.height:
            return None
        if store.get(Family.HASHES, height_key(self.at.height)) != self.at.block_hash:
            return None
        tables = Ledger(store).tables
        try:
            before = rows_before(store, range(self.at.height + 1, head.height + 1))
            rows = [
                RowChange(table, key, old, store.row(table, key))
                for (table, key), old in before.items()
                if tables[table].has_ended_rows
            ]
            return changes_from_rows(rows, tables, self.at.ended, self.at.ended).ended
        except (UndoExpired, UnknownBlock, UntrustedStorage, KeyError):
            return None


class _Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    height: int
    block_hash: str
    accumulator: str
    counts: tuple[tuple[int, int], ...]
    files: tuple[tuple[str, int, int, int], ...]
    later_logs: int | None
    digest: str


def read_ended_record(file: Path) -> EndedRecord | None:
    """Return a store's record; None where it is missing, torn, or of another version."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            return None
        fields = msgspec.convert(signed_record(file.read_bytes()), _Fields)
        accumulator = bytes.fromhex(fields.accumulator)
        block_hash = bytes.fromhex(fields.block_hash)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None
    if fields.version != _VERSION or len(accumulator) != ACCUMULATOR_BYTES or fields.height < 0:
        return None
    at = EndedAt(fields.height, block_hash, Commitment(accumulator, dict(fields.counts)))
    files = {name: (inode, size, time) for name, inode, size, time in fields.files}
    return EndedRecord(at, files, fields.later_logs)


class EndedTracker:
    """Keeps the record of a store that is written true.

    After a kill, a record must hold for files that are still written to. So it is of the block
    before the oldest log there is: all rows up to that one are in row files, which never change.
    """

    def __init__(self, file: Path, database: Path) -> None:
        """Begin before the database is opened for writing; nothing is known of its logs."""
        self._file, self._database, self._path = file, database, str(database)
        self._starts: dict[int, EndedAt | None] = dict.fromkeys(_logs(_stamps(database)))
        """By log: what was known before its first block."""
        self._listed: EndedAt | None = None
        """Return what was known when the files were last read."""
        self._seen = self._blocks = 0
        self._written: EndedRecord | None = None
        self._at: EndedAt | None = None

    @property
    def now(self) -> Commitment | None:
        """The commitment to the ended rows at the head, where it is known."""
        return self._at.ended if self._at else None

    def begin(self, head: Head, ended: Commitment) -> None:
        """Take in what is known at the head that the store was opened at."""
        self._at = EndedAt(head.height, head.block_hash, ended)
        if not self._blocks:
            self._listed = self._at
        self.look()

    def committed(self, head: Head, ended: Commitment | None) -> None:
        """Take in what is known after a block, or after going back; None for nothing."""
        self._at = None if ended is None else EndedAt(head.height, head.block_hash, ended)
        self._blocks += 1
        if self._blocks % _GLANCE_EVERY:
            return
        if self._blocks % _LOOK_EVERY == 0 or self._modified() != self._seen:
            self.look()

    def close(self) -> None:
        """Write down what is known of the files, which nobody writes any more."""
        if self._at is not None:
            with suppress(OSError):
                self._write(EndedRecord(self._at, _stamps(self._database), None))

    def look(self) -> None:
        """See which files there are, and write down what is known of them."""
        try:
            self._seen = self._modified()
            files = _stamps(self._database)
            logs = _logs(files)
            # A log that was not there has only what came since.
            self._starts = {log: self._starts.get(log, self._listed) for log in logs}
            self._listed = self._at
            start = self._starts[logs[0]] if logs else None
            if start is not None:
                others = {name: stamp for name, stamp in files.items() if _log_number(name) < 0}
                self._write(EndedRecord(start, others, logs[0]))
        except OSError:
            return

    def _modified(self) -> int:
        try:
            return os.stat(self._path).st_mtime_ns  # noqa: PTH116 - as in StoreLock.check
        except OSError:
            return 0

    def _write(self, record: EndedRecord) -> None:
        if record == self._written:
            return
        new = self._file.with_suffix(".new")
        try:
            new.write_bytes(record.encode())
            new.replace(self._file)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        self._written = record


def _stamps(database: Path) -> dict[str, Stamp]:
    """Return the files that make up a database's content. Raises OSError."""
    found: dict[str, Stamp] = {}
    with suppress(FileNotFoundError), os.scandir(database) as entries:
        for entry in entries:
            if entry.name.endswith((".sst", ".log")) or entry.name.startswith(
                ("MANIFEST", "CURRENT")
            ):
                status = entry.stat()
                found[entry.name] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def _logs(files: Mapping[str, Stamp]) -> list[int]:
    return sorted(number for number in map(_log_number, files) if number >= 0)


def _log_number(name: str) -> int:
    """Return the number of a log; -1 for other files."""
    stem, _, kind = name.partition(".")
    return int(stem) if kind == "log" and stem.isdigit() else -1
