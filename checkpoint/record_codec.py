"""Stored records: a version byte, then a msgpack array.

The version is read first, so a record of another format is refused by name, not misread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec
from blake3 import blake3

from checkpoint.errors import StoreDamaged, WrongFormat
from precompiles.ledger.storage import RowChange

UNDO_VERSION = 1
_UNDO_DECODER = msgspec.msgpack.Decoder(tuple[tuple[int, bytes, bytes | None], ...])
_encode = msgspec.msgpack.Encoder().encode
_T = TypeVar("_T")


def pack(version: int, fields: object) -> bytes:
    """Return the stored form of `fields`."""
    return bytes((version,)) + _encode(fields)


def unpack(version: int, decoder: msgspec.msgpack.Decoder[_T], value: bytes, name: str) -> _T:
    """Decode the fields of a record that errors call `name`.

    Raises WrongFormat for another version, StoreDamaged where the fields do not decode.
    """
    if value[:1] != bytes((version,)):
        raise WrongFormat(name, value[0] if value else "none (empty)", version)
    try:
        return decoder.decode(memoryview(value)[1:])
    except msgspec.MsgspecError as error:
        raise StoreDamaged(f"does not decode: {error}", name) from error


def sign_record(content: Mapping[str, object]) -> bytes:
    """Return the JSON of a record with a digest of itself, as it stands in a file of its own."""
    return msgspec.json.encode({**content, "digest": _digest_of(content)}) + b"\n"


def signed_record(value: bytes) -> dict[str, object]:
    """Return the fields of such a record, its digest checked. Raises ValueError."""
    content = msgspec.json.decode(value, type=dict[str, object])
    unsigned = {name: field for name, field in content.items() if name != "digest"}
    if content.get("digest") != _digest_of(unsigned):
        raise ValueError("it was altered: its digest differs")
    return content


def _digest_of(content: Mapping[str, object]) -> str:
    return blake3(msgspec.json.encode(content, order="sorted")).hexdigest()


def encode_undo(changes: Iterable[RowChange]) -> bytes:
    """Encode a block's changes in their order, without the new values."""
    return pack(UNDO_VERSION, [(change.table, change.key, change.old) for change in changes])


def decode_undo(value: bytes, height: int) -> tuple[RowChange, ...]:
    """Decode an undo row; `new` is None in every change.

    Raises WrongFormat or StoreDamaged.
    """
    rows = unpack(
        UNDO_VERSION, _UNDO_DECODER, value, f"the undo row of block {height} (family undo)"
    )
    return tuple(RowChange(table, key, old, None) for table, key, old in rows)
