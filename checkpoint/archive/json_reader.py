"""JSON Lines as the records of an archive, so that what was exported can be imported again.

Nothing marks the end and no line has a checksum: what vouches for the file is the proof by the
block's hash, which all records go through (`state_builder`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from types import NoneType
from typing import Annotated, Any, BinaryIO, get_args, get_origin, get_type_hints

import msgspec

from checkpoint.archive.json_lines import HEADER_FIELDS, NUMBERS
from checkpoint.archive.record_types import (
    ChainRecord,
    Record,
    RowRecord,
    Section,
    StateKind,
    StateRecord,
)
from checkpoint.block_record import BlockRecord
from checkpoint.errors import ArchiveDamaged
from checkpoint.trie import rlp
from checkpoint.trie.account import Account
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.record import Record as Row
from precompiles.ledger.storage import EmptyStorage
from precompiles.ledger.table import IdKey, Table, TableNumber

FIRST_BYTE = b"{"
_BATCH_BYTES = 1 << 20
_MOST_BYTES = {"header": 36 << 20, "code": 1 << 23, "row": 1 << 23}
"""Of a line, by its kind: twice what a record may have. Other kinds are short."""
_OTHERS_MOST_BYTES = 1 << 16
_KIND = re.compile(rb'\{\s*"kind"\s*:\s*"([a-z]{1,16})"')
_TABLES = {table.name.lower(): table for table in TableNumber}


class _Line(msgspec.Struct, tag_field="kind", forbid_unknown_fields=True):
    """A line of some kind, its fields as JSON has them."""


class _Chain(_Line, tag="chain"):
    chain_id: int
    height: int
    block_hash: str
    digest: str
    rows: dict[str, int]


class _Code(_Line, tag="code"):
    code_hash: str
    code: str


class _Account(_Line, tag="account"):
    address_hash: str
    nonce: int | str
    balance: int | str
    storage_root: str
    code_hash: str


class _Storage(_Line, tag="storage"):
    address_hash: str
    slot_hash: str
    value: str


class _Origin(_Line, tag="origin"):
    key: str
    value: str


class _Row(_Line, tag="row"):
    table: str | int
    key: str | int
    fields: dict[str, Any] | None = None
    value: str | None = None
    """Of a table that the exporting program did not know."""


_HEADER = msgspec.defstruct(
    "_Header",
    [
        ("hash", str),
        ("body", str),
        ("receipts", str),
        *((name, int | str | NoneType, None) for name in HEADER_FIELDS),
    ],
    tag="header",
    tag_field="kind",
    forbid_unknown_fields=True,
)
_LINES: dict[str, tuple[Section, Any]] = {
    "chain": (Section.CHAIN, _Chain),
    "header": (Section.BLOCKS, _HEADER),
    "code": (Section.STATE, _Code),
    "account": (Section.STATE, _Account),
    "storage": (Section.STATE, _Storage),
    "origin": (Section.STATE, _Origin),
    "row": (Section.ROWS, _Row),
}


_MISTAKES = (
    *(ValueError, TypeError, KeyError, OverflowError, RecursionError, msgspec.MsgspecError),
)


def read_json_lines(file: BinaryIO) -> Iterator[tuple[int, list[Any]]]:
    """Yield sections and records of a state in JSON Lines, some at a time, as `read_batches` does.

    Raises ArchiveDamaged, naming the line.
    """
    reader = _Reader()
    section, size, records = 0, 0, list[Record]()
    for number, line in enumerate(_lines(file), 1):
        try:
            found, record = reader.read(line)
        except _MISTAKES as error:
            raise ArchiveDamaged(f"it is no line of a state: {error}", f"line {number}") from error
        if found < section:
            raise ArchiveDamaged("it comes out of order", f"line {number}")
        if records and (found != section or size >= _BATCH_BYTES):
            yield section, records
            size, records = 0, []
        section, size = found, size + len(line)
        records.append(record)
    if records:
        yield section, records


def _lines(file: BinaryIO) -> Iterator[bytes]:
    most = max(_MOST_BYTES.values())
    while line := file.readline(most + 1):
        yield line


class _Reader:
    def __init__(self) -> None:
        self._tables: dict[int, Table[Any, Any]] = Ledger(EmptyStorage()).tables

    def read(self, line: bytes) -> tuple[Section, Record]:
        """Return a line's record and where it belongs. Raises ValueError and the like."""
        named = _KIND.match(line)
        kind = named[1].decode() if named else ""
        if kind not in _LINES:
            raise ValueError(f"its first field must be a known kind, got {line[:40]!r}")
        most = _MOST_BYTES.get(kind, _OTHERS_MOST_BYTES)
        if len(line) > most:
            raise ValueError(f"a line of kind {kind} must have at most {most} bytes")
        section, shape = _LINES[kind]
        return section, self._record(msgspec.json.decode(line, type=shape))

    def _record(self, shown: Any) -> Record:
        match shown:
            case _Chain():
                counts = tuple(sorted((int(table), rows) for table, rows in shown.rows.items()))
                names = _bytes(shown.block_hash), _bytes(shown.digest)
                return ChainRecord(shown.chain_id, shown.height, *names, counts)
            case _Account() | _Storage() | _Code() | _Origin():
                return _state(shown)
            case _Row():
                return self._row(shown)
        return _block(shown)

    def _row(self, shown: _Row) -> RowRecord:
        if isinstance(shown.table, int):
            return RowRecord(shown.table, _bytes(shown.key), _bytes(shown.value))
        table = self._tables[_TABLES[shown.table]]
        if isinstance(table.codec, IdKey):
            key = table.codec.encode(_number(shown.key))
        else:
            key = _bytes(shown.key)
        return RowRecord(table.number, key, row_from_json(table.record, shown.fields).encode())


def _block(shown: Any) -> BlockRecord:
    items = []
    for name in HEADER_FIELDS:
        value = getattr(shown, name)
        if value is None:
            break
        items.append(rlp.int_bytes(_number(value)) if name in NUMBERS else _bytes(value))
    height = _number(shown.height)
    return BlockRecord(height, rlp.encode(items), _bytes(shown.body), _bytes(shown.receipts))


def _state(shown: _Account | _Storage | _Code | _Origin) -> StateRecord:
    match shown:
        case _Account():
            return _account(shown)
        case _Storage():
            word = rlp.encode(_bytes(shown.value).lstrip(b"\0"))
            return StateRecord(StateKind.SLOT, _bytes(shown.slot_hash), word)
        case _Code():
            return StateRecord(StateKind.CODE, _bytes(shown.code_hash), _bytes(shown.code))
        case _Origin():
            return StateRecord(StateKind.ORIGIN, _bytes(shown.key), _bytes(shown.value))


def _account(shown: _Account) -> StateRecord:
    account = Account(
        _number(shown.nonce),
        _number(shown.balance),
        _bytes(shown.storage_root),
        _bytes(shown.code_hash),
    )
    return StateRecord(StateKind.ACCOUNT, _bytes(shown.address_hash), account.encode())


def row_from_json(record: type[Row], fields: Mapping[str, Any] | None) -> Row:
    """Return the record of a row from its fields as JSON has them. Raises ValueError, TypeError."""
    kinds = _kinds(record)
    if fields is None or fields.keys() != kinds.keys():
        raise ValueError(f"a {record.__name__} must have the fields {', '.join(kinds)}")
    return record(**{name: _value(kind, fields[name]) for name, kind in kinds.items()})


def _kinds(record: type[Row]) -> dict[str, Any]:
    hints = get_type_hints(record)
    return {name: hints[name] for name in record.__struct_fields__}


def _value(kind: Any, shown: Any) -> Any:
    """Return a field of some type from its JSON."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is tuple:
        item, *more = get_args(kind)
        if not isinstance(shown, list):
            raise TypeError(f"must be a list, got {shown!r}")
        kinds = [item] * len(shown) if more == [...] else [item, *more]
        return tuple(_value(one, it) for one, it in zip(kinds, shown, strict=True))
    kind = getattr(kind, "__supertype__", kind)
    if issubclass(kind, IntEnum):
        return {member.name.lower(): member for member in kind}[shown]
    return _PLAIN[kind](shown)


def _flag(shown: Any) -> bool:
    if not isinstance(shown, bool):
        raise TypeError(f"must be true or false, got {shown!r}")
    return shown


def _text(shown: Any) -> str:
    if not isinstance(shown, str):
        raise TypeError(f"must be a text, got {shown!r}")
    return shown


def _number(shown: Any) -> int:
    """Read a whole number, or a text of one of at most 78 digits."""
    if isinstance(shown, str) and re.fullmatch(r"-?[0-9]{1,78}", shown):
        return int(shown)
    if type(shown) is not int:
        raise TypeError(f"must be a whole number, got {shown!r}")
    return shown


def _bytes(shown: Any) -> bytes:
    if not isinstance(shown, str) or not shown.startswith("0x"):
        raise TypeError(f"must be hex after 0x, got {shown!r:.80}")
    found = bytes.fromhex(shown[2:])
    if 2 + 2 * len(found) != len(shown):
        raise ValueError("hex must be without spaces")
    return found


_PLAIN: dict[Any, Callable[[Any], Any]] = {
    bool: _flag,
    int: _number,
    str: _text,
    bytes: _bytes,
}
