"""Frames on the socket: each message behind its length, a varint as protobuf has them."""

from __future__ import annotations

from asyncio import IncompleteReadError, StreamReader

MOST_BYTES = 128 * 2**20
"""A chunk of a snapshot or the transactions of a block are far below."""
_MORE = 0x80


class BadFrame(Exception):  # noqa: N818 - named for what came
    """A frame that is cut off, too long, or has no length."""


def framed(message: bytes) -> bytes:
    """Put a message's length before it."""
    length, size = bytearray(), len(message)
    while size >= _MORE:
        length.append(size & (_MORE - 1) | _MORE)
        size >>= 7
    length.append(size)
    return bytes(length) + message


async def read_frame(reader: StreamReader) -> bytes | None:
    """Read the next message; None at the end of the stream. Raises BadFrame."""
    size = shift = 0
    while True:
        byte = await reader.read(1)
        if not byte:
            if shift:
                raise BadFrame("the stream ends in the length of a message")
            return None
        size |= (byte[0] & (_MORE - 1)) << shift
        if byte[0] < _MORE:
            break
        shift += 7
        if shift > 63:
            raise BadFrame("a length must be a varint of at most 64 bits")
    if size > MOST_BYTES:
        raise BadFrame(f"a message must have at most {MOST_BYTES} bytes, got {size}")
    try:
        return await reader.readexactly(size)
    except IncompleteReadError as error:
        raise BadFrame(f"the stream ends after {len(error.partial)} of {size} bytes") from None
