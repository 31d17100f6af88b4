"""The files of a store: durable renames, disk usage, and finishing an interrupted restore.

A restore makes the new database in `db.restoring`, moves `db` to `db.replaced` and the new one
to `db`, then removes the old. Whatever of these exists tells how far it came.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from checkpoint.errors import NotAStore, StoreDamaged

BINDING_NAME = "rocksdict-config.json"
"""A file that RocksDB's Python binding writes beside a database; nobody reads it."""


class StoreLayout:
    """The files of a store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "db"
        self.restoring = root / "db.restoring"
        self.replaced = root / "db.replaced"
        self.lock = root / "lock"
        self.commit_marker = root / "witness"
        self.checkpoints = root / "checkpoints"
        self.retention = root / "retention.json"
        self.identity = root / "chain.json"
        self.ended = root / "ended.json"

    def prepare(self) -> None:
        """Make the directory where there is none. Raises NotAStore where something else is."""
        if self.root.exists() and not self.root.is_dir():
            raise NotAStore(f"{self.root} is a file; a store is a directory")
        make_directory(self.root)
        ours = {path.name for path in vars(self).values() if path is not self.root}
        present = {path.name for path in self.root.iterdir()}
        if present and not present & ours:
            raise NotAStore(
                f"{self.root} is not a store: it holds {min(present)!r} and nothing of "
                "ours; choose an empty or new directory"
            )

    def settle(self) -> None:
        """Finish or undo a restore that was interrupted; needs the lock.

        Once the old database was moved away the new one is complete, so it is put in place.
        Before that, the old one stays.
        """
        if not self.database.exists() and self.replaced.exists():
            complete = self.restoring if self.restoring.exists() else self.replaced
            rename(complete, self.database)
        for leftover in (self.restoring, self.replaced):
            if self.database.exists() and leftover.exists():
                shutil.rmtree(leftover)

    def readable_database(self) -> Path:
        """Return the database that `settle` would leave, which reading does not wait for."""
        moved = (self.database, self.restoring, self.replaced)
        return next((path for path in moved if path.exists()), self.database)

    def is_new(self) -> bool:
        """Return whether no block can be here yet. Raises StoreDamaged where some are gone.

        The commit marker comes after a database is complete, so without it one that has no files of
        rows may be a creation that was interrupted.
        """
        if (self.database / "CURRENT").exists():
            return not self.commit_marker.exists() and not any(self.database.glob("*.sst"))
        traces = (self.commit_marker.exists(), *self.checkpoints.glob("[0-9]*"))
        if any(traces) or any(self.database.glob("*.sst")):
            raise StoreDamaged("the database or its CURRENT file is missing", str(self.database))
        return True


def make_directory(directory: Path) -> None:
    """Make a directory, and those above it, durably."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        sync_directory(made.parent)


def write_file(file: Path, content: bytes) -> None:
    """Give a file its content in one step, durably; nothing is done where it has that."""
    if file.exists() and file.read_bytes() == content:
        return
    new = file.with_suffix(".new")
    with new.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    rename(new, file)


def rename(source: Path, target: Path) -> None:
    """Rename within one directory, durably."""
    source.rename(target)
    sync_directory(target.parent)


def sync_file(file: Path) -> None:
    """Force a file's content to the disk."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes of a directory's files."""

    own: int
    """In files that are nowhere else: what removing the directory frees."""
    shared: int
    """In files that are hard-linked from elsewhere too: the live store, or other checkpoints."""


def disk_usage(directory: Path) -> Usage:
    """Measure all files below a directory; those removed meanwhile are not counted."""
    own = shared = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            try:
                status = (Path(parent) / name).stat()
            except FileNotFoundError:
                continue
            if status.st_nlink > 1:
                shared += status.st_size
            else:
                own += status.st_size
    return Usage(own, shared)
