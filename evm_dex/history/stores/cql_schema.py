"""The tables of the order history in Cassandra or ScyllaDB, and their migration.

Every statement repeats harmlessly, so a step that was cut short is simply run again.
"""

from __future__ import annotations

from typing import Any

from evm_dex.history.stores.cql_settings import CqlSettings
from evm_dex.history.stores.history_store import StoreBroken

_PAYLOAD = "event_id bigint, payload blob"
_ROW = "block_time bigint, event_id bigint"
_NEWEST_FIRST = "CLUSTERING ORDER BY (block_time DESC, event_id DESC)"
_COMPACT = "compression = {'class': 'ZstdCompressor', 'chunk_length_in_kb': 64}"
_SLOW = 60
"""Seconds; servers agree on a change of schema before they answer."""

TIME_SERIES = {
    "order_updates_stream": (
        f"date date, hour tinyint, part int, {_PAYLOAD}, "
        "PRIMARY KEY ((date, hour, part), event_id)",
        "",
    ),
    "order_changes": (
        f"order_group bigint, order_id bigint, {_PAYLOAD}, "
        "PRIMARY KEY (order_group, order_id, event_id)",
        "",
    ),
    "order_history": (
        f"user blob, month int, part bigint, {_ROW}, payload blob, "
        "PRIMARY KEY ((user, month, part), block_time, event_id)",
        _NEWEST_FIRST,
    ),
    "status_history": (
        f"user blob, status tinyint, month int, part bigint, {_ROW}, order_id bigint, "
        "PRIMARY KEY ((user, status, month, part), block_time, event_id)",
        _NEWEST_FIRST,
    ),
    "fills": (
        f"user blob, month int, part bigint, {_ROW}, order_id bigint, trade_id bigint, "
        "undone boolean, PRIMARY KEY ((user, month, part), block_time, event_id)",
        _NEWEST_FIRST,
    ),
    "market_history": (
        f"exchange tinyint, market blob, month int, part bigint, {_ROW}, order_id bigint, "
        "status tinyint, PRIMARY KEY ((exchange, market, month, part), block_time, event_id)",
        _NEWEST_FIRST,
    ),
    "market_fills": (
        f"exchange tinyint, market blob, month int, part bigint, {_ROW}, order_id bigint, "
        "trade_id bigint, undone boolean, "
        "PRIMARY KEY ((exchange, market, month, part), block_time, event_id)",
        _NEWEST_FIRST,
    ),
    "client_orders": (
        "user blob, client_order_id varint, order_id bigint, "
        "PRIMARY KEY ((user, client_order_id), order_id)",
        "",
    ),
}
"""Only ever inserted into, so a whole window of them expires as one file: columns, order."""

STATE = {
    "active_orders": (
        f"user blob, order_id bigint, {_PAYLOAD}, PRIMARY KEY (user, order_id)",
        "",
    ),
    "order_statistics": (
        "user blob, exchange tinyint, market blob, last_event_id bigint, orders bigint, "
        "filled bigint, cancelled bigint, rejected bigint, expired bigint, "
        "partial_fills bigint, volume varint, fees_in_base varint, fees_in_quote varint, "
        "PRIMARY KEY (user, exchange, market)",
        "",
    ),
    "partitions": (
        "owner blob, month int, part bigint, PRIMARY KEY (owner, month, part)",
        "CLUSTERING ORDER BY (month DESC, part DESC)",
    ),
    "stream_partitions": (
        "log tinyint, first_event_id bigint, hour int, PRIMARY KEY (log, first_event_id)",
        "",
    ),
    "cursor": ("log tinyint PRIMARY KEY, event_id bigint, fingerprint blob", ""),
}
"""Rows that later events overwrite, and where partitions begin."""

Step = tuple[str, tuple[str, ...]]


def steps(settings: CqlSettings) -> tuple[Step, ...]:
    """Return the steps that create the present schema, in order. New steps go at the end."""
    series = tuple(
        _create(name, columns, order, f"{_COMPACT} AND {_windows(settings)}")
        for name, (columns, order) in TIME_SERIES.items()
    )
    state = tuple(
        _create(name, columns, order, _state_options(name, settings))
        for name, (columns, order) in STATE.items()
    )
    return (("tables", series + state),)


def migrate(session: Any, settings: CqlSettings, wanted: tuple[Step, ...] | None = None) -> None:
    """Create the keyspace if missing, and run the steps it has not had. Raises StoreBroken."""
    wanted = steps(settings) if wanted is None else wanted
    session.execute(
        f"CREATE KEYSPACE IF NOT EXISTS {settings.keyspace} WITH replication = "
        "{'class': 'NetworkTopologyStrategy', "
        f"'replication_factor': {settings.replication}}}",
        timeout=_SLOW,
    )
    session.set_keyspace(settings.keyspace)
    session.execute(
        "CREATE TABLE IF NOT EXISTS schema_version "
        "(one tinyint, step int, name text, PRIMARY KEY (one, step))"
    )
    done = len(session.execute("SELECT step FROM schema_version WHERE one = 1").all())
    if done > len(wanted):
        raise StoreBroken(
            f"keyspace {settings.keyspace} has schema version {done}, this program knows up to "
            f"{len(wanted)}: use the newer program, or another keyspace"
        )
    for number, (name, statements) in list(enumerate(wanted, 1))[done:]:
        for statement in statements:
            session.execute(statement, timeout=_SLOW)
        session.execute(
            "INSERT INTO schema_version (one, step, name) VALUES (1, %s, %s)", (number, name)
        )
    _follow_time_to_live(session, settings)


def _follow_time_to_live(session: Any, settings: CqlSettings) -> None:
    """Set the windows of tables that were created with another time to live."""
    row = session.execute(
        "SELECT compaction FROM system_schema.tables "
        "WHERE keyspace_name = %s AND table_name = 'order_history'",
        (settings.keyspace,),
    ).one()
    if row.compaction["compaction_window_size"] != str(settings.window_hours):
        for name in TIME_SERIES:
            session.execute(f"ALTER TABLE {name} WITH {_windows(settings)}", timeout=_SLOW)


def _create(name: str, columns: str, order: str, options: str) -> str:
    every_option = " AND ".join(option for option in (order, options) if option)
    return f"CREATE TABLE IF NOT EXISTS {name} ({columns}) WITH {every_option}"


def _windows(settings: CqlSettings) -> str:
    return (
        "compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': "
        f"'HOURS', 'compaction_window_size': '{settings.window_hours}'}}"
    )


def _state_options(name: str, settings: CqlSettings) -> str:
    """Return options for churning rows: few files per read, deletions kept briefly."""
    leveled = "compaction = {'class': 'LeveledCompactionStrategy'}"
    grace = f" AND gc_grace_seconds = {settings.grace_seconds}" if name == "active_orders" else ""
    return leveled + grace
