"""Reading the container: every frame checked before it is taken apart, and none missed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from blake3 import blake3

from checkpoint.archive.framing import (
    DIGEST_BYTES,
    HEAD_FIELDS,
    MAGIC,
    MAX_FRAME_BYTES,
    PREAMBLE,
    TRAILER,
    FrameHead,
    decompress,
)
from checkpoint.archive.record_types import section_name
from checkpoint.errors import ArchiveDamaged, NotAnArchive


class ArchiveReader:
    """The frames of an archive, one after the other."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Reads the preamble. Raises NotAnArchive, or ArchiveDamaged for a file cut off there."""
        self._file = file
        self._whole = blake3()
        self._where = "the preamble"
        start = file.read(PREAMBLE.size)
        if not start.startswith(MAGIC[: len(start)]):
            raise NotAnArchive(
                f"{name} is not an archive of a chain's state: it begins with {start[:8]!r}; "
                "give a file that was exported in the archive format (JSON Lines are for reading)"
            )
        if len(start) < PREAMBLE.size:
            raise ArchiveDamaged("the file ends inside it", self._where)
        self._whole.update(start)
        self.version: int = PREAMBLE.unpack(start)[1]
        """The archive's format."""

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Section and content of each frame, in the order of sections.

        Raises ArchiveDamaged, naming the section, for anything altered, missing or surplus; a
        file that was read to the end is the one that was written.
        """
        in_file, section = 0, 0
        while (head := self._head(section)).section != TRAILER:
            if head.section <= section:
                raise ArchiveDamaged("it comes out of order", self._where)
            section = head.section
            content, in_section = blake3(), 0
            while head.length:
                decoded = self._content(head)
                content.update(decoded)
                in_section += head.records
                yield section, decoded
                head = self._head(section)
                if head.section != section:
                    raise ArchiveDamaged("it has no end", self._where)
            self._check(head, content.digest())
            if head.records != in_section:
                raise ArchiveDamaged(
                    f"{in_section} records, its end says {head.records}", self._where
                )
            in_file += in_section
        self._check_trailer(head, in_file)

    def _head(self, section: int) -> FrameHead:
        """The next head; its digest is read with what it covers."""
        at = self._file.tell()
        last = section_name(section) if section else "the beginning"
        self._where = f"byte {at}, after the last frame of {last}"
        head = FrameHead(*HEAD_FIELDS.unpack(self._read(HEAD_FIELDS.size)))
        name = "the trailer" if head.section == TRAILER else section_name(head.section)
        self._where = f"{name}, frame at byte {at}"
        self._before = self._whole.digest()
        self._digest = self._read(DIGEST_BYTES)
        if head.length > MAX_FRAME_BYTES:
            raise ArchiveDamaged(
                f"it claims {head.length} bytes, no frame is so large", self._where
            )
        return head

    def _content(self, head: FrameHead) -> bytes:
        data = self._read(head.length)
        self._check(head, data)
        try:
            return decompress(data)
        except ValueError as error:
            raise ArchiveDamaged(f"it does not decompress: {error}", self._where) from error

    def _check(self, head: FrameHead, covered: bytes) -> None:
        if blake3(head.encode() + covered).digest() != self._digest:
            raise ArchiveDamaged("it was altered: its digest differs", self._where)

    def _check_trailer(self, head: FrameHead, in_file: int) -> None:
        if self._digest != self._before or head.length:
            raise ArchiveDamaged("it does not vouch for what precedes it", self._where)
        if head.records != in_file:
            raise ArchiveDamaged(f"{in_file} records, it says {head.records}", self._where)
        if self._file.read(1):
            raise ArchiveDamaged("more follows it", self._where)

    def _read(self, length: int) -> bytes:
        data = self._file.read(length)
        if len(data) < length:
            raise ArchiveDamaged("the file ends here", self._where)
        self._whole.update(data)
        return data
