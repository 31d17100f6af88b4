"""What the archive tests share: states to export, and what stands in for a chain's own proof."""

from __future__ import annotations

import itertools
import os
import random
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak

from checkpoint.archive import Summary, export_archive, import_archive
from checkpoint.archive.container import HEAD_FIELDS, PREAMBLE, ArchiveReader, ArchiveWriter
from checkpoint.archive.migrations import read_batches
from checkpoint.archive.record_types import FORMAT, Section
from checkpoint.block_record import BlockRecord
from checkpoint.families import Family
from checkpoint.memory_store import MemoryStore
from checkpoint.snapshot_source import SnapshotSource
from checkpoint.store_batch import BlockBatch
from tests.checkpoint.fake_chain import FakeChain, State, many_rows

DIGEST_BYTES = 32
TRAVELS = (Family.ROWS, Family.ACTIVE, Family.HEAD, Family.TRANSACTIONS)
"""What an archive brings over whole while all blocks are recent."""


def inspect(_chain_id: int, block: BlockRecord) -> tuple[bytes, ...]:
    """A fake chain's blocks hold one transaction, named after the block."""
    if not block.body.startswith(b"body %d " % block.height):
        raise ValueError("its body is that of another block")
    return (keccak(b"transaction" + keccak(block.header)),)


def export(source: SnapshotSource, target: Path, height: int | None = None) -> Summary:
    return export_archive(source, target, inspect=inspect, height=height)


def load(archive: Path, path: Path) -> Summary:
    return import_archive(archive, path, inspect=inspect)


def filled(seed: int, blocks: int, size: int = 8) -> tuple[FakeChain, MemoryStore]:
    chain, rng, store = FakeChain(), random.Random(seed), MemoryStore()
    for _ in range(blocks):
        store.write(chain.random_block(rng, size))
    return chain, store


def big(rows: int) -> tuple[FakeChain, MemoryStore]:
    """With so many rows in one block."""
    chain, store = FakeChain(), MemoryStore()
    batch: BlockBatch = chain.block(many_rows(rows))
    store.write(batch)
    return chain, store


def frame_starts(archive: bytes) -> list[tuple[int, int]]:
    """Position and section of each frame's head, trailer included."""
    starts, at = [], PREAMBLE.size
    while at < len(archive):
        section, _, length = HEAD_FIELDS.unpack(archive[at : at + HEAD_FIELDS.size])
        starts.append((at, section))
        at += HEAD_FIELDS.size + DIGEST_BYTES + length
    return starts


def moved(state: State) -> State:
    """The part of a store's contents that an archive brings over."""
    return {family: pairs for family, pairs in state.items() if family in TRAVELS}


Sections = dict[int, list[Any]]


def take_apart(archive: Path) -> Sections:
    """All records of an archive, by section."""
    sections: Sections = {section: [] for section in Section}
    with archive.open("rb") as file:
        for section, records in read_batches(ArchiveReader(file, "archive"), "archive"):
            sections[section] += records
    return sections


def put_together(sections: Sections, archive: Path, version: int = FORMAT) -> None:
    """An archive of these records, with all its checksums right."""
    with archive.open("wb") as file:
        writer = ArchiveWriter(file, version)
        for section, records in sections.items():
            writer.begin(section)
            for record in records:
                writer.add(record)
        writer.finish()


def load_until_killed(archive: Path, path: Path, steps: int) -> None:
    """Import, dying before the given step of those that change names or force them to disk."""
    count = itertools.count(1)

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if next(count) == steps:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return counted

    for name in ("rename", "mkdir", "unlink", "rmdir", "fsync", "pwrite", "truncate"):
        setattr(os, name, dying(getattr(os, name)))
    load(archive, path)


def load_telling(archive: Path, path: Path, told: Connection) -> None:
    """Import, telling when it begins, and after each frame."""
    told.send(None)
    import_archive(
        archive, path, inspect=inspect, progress=lambda done, total: told.send((done, total))
    )
