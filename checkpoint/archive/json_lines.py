"""The state as JSON Lines, for reading with other tools; `json_reader` reads it again.

One object per line, in the order of the archive's sections, `kind` first. Numbers beyond 2**53,
which other tools would round, are decimal strings; bytes are 0x hex; enum members are their
names. docs/archive-format.md lists the kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from checkpoint.archive.exporter import new_file, write_state
from checkpoint.archive.record_types import ChainRecord, Record, RowRecord, StateKind, StateRecord
from checkpoint.archive.state_builder import Summary
from checkpoint.block_record import BlockInspector, BlockRecord, block_hash_of
from checkpoint.errors import StoreDamaged
from checkpoint.snapshot_source import SnapshotSource, open_snapshot
from checkpoint.store import Progress, StoreReader
from checkpoint.trie import rlp
from checkpoint.trie.account import Account, decode_word
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import UntrustedStorage
from precompiles.ledger.table import TableNumber

_LARGEST_EXACT = 2**53
HEADER_FIELDS = (
    *("parent_hash", "uncles_hash", "coinbase", "state_root", "transaction_root", "receipt_root"),
    *("bloom", "difficulty", "height", "gas_limit", "gas_used", "timestamp", "extra_data"),
    *("mix_hash", "nonce", "base_fee_per_gas", "withdrawals_root", "blob_gas_used"),
    *("excess_blob_gas", "parent_beacon_block_root", "requests_hash"),
    "stands_for",
)
"""In the order of a header's RLP list (Yellow Paper, section 4.3, and EIPs 1559 to 7685); the last
is that of a forked chain's first header alone.
"""
NUMBERS = frozenset(
    (
        *("difficulty", "height", "gas_limit", "gas_used", "timestamp"),
        *("base_fee_per_gas", "blob_gas_used", "excess_blob_gas"),
    )
)


def export_json_lines(
    source: SnapshotSource,
    target: str | Path,
    *,
    inspect: BlockInspector,
    height: int | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Write the state of a store into a new file of JSON Lines.

    Sources, proof, progress and errors are those of `export_archive`.
    """
    with open_snapshot(source, height) as store, new_file(Path(target)) as file:
        return write_state(store, JsonLinesWriter(file, store), inspect, progress)


class JsonLinesWriter:
    """Takes a state record by record and writes a line for each."""

    def __init__(self, file: BinaryIO, store: StoreReader) -> None:
        self._file = file
        self._encode = msgspec.json.Encoder().encode
        self._tables = Ledger(store).tables
        self._account = b""

    def begin(self, section: int) -> None:
        """Do nothing: lines name their own kind."""

    def add(self, record: Record) -> None:
        """Write one line; none for the active-order index, which follows from the orders."""
        match record:
            case ChainRecord():
                self._write("chain", _chain(record))
            case BlockRecord():
                self._write("header", _header(record))
            case StateRecord():
                self._state(record)
            case RowRecord():
                self._write("row", self._row(record))

    def finish(self) -> None:
        """Do nothing: no line marks the end."""

    def _state(self, record: StateRecord) -> None:
        match record.kind:
            case StateKind.ACCOUNT:
                self._account = record.key
                self._write("account", _account(record))
            case StateKind.SLOT:
                word = decode_word(record.value)
                names = {"address_hash": self._account, "slot_hash": record.key, "value": word}
                self._write("storage", names)
            case StateKind.CODE:
                self._write("code", {"code_hash": record.key, "code": record.value})
            case StateKind.ORIGIN:
                self._write("origin", {"key": record.key, "value": record.value})

    def _row(self, row: RowRecord) -> dict[str, Any]:
        table = self._tables.get(row.table)
        if table is None:
            return {"table": row.table, "key": row.key, "value": row.value}
        try:
            fields = msgspec.structs.asdict(table.decode(row.value))
        except UntrustedStorage as error:
            where = f"table {row.table}, key {row.key.hex()}"
            raise StoreDamaged(str(error), where) from error
        name = TableNumber(row.table).name.lower()
        return {"table": name, "key": table.codec.decode(row.key), "fields": fields}

    def _write(self, kind: str, fields: Mapping[str, Any]) -> None:
        line = {"kind": kind, **{name: readable(value) for name, value in fields.items()}}
        self._file.write(self._encode(line) + b"\n")


def readable(value: Any) -> Any:
    """Return a value as JSON has it, exact for every reader."""
    match value:
        case Enum():
            return value.name.lower()
        case int() if abs(value) > _LARGEST_EXACT:
            return str(value)
        case bytes():
            return f"0x{value.hex()}"
        case dict():
            return {str(readable(name)): readable(item) for name, item in value.items()}
        case list() | tuple():
            return [readable(item) for item in value]
    return readable(msgspec.structs.asdict(value)) if isinstance(value, msgspec.Struct) else value


def _chain(record: ChainRecord) -> dict[str, Any]:
    fields = record._asdict()
    fields["rows"] = {str(table): count for table, count in fields.pop("counts")}
    return fields


def _header(block: BlockRecord) -> dict[str, Any]:
    items = zip(HEADER_FIELDS, rlp.decode(block.header), strict=False)
    fields = {
        name: int.from_bytes(item, "big") if name in NUMBERS else item for name, item in items
    }
    return {
        "hash": block_hash_of(block.header),
        **fields,
        "body": block.body,
        "receipts": block.receipts,
    }


def _account(record: StateRecord) -> dict[str, Any]:
    account = Account.decode(record.value)
    return {
        "address_hash": record.key,
        "nonce": account.nonce,
        "balance": account.balance,
        "storage_root": account.storage_root,
        "code_hash": account.code_hash,
    }
