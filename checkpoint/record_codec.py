"""Stored records: a version byte, then a msgpack array.

The version is read first, so a record of another format is refused by name, not misread.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from checkpoint.errors import StoreDamaged, WrongFormat

_encode = msgspec.msgpack.Encoder().encode
_T = TypeVar("_T")


def pack(version: int, fields: object) -> bytes:
    """The stored form of `fields`."""
    return bytes((version,)) + _encode(fields)


def unpack(version: int, decoder: msgspec.msgpack.Decoder[_T], value: bytes, name: str) -> _T:
    """The fields of a record that errors call `name`.

    Raises WrongFormat for another version, StoreDamaged where the fields do not decode.
    """
    if value[:1] != bytes((version,)):
        raise WrongFormat(name, value[0] if value else "none (empty)", version)
    try:
        return decoder.decode(memoryview(value)[1:])
    except msgspec.MsgspecError as error:
        raise StoreDamaged(f"does not decode: {error}", name) from error
