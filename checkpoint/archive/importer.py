"""Import of an archive: proven to the last row, in place as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from checkpoint.archive.container import ArchiveReader
from checkpoint.archive.json_reader import FIRST_BYTE, read_json_lines
from checkpoint.archive.migrations import Batch, read_batches
from checkpoint.archive.record_types import ChainRecord, recent_start
from checkpoint.archive.state_builder import StateBuilder, Summary
from checkpoint.atomic_directory import check_vacant, staged_directory, write_commit_marker
from checkpoint.block_record import BlockInspector
from checkpoint.chain_identity import ChainIdentity, write_identity
from checkpoint.errors import StoreFailed, UnexpectedBlock, WrongChain
from checkpoint.layout import StoreLayout, sync_directory
from checkpoint.rocks.bulk_loader import BulkLoader
from checkpoint.store import Progress


def import_archive(
    archive: str | Path,
    path: str | Path,
    *,
    inspect: BlockInspector,
    chain_id: int | None = None,
    block_hash: bytes | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Make a store at `path`, which must be new or an empty directory, from an archive.

    It may be in JSON Lines too, as `export_json_lines` writes them.
    Everything is proven against the hash of the archive's block; `block_hash` says which block
    that must be, for an archive from somebody not trusted, and `chain_id` which chain. The store
    is built beside its place and renamed into it: a kill leaves nothing there, and what it leaves
    beside is used up by the next try. `progress` counts bytes of the archive. The undo window of
    the new store begins with the block after the imported one.

    Raises AlreadyThere, NotAnArchive, ArchiveDamaged, WrongFormat, WrongChain, UnexpectedBlock,
    StoreLocked while another import to the same place is running, StoreFailed for the disk, and
    FileNotFoundError where there is no archive.
    """
    target = Path(path)
    with Path(archive).open("rb") as file:
        check_vacant(target)
        batches = _batches(file)
        try:
            with staged_directory(target, "importing") as layout:
                expected = (chain_id, block_hash)
                summary = _build(batches, file, layout, inspect, expected, progress)
        except OSError as error:
            raise StoreFailed(f"importing to {target}: {error}") from error
    return summary


def _batches(file: BinaryIO) -> Iterator[Batch]:
    """Return the records of an archive, or of JSON Lines. Raises NotAnArchive, ArchiveDamaged."""
    is_text = file.read(1) == FIRST_BYTE
    file.seek(0)
    return (
        read_json_lines(file)
        if is_text
        else read_batches(ArchiveReader(file, file.name), file.name)
    )


def _build(
    batches: Iterator[Batch],
    file: BinaryIO,
    layout: StoreLayout,
    inspect: BlockInspector,
    expected: tuple[int | None, bytes | None],
    progress: Progress | None,
) -> Summary:
    size = os.fstat(file.fileno()).st_size
    loader = BulkLoader(layout.database)
    try:
        assembly = StateBuilder(inspect, loader.put)
        for section, records in batches:
            assembly.add(section, records)
            assert assembly.chain is not None, "the assembly refuses anything before it"
            _check_expected(assembly.chain, *expected)
            if progress is not None:
                progress(file.tell(), size)
        head, summary = assembly.finish()
        commit = loader.finish(head, recent_start(assembly.first_height, head.height))
    finally:
        loader.close()
    sync_directory(layout.database)
    write_commit_marker(layout.commit_marker, commit)
    assert assembly.genesis is not None, "the first block travels with every state"
    write_identity(layout.identity, ChainIdentity(head.chain_id, assembly.genesis))
    return summary


def _check_expected(chain: ChainRecord, chain_id: int | None, block_hash: bytes | None) -> None:
    if chain_id is not None and chain.chain_id != chain_id:
        raise WrongChain(chain_id, chain.chain_id)
    if block_hash is not None and chain.block_hash != block_hash:
        raise UnexpectedBlock(block_hash, chain.block_hash)
