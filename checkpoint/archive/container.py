"""The container: frames of compressed records, in sections, each with its checksum.

A file is a preamble (magic, format), frames, and a trailer. A frame is a head and zstd data; a
head without data ends a section, one of no section ends the file. Every digest is BLAKE3 and
covers the fields before it: a frame's also its data, a section's end also what its frames held
before compression, the trailer's every byte of the file before it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import msgspec
import zstandard
from blake3 import blake3

from checkpoint.archive.record_types import FORMAT, Record, Section, section_name
from checkpoint.errors import ArchiveDamaged, NotAnArchive, StoreError

MAGIC = b"EVMDEX\x1a\n"
"""The last two bytes do not survive being sent as text."""
PREAMBLE = struct.Struct(">8sH")
HEAD_FIELDS = struct.Struct(">BQI")
DIGEST_BYTES = 32
TRAILER = 0xFF
"""Stands where a section's number does."""

FRAME_BYTES = 1 << 18
"""A frame is closed when its records have reached this many bytes."""
MAX_FRAME_BYTES = 1 << 24
"""Larger ones are refused unread; a frame outgrows FRAME_BYTES by at most one record."""
MAX_CHAIN_BYTES = 1 << 16
"""The same for the one record of section chain, which is small."""
MAX_FRAME_RECORDS = 1 << 18
"""A record takes a byte at least, and a frame is closed at FRAME_BYTES."""

_LEVEL = 3
_ARRAY = b"\xdd"
"""A msgpack array with four bytes of length."""
_ARRAY_HEAD = 5


class FrameHead(NamedTuple):
    """The fields that precede a frame's data."""

    section: int
    records: int
    """Records in the frame; at a section's end in the section, in the trailer in the file."""
    length: int
    """Bytes of data that follow; 0 at a section's end and in the trailer."""

    def encode(self) -> bytes:
        """Return the fields without the digest."""
        return HEAD_FIELDS.pack(*self)


def compress(content: bytes) -> bytes:
    """Compress; one release of zstd gives the same bytes for the same content."""
    return zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True).compress(content)


def decompress(data: bytes, most: int = MAX_FRAME_BYTES) -> bytes:
    """Return what was compressed. Raises ValueError for no frame, or more than `most` bytes."""
    try:
        parameters = zstandard.get_frame_parameters(data)
        if not 0 < parameters.content_size <= most:
            raise ValueError(f"it claims to hold {parameters.content_size} bytes")
        return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


class ArchiveWriter:
    """Takes records section by section; the same records give the same bytes."""

    def __init__(self, file: BinaryIO, version: int = FORMAT) -> None:
        """Write the preamble at once."""
        self._file = file
        self._whole = blake3()
        self._encoder = msgspec.msgpack.Encoder()
        self._buffer = bytearray()
        self._section: int | None = None
        self._in_frame = 0
        self._in_section = 0
        self._in_file = 0
        self._content = blake3()
        self._write(PREAMBLE.pack(MAGIC, version))

    def begin(self, section: int) -> None:
        """Begin the next section; empty ones are begun too."""
        self._end_section()
        self._section = section

    def add(self, record: Record) -> None:
        """Add the section's next record."""
        self._encoder.encode_into(record, self._buffer, -1)
        self._in_frame += 1
        if len(self._buffer) >= FRAME_BYTES:
            self._end_frame()

    def finish(self) -> None:
        """Write the trailer, which vouches for all before it."""
        self._end_section()
        self._write(FrameHead(TRAILER, self._in_file, 0).encode())
        self._write(self._whole.digest())

    def _end_frame(self) -> None:
        assert self._section is not None
        content = _ARRAY + self._in_frame.to_bytes(4, "big") + self._buffer
        if len(content) > MAX_FRAME_BYTES:
            raise StoreError(f"a record of {len(self._buffer)} bytes does not fit into an archive")
        data = compress(content)
        self._write_head(FrameHead(self._section, self._in_frame, len(data)), data)
        self._write(data)
        self._content.update(content)
        self._in_section += self._in_frame
        self._in_frame = 0
        self._buffer.clear()

    def _end_section(self) -> None:
        if self._section is None:
            return
        if self._in_frame:
            self._end_frame()
        self._write_head(FrameHead(self._section, self._in_section, 0), self._content.digest())
        self._in_file += self._in_section
        self._in_section = 0
        self._content = blake3()
        self._section = None

    def _write_head(self, head: FrameHead, covered: bytes) -> None:
        fields = head.encode()
        self._write(fields + blake3(fields + covered).digest())

    def _write(self, data: bytes) -> None:
        self._whole.update(data)
        self._file.write(data)


class ArchiveReader:
    """Reads an archive frame by frame."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Read the preamble. Raises NotAnArchive, or ArchiveDamaged for a file cut off there."""
        self._file = file
        self._whole = blake3()
        self._where = "the preamble"
        start = file.read(PREAMBLE.size)
        if not start.startswith(MAGIC[: len(start)]):
            raise NotAnArchive(
                f"{name} is not an archive of a chain's state: it begins with {start[:8]!r}; "
                "give a file that `evm-dex checkpoint export` wrote"
            )
        if len(start) < PREAMBLE.size:
            raise ArchiveDamaged("the file ends inside it", self._where)
        self._whole.update(start)
        self.version: int = PREAMBLE.unpack(start)[1]
        """The archive's format."""

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield section and content of each frame, in the order of sections.

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
        """Read the next head; its digest is read with what it covers."""
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
        most = MAX_CHAIN_BYTES if head.section == Section.CHAIN else MAX_FRAME_BYTES
        try:
            content = decompress(data, most)
        except ValueError as error:
            raise ArchiveDamaged(f"it does not decompress: {error}", self._where) from error
        # Before anything is decoded: what is in there may be small here, and large in memory.
        claimed = int.from_bytes(content[1:_ARRAY_HEAD], "big")
        if content[:1] != _ARRAY or claimed != head.records or claimed > MAX_FRAME_RECORDS:
            raise ArchiveDamaged(f"it must hold {head.records} records", self._where)
        return content

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
