"""From earlier formats of the archive to today's, one named step per version.

A step changes how an archive says something, never what: after the last one the records are
proven against the block's hash like any others. So a step cannot alter rows or state; where a
row's own format changes, its record type goes on reading the old one.

To add a format: raise FORMAT in `record_types`, put the step from the one before into STEPS, and
commit a sample of the one before for the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from checkpoint.archive.container import ArchiveReader
from checkpoint.archive.record_types import (
    FORMAT,
    convert_records,
    decode_records,
    section_name,
)
from checkpoint.errors import ArchiveDamaged, WrongFormat

Batch = tuple[int, list[Any]]
"""A section's number and some of its records, in their order."""
Step = Callable[[Iterator[Batch]], Iterator[Batch]]
"""Batches of one format to batches of the next, streaming: no step holds a whole section."""

STEPS: Mapping[int, Step] = {}
"""Per version the step to the one after it. None yet: format 1 is the first."""


def read_batches(reader: ArchiveReader, name: str) -> Iterator[Batch]:
    """Yield the records of an archive of any known format, in today's shapes.

    Raises WrongFormat, naming both versions, for a newer one or one no step leads from, and
    ArchiveDamaged.
    """
    version = reader.version
    if version == FORMAT:
        for section, content in reader.frames():
            yield section, decode_records(section, content)
        return
    if version > FORMAT or any(at not in STEPS for at in range(version, FORMAT)):
        raise WrongFormat(name, version, FORMAT)
    batches = _untyped(reader)
    for at in range(version, FORMAT):
        batches = STEPS[at](batches)
    for section, records in _understood(batches, version):
        yield section, convert_records(section, records)


def _understood(batches: Iterator[Batch], version: int) -> Iterator[Batch]:
    """Yield what a step yields; records that it can't take apart are damage."""
    section = 0
    try:
        for section, records in batches:
            yield section, records
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise ArchiveDamaged(
            f"a record is not one of format {version}: {error}", f"after {section_name(section)}"
        ) from error


def _untyped(reader: ArchiveReader) -> Iterator[Batch]:
    decoder = msgspec.msgpack.Decoder(list[Any])
    for section, content in reader.frames():
        try:
            yield section, decoder.decode(content)
        except msgspec.MsgspecError as error:
            raise ArchiveDamaged(f"it does not decode: {error}", section_name(section)) from error
