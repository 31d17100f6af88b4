"""The container: frames of compressed records, in sections, each with its checksum.

A file is a preamble (magic, format), frames, and a trailer. A frame is a head and zstd data; a
head without data ends a section, one of no section ends the file. Every digest is BLAKE3 and
covers the fields before it: a frame's also its data, a section's end also what its frames held
before compression, the trailer's every byte of the file before it.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import zstandard

MAGIC = b"EVMDEX\x1a\n"
"""The last two bytes do not survive being sent as text."""
PREAMBLE = struct.Struct(">8sH")
HEAD_FIELDS = struct.Struct(">BQI")
DIGEST_BYTES = 32
TRAILER = 0xFF
"""Stands where a section's number does."""

FRAME_BYTES = 1 << 18
"""A frame is closed when its records have reached this many bytes."""
MAX_FRAME_BYTES = 1 << 26
"""Larger ones are refused unread; a frame outgrows FRAME_BYTES by at most one record."""

_LEVEL = 3


class FrameHead(NamedTuple):
    """What precedes a frame's data."""

    section: int
    records: int
    """Records in the frame; at a section's end in the section, in the trailer in the file."""
    length: int
    """Bytes of data that follow; 0 at a section's end and in the trailer."""

    def encode(self) -> bytes:
        """The fields without the digest."""
        return HEAD_FIELDS.pack(*self)


def compress(content: bytes) -> bytes:
    """The same bytes for the same content, with one release of zstd: one thread, fixed level."""
    return zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True).compress(content)


def decompress(data: bytes) -> bytes:
    """What was compressed. Raises ValueError for what is no frame, or one that is too large."""
    try:
        parameters = zstandard.get_frame_parameters(data)
        if not 0 < parameters.content_size <= MAX_FRAME_BYTES:
            raise ValueError(f"it claims to hold {parameters.content_size} bytes")
        return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
