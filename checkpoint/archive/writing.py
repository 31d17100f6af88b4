"""Writing the container, frame by frame."""

from __future__ import annotations

from typing import BinaryIO

import msgspec
from blake3 import blake3

from checkpoint.archive import framing
from checkpoint.archive.framing import MAGIC, MAX_FRAME_BYTES, PREAMBLE, TRAILER, FrameHead
from checkpoint.archive.record_types import FORMAT, Record
from checkpoint.errors import StoreError

_ARRAY = b"\xdd"
"""A msgpack array with four bytes of length."""


class ArchiveWriter:
    """Takes records section by section; the same records give the same bytes."""

    def __init__(self, file: BinaryIO, version: int = FORMAT) -> None:
        """Writes the preamble at once."""
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
        """The next section; empty ones are begun too."""
        self._end_section()
        self._section = section

    def add(self, record: Record) -> None:
        """The section's next record."""
        self._encoder.encode_into(record, self._buffer, -1)
        self._in_frame += 1
        if len(self._buffer) >= framing.FRAME_BYTES:
            self._end_frame()

    def finish(self) -> None:
        """The trailer, which vouches for all before it."""
        self._end_section()
        self._write(FrameHead(TRAILER, self._in_file, 0).encode())
        self._write(self._whole.digest())

    def _end_frame(self) -> None:
        assert self._section is not None
        content = _ARRAY + self._in_frame.to_bytes(4, "big") + self._buffer
        if len(content) > MAX_FRAME_BYTES:
            raise StoreError(f"a record of {len(self._buffer)} bytes does not fit into an archive")
        data = framing.compress(content)
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
