"""Kinds of values that methods take and give: how each is read, written and described.

A method's annotations name them, so parameters are checked before its code runs, results are
written after, and the OpenRPC document says the same as both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec

from evm_dex.node.rpc_errors import invalid_params
from precompiles.types import Address

Schema = Mapping[str, Any]

_MAX_QUANTITY = 2**256 - 1
_MOST_CHARACTERS = 1_000
_TAGS = ("latest", "pending", "safe", "finalized", "earliest")
Read = Callable[[Any], Any]
"""Reads a value from JSON. Raises ValueError with what was wrong."""


def unchanged(value: Any) -> Any:
    """Return a value that is in its JSON form already."""
    return value


class ParamType(msgspec.Struct, frozen=True, eq=False):
    """One kind of value."""

    name: str
    expected: str
    """The value in words, for whoever sent something else."""
    schema: Schema
    read: Read = unchanged
    write: Callable[[Any], Any] = unchanged


class BlockHash(msgspec.Struct, frozen=True):
    """A block asked for by hash where a number would do as well (EIP-1898)."""

    block_hash: bytes


BlockId = int | str | BlockHash
"""A height, a tag, or a hash."""


def plain_block(block: BlockId) -> int | str | bytes:
    """Return a block as the chain asks for it."""
    return block.block_hash if isinstance(block, BlockHash) else block


def quantity(value: int) -> str:
    """Write an integer as Ethereum's JSON does."""
    return hex(value)


def data(value: bytes) -> str:
    """Write bytes as Ethereum's JSON does."""
    return "0x" + value.hex()


def read_quantity(value: Any) -> int:
    """Read hex with 0x, or a plain JSON integer, as other nodes do."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and value[:2] in ("0x", "0X") and len(value) <= 66:
        number = _hex_number(value)
    else:
        raise ValueError
    if not 0 <= number <= _MAX_QUANTITY:
        raise ValueError
    return number


def read_data(value: Any) -> bytes:
    """Read hex with 0x and an even number of digits."""
    if not isinstance(value, str) or value[:2] not in ("0x", "0X"):
        raise ValueError
    found = bytes.fromhex(value[2:])
    if len(found) * 2 != len(value) - 2:  # fromhex skips spaces
        raise ValueError
    return found


def read_address(value: Any) -> Address:
    """Read 20 bytes in hex."""
    return Address(_sized(value, 20))


def read_hash(value: Any) -> bytes:
    """Read 32 bytes in hex."""
    return _sized(value, 32)


def read_slot(value: Any) -> int:
    """Read a storage key of at most 32 bytes; shorter ones stand for their number."""
    if not isinstance(value, str) or value[:2] not in ("0x", "0X") or len(value) > 66:
        raise ValueError
    return _hex_number(value)


def read_flag(value: Any) -> bool:
    """Read true or false, nothing that stands for it."""
    if not isinstance(value, bool):
        raise ValueError
    return value


def read_text(value: Any) -> str:
    """Read a string of a thousand characters at most."""
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
        raise ValueError
    return value


def read_block(value: Any) -> BlockId:
    """Read a tag, height, hash, or the object of EIP-1898."""
    if isinstance(value, Mapping):
        return _read_block_object(value)
    if value in _TAGS:
        return str(value)
    if isinstance(value, str) and len(value) == 66:
        return BlockHash(read_hash(value))
    number = read_quantity(value)
    if number > 2**63:
        raise ValueError
    return number


def _read_block_object(value: Mapping[str, Any]) -> BlockId:
    keys = set(value) - {"requireCanonical"}
    if keys == {"blockHash"}:
        return BlockHash(read_hash(value["blockHash"]))
    if keys == {"blockNumber"} and not isinstance(value["blockNumber"], Mapping):
        return read_block(value["blockNumber"])
    raise ValueError


def _hex_number(text: str) -> int:
    if not (text.isascii() and text[2:].isalnum()):  # int() takes signs, spaces and underscores
        raise ValueError
    return int(text, 16)


def _sized(value: Any, size: int) -> bytes:
    found = read_data(value)
    if len(found) != size:
        raise ValueError
    return found


def _hex(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def listed(kind: ParamType, *, most: int = 1_000) -> ParamType:
    """Return the type of a list."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise ValueError
        return [kind.read(item) for item in value]

    return ParamType(
        name=f"{kind.name}List",
        expected=f"a list of at most {most}, each {kind.expected}",
        schema={"type": "array", "items": kind.schema, "maxItems": most},
        read=read,
        write=lambda items: [kind.write(item) for item in items],
    )


def counted(name: str, most: int) -> ParamType:
    """Return the type of a plain number from 1 to `most`."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
            raise ValueError
        return value

    schema = {"type": "integer", "minimum": 1, "maximum": most}
    return ParamType(name, f"a number from 1 to {most}", schema, read)


def or_null(kind: ParamType) -> ParamType:
    """Return the type of a value that may be null."""
    return ParamType(
        name=kind.name,
        expected=kind.expected,
        schema={"oneOf": [kind.schema, {"type": "null"}]},
        read=lambda value: None if value is None else kind.read(value),
        write=lambda value: None if value is None else kind.write(value),
    )


def read_fields(
    value: Any, fields: Mapping[str, tuple[str, ParamType]], what: str = "field"
) -> dict[str, Any]:
    """Read an object of optional fields: by their names in JSON, those in Python and their types.

    A field that is null is left out, and one of two names may be given twice if it is the same.
    Raises ValueError for what is no object, RpcError that names a wrong field.
    """
    if not isinstance(value, Mapping):
        raise ValueError
    found: dict[str, Any] = {}
    for name, given in value.items():
        if given is None:
            continue
        if name not in fields:
            raise invalid_params(f"unknown {what} {name!r}; known are {', '.join(fields)}")
        field, kind = fields[name]
        try:
            read = kind.read(given)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise invalid_params(f"{what} {name!r} must be {kind.expected}") from None
        if found.setdefault(field, read) != read:
            raise invalid_params(f"both spellings of {field!r} are given and differ: give one")
    return found


def shaped(name: str, description: str, form: str = "object") -> ParamType:
    """Return the type of a result that is made in its JSON form."""
    return ParamType(name, description, {"type": form, "title": name, "description": description})


QUANTITY = ParamType(
    "Quantity",
    "an integer in hex, such as 0x1f",
    _hex("^0x([1-9a-f][0-9a-f]*|0)$"),
    read_quantity,
    quantity,
)
DATA = ParamType(
    "Data", "bytes in hex, two digits each", _hex("^0x([0-9a-f]{2})*$"), read_data, data
)
ADDRESS = ParamType(
    "Address", "an address of 20 bytes in hex", _hex("^0x[0-9a-fA-F]{40}$"), read_address, data
)
HASH = ParamType("Hash", "32 bytes in hex", _hex("^0x[0-9a-f]{64}$"), read_hash, data)
SLOT = ParamType(
    "Slot",
    "a storage key of at most 32 bytes in hex",
    _hex("^0x[0-9a-fA-F]{1,64}$"),
    read_slot,
    quantity,
)
FLAG = ParamType("Flag", "true or false", {"type": "boolean"}, read_flag)
BLOCK = ParamType(
    "Block",
    "a height in hex, a block hash, one of latest, pending, safe, finalized, earliest, or "
    "{blockHash} or {blockNumber}",
    {
        "oneOf": [
            {"enum": list(_TAGS)},
            _hex("^0x([1-9a-f][0-9a-f]*|0)$"),
            _hex("^0x[0-9a-f]{64}$"),
            {"type": "object", "properties": {"blockHash": _hex("^0x[0-9a-f]{64}$")}},
            {"type": "object", "properties": {"blockNumber": _hex("^0x[0-9a-f]+$")}},
        ]
    },
    read_block,
)

Quantity = Annotated[int, QUANTITY]
Data = Annotated[bytes, DATA]
HexAddress = Annotated[Address, ADDRESS]
Hash = Annotated[bytes, HASH]
Slot = Annotated[int, SLOT]
Flag = Annotated[bool, FLAG]
Block = Annotated[BlockId, BLOCK]
Text = Annotated[str, ParamType("Text", "a string", {"type": "string"}, read_text)]
