"""Export of a store's state into one file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

from checkpoint.archive.container import ArchiveWriter
from checkpoint.archive.record_types import Record, Section
from checkpoint.archive.sections import read_section
from checkpoint.archive.state_builder import StateBuilder, Summary
from checkpoint.block_record import BlockInspector
from checkpoint.errors import AlreadyThere, ArchiveDamaged, StoreDamaged, StoreError, StoreFailed
from checkpoint.head import Head
from checkpoint.layout import rename
from checkpoint.snapshot_source import SnapshotSource, open_snapshot
from checkpoint.store import Progress, StoreReader

_BATCH = 512


class RecordWriter(Protocol):
    """Takes a state section by section, in whatever form it writes."""

    def begin(self, section: int) -> None:
        """Begin the next section."""

    def add(self, record: Record) -> None:
        """Add the section's next record."""

    def finish(self) -> None:
        """End the last section."""


def export_archive(
    source: SnapshotSource,
    target: str | Path,
    *,
    inspect: BlockInspector,
    height: int | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Write the state of a store's head, or of its checkpoint at `height`, into a new file.

    See `open_source` for what a source may be. Everything is proven on the way by what will
    prove it when it is imported; a file that is there under its name is complete. `progress`
    counts records of the section in work, with 0 for a total not known beforehand. The same
    state gives the same bytes, wherever it is kept and however it came about.

    Raises AlreadyThere, what `open_source` raises, StoreDamaged, and StoreFailed for the disk.
    """
    with open_snapshot(source, height) as store, new_file(Path(target)) as file:
        return write_state(store, ArchiveWriter(file), inspect, progress)


@contextmanager
def new_file(target: Path) -> Iterator[BinaryIO]:
    """Make a file that appears whole or not at all. Raises AlreadyThere, StoreFailed."""
    if target.exists():
        raise AlreadyThere(f"{target} exists; choose another name or remove it")
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        rename(unfinished, target)
    except OSError as error:
        raise StoreFailed(f"{target}: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def write_state(
    store: StoreReader,
    writer: RecordWriter,
    inspect: BlockInspector,
    progress: Progress | None,
) -> Summary:
    """Give a writer all records of a state, proving them. Raises like `export_archive`."""
    head = store.head()
    if head is None:
        raise StoreError("the store has no block yet, so there is no state to export")
    assembly = StateBuilder(inspect)
    try:
        for section in Section:
            writer.begin(section)
            done, total = 0, _section_total(head, section)
            for records in _batches(read_section(store, head, section)):
                for record in records:
                    writer.add(record)
                assembly.add(section, records)
                done += len(records)
                if progress is not None:
                    progress(done, total)
        writer.finish()
        _, summary = assembly.finish()
    except ArchiveDamaged as error:
        if store.head() != head:
            raise StoreError(
                "the chain moved on while it was exported; stop it, or export a checkpoint"
            ) from error
        raise StoreDamaged(error.what, error.where) from error
    return summary


def _section_total(head: Head, section: Section) -> int:
    """Return how many records a section will have; 0 where that is not known beforehand."""
    return sum(head.commitment.counts.values()) if section is Section.ROWS else 0


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(records, _BATCH)):
        yield batch
