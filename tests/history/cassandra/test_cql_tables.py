"""The CQL store's tables: made, migrated, bounded and forgotten as they should be."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from evm_dex.history.stores import cql_schema, cql_session
from evm_dex.history.stores.cql import CqlStore
from evm_dex.history.stores.cql_schema import CqlSettings, Step, parse_address, steps
from evm_dex.history.stores.cql_session import CqlSession
from evm_dex.history.stores.history_store import StoreBroken
from evm_dex.orderlog.order_update import Kind, OrderUpdate
from precompiles.types import OrderStatus
from tests.history.flow import USERS, Flow
from tests.history.model import ModelStore
from tests.history.store_contract import assert_same

pytestmark = pytest.mark.xdist_group("cassandra")
REMARKS: Step = ("remarks", ("CREATE TABLE IF NOT EXISTS remarks (one int PRIMARY KEY)",))
BROKEN: Step = ("remarks", (*REMARKS[1], "CREATE TABLE remarks (one int PRIMARY KEY)"))


@pytest.fixture
def session(settings: CqlSettings) -> Iterator[CqlSession]:
    """To look at the tables with."""
    session = CqlSession(settings)
    yield session
    session.close()


def migrate_to(monkeypatch: pytest.MonkeyPatch, settings: CqlSettings, added: list[Step]) -> None:
    """As the program does that knows these steps besides the present ones."""
    wanted = (*steps(settings), *added)
    monkeypatch.setattr(
        cql_session, "migrate", lambda session, of: cql_schema.migrate(session, of, wanted)
    )


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_rows(
    bare_settings: CqlSettings,
    stores: list[CqlStore],
    events: list[OrderUpdate],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the step was cut short before; and the older program refuses what it made."""
    stores.append(older := CqlStore(bare_settings))
    older.apply(events[:300])
    older.close()
    migrate_to(monkeypatch, bare_settings, [BROKEN])
    stores.append(cut_short := CqlStore(bare_settings))
    with pytest.raises(Exception, match="already exists"):
        cut_short.cursor()
    migrate_to(monkeypatch, bare_settings, [REMARKS])
    stores.append(newer := CqlStore(bare_settings))
    newer.apply(events)
    model = ModelStore()
    model.apply(events)
    assert_same(newer, model)
    monkeypatch.undo()
    stores.append(too_old := CqlStore(bare_settings))
    with pytest.raises(StoreBroken, match="schema version 3, this program knows up to 2"):
        too_old.cursor()


def test_no_partition_outgrows_its_bound(
    settings: CqlSettings, stores: list[CqlStore], session: CqlSession
) -> None:
    """One user makes a month's events; a writer that comes anew counts what is there."""
    flow = Flow(seed=8, rollbacks=False).make(900)
    events = [replace(event, user=USERS[0]) for event in flow]
    bound = 50
    stores.append(store := CqlStore(settings, rows_per_partition=bound))
    for first in range(0, len(events), 40):
        store.apply(events[first : first + 40])
        store.close()
    most_per_second = max(Counter(event.timestamp for event in events).values())
    for table, key in (
        ("order_history", "user, month, part"),
        ("market_history", "exchange, market, month, part"),
        ("fills", "user, month, part"),
    ):
        counts = session.rows(f"SELECT count(*) AS amount FROM {table} GROUP BY {key}")
        amounts = [row.amount for row in counts]
        assert max(amounts) <= bound + most_per_second
        assert len(amounts) > 4
    model = ModelStore()
    model.apply(events)
    assert_same(store, model)


def test_orders_that_came_and_went_do_not_burden_the_open_ones(
    settings: CqlSettings, stores: list[CqlStore], events: list[OrderUpdate]
) -> None:
    """The server gives up a read of more than 2,000 deletions; here it would have 5,000."""
    placed = next(event for event in events if event.kind == Kind.PLACED)
    closed = replace(placed, kind=Kind.CLOSED, status=OrderStatus.CANCELLED)
    flow = [
        replace(update, event_id=2 * order + event, order_id=order)
        for order in range(5_000)
        for event, update in enumerate((placed, closed), 1)
    ]
    left = replace(placed, event_id=len(flow) + 1, order_id=5_000)
    stores.append(store := CqlStore(settings))
    for first in range(0, len(flow), 1_001):
        store.apply(flow[first : first + 1_001])
    store.apply([left])
    time.sleep(1.1)  # what was deleted within the very second is read over all the same
    assert store.open_orders(placed.user) == [left]


def test_changes_are_forgotten_in_time_and_state_is_not(
    settings: CqlSettings, stores: list[CqlStore], session: CqlSession, events: list[OrderUpdate]
) -> None:
    stores.append(store := CqlStore(replace(settings, days_to_live=60)))
    store.apply(events[:100])
    for table in ("order_updates_stream", "order_history", "order_changes"):
        lives = [r.life for r in session.rows(f"SELECT ttl(payload) AS life FROM {table}")]
        assert len(lives) == 100
        assert all(0 <= 60 * 86_400 - life < 600 for life in lives)
    (cursor,) = session.rows("SELECT ttl(event_id) AS life FROM cursor")
    assert cursor.life is None


def test_windows_of_files_follow_the_time_to_live(settings: CqlSettings) -> None:
    found = []
    for days in (60, 1, None):
        own = CqlSession(replace(settings, days_to_live=days))
        (row,) = own.rows(
            "SELECT compaction FROM system_schema.tables "
            "WHERE keyspace_name = ? AND table_name = ?",
            (settings.keyspace, "market_fills"),
        )
        own.close()
        found.append(row.compaction["compaction_window_size"])
    assert found == ["48", "1", "168"]


def test_addresses_and_settings_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    at = parse_address("one,other:9043/mine")
    assert (at.hosts, at.port, at.keyspace) == (("one", "other"), 9043, "mine")
    assert parse_address("one") == CqlSettings(hosts=("one",))
    monkeypatch.setenv("EVM_DEX_CQL_PASSWORD", "secret")
    at = parse_address("cql://one/mine?user=me&replication=3&days_to_live=90&timeout=2.5")
    assert (at.user, at.password) == ("me", "secret")
    assert (at.replication, at.days_to_live, at.timeout) == (3, 90, 2.5)
    assert at.grace_seconds > 0
    for wrong in ("one?days=3", "one?replication=many", "one?replication=0"):
        with pytest.raises(ValueError, match=r"days|replication"):
            parse_address(wrong)
    for wrong in ("", ":9042", "one:port"):
        with pytest.raises(ValueError, match="must be host"):
            parse_address(wrong)
    with pytest.raises(ValueError, match="a letter first"):
        parse_address("one/1; DROP")
    with pytest.raises(ValueError, match="days_to_live must be at least 1"):
        CqlSettings(days_to_live=0)
