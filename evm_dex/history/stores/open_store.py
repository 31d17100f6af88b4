"""Opens stores by address: sqlite:PATH or cql://HOST[:PORT]/KEYSPACE."""

from __future__ import annotations

from pathlib import Path

from evm_dex.history.stores.history_store import HistoryStore
from evm_dex.history.stores.sqlite import SqliteStore


class UnknownStore(ValueError):  # noqa: N818 - says what was given
    """An address that names no kind of store."""


def open_store(address: str, *, read_only: bool = False) -> HistoryStore:
    """Open a store. Raises UnknownStore, StoreUnavailable, StoreBroken.

    `read_only` changes nothing, and makes no file where there is none.
    """
    kind, _, place = address.partition(":")
    if kind == "sqlite" and place:
        return SqliteStore(Path(place), read_only=read_only)
    if kind == "cql":
        try:
            from evm_dex.history.stores.cql import CqlStore  # noqa: PLC0415 - needs a driver
            from evm_dex.history.stores.cql_schema import parse_address  # noqa: PLC0415 - as above

            return CqlStore(parse_address(address))
        except (ImportError, ValueError) as error:
            raise UnknownStore(str(error)) from error
    raise UnknownStore(f"a store must be sqlite:PATH or cql://HOST:PORT/KEYSPACE, got {address!r}")
