"""The SQLite store keeps the contract, and says what is wrong with a file it cannot use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from evm_dex.history.stores.history_store import (
    HistoryStore,
    Query,
    StoreBroken,
    StoreUnavailable,
)
from evm_dex.history.stores.sqlite import SqliteStore
from evm_dex.orderlog.order_update import OrderUpdate
from precompiles.types import Address
from tests.history.model import ModelStore
from tests.history.store_contract import (
    OpenStore,
    StoreContract,
    assert_same,
)


class TestSqlite(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Iterator[OpenStore]:
        made: list[HistoryStore] = []

        def make() -> HistoryStore:
            made.append(SqliteStore(tmp_path / "history.sqlite"))
            return made[-1]

        yield make
        for store in made:
            store.close()


def test_a_reader_beside_sees_what_was_committed(tmp_path: Path, events: list[OrderUpdate]) -> None:
    store, model = SqliteStore(tmp_path / "h"), ModelStore()
    reader = SqliteStore(tmp_path / "h", read_only=True)
    for first in range(0, 300, 100):
        store.apply(events[first : first + 100])
        model.apply(events[first : first + 100])
        assert_same(reader, model)
    with pytest.raises(StoreUnavailable, match="readonly"):
        reader.apply(events[300:301])
    reader.close()
    store.close()


def test_a_store_that_another_process_writes_is_away_and_comes_back(
    tmp_path: Path, events: list[OrderUpdate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evm_dex.history.stores.sqlite._PATIENCE", 0.05)
    store = SqliteStore(tmp_path / "h")
    other = sqlite3.connect(tmp_path / "h", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.apply(events[:10])
    other.execute("ROLLBACK")
    other.close()
    assert store.apply(events[:10]) == 10
    store.close()


def test_a_user_that_is_not_the_bytes_of_an_address_is_refused_rather_than_not_found() -> None:
    store, user = SqliteStore(":memory:"), cast(Address, "0x" + "11" * 20)
    for asking in (
        lambda: store.open_orders(user),
        lambda: store.by_client_id(user, 7),
        lambda: store.statistics(user),
        lambda: store.history(Query(user=user)),
        lambda: store.fills(Query(market=user)),
    ):
        with pytest.raises(ValueError, match=r"must be 20 bytes, got .*to_address"):
            asking()
    store.close()


def test_no_history_is_made_where_one_is_only_read(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="none"):
        SqliteStore(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()


def test_a_file_that_is_no_history_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, as anyone can see" * 99)
    with pytest.raises(StoreBroken, match="not a database"):
        SqliteStore(tmp_path / "text")
    SqliteStore(tmp_path / "later").close()
    with sqlite3.connect(tmp_path / "later") as later:
        later.execute("PRAGMA user_version = 2")
    later.close()
    with pytest.raises(StoreBroken, match="format 2, this program reads format 1"):
        SqliteStore(tmp_path / "later")
