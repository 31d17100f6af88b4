"""Settings and tables of the order history in Cassandra or ScyllaDB, and their migration.

Every statement repeats harmlessly, so a step that was cut short is simply run again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from evm_dex.history.stores.history_store import StoreBroken

_HOURS_PER_DAY = 24
_WINDOWS_PER_LIFE = 30
_WINDOW_OF_THE_ETERNAL = 7 * _HOURS_PER_DAY
_HINT_WINDOW = 3 * 3_600
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
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
"""Columns and order of tables that are only inserted into, so that a window expires as one file."""

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
"""Rows that later updates overwrite, and where partitions begin."""

BALANCES = {
    "balances": (
        f"user blob, exchange tinyint, token_address blob, version bigint, {_PAYLOAD}, "
        "PRIMARY KEY (user, exchange, token_address)",
        "",
    ),
}
"""Rows that later updates of balances overwrite."""
BALANCE_SERIES = {
    "balance_changes": (
        "user blob, exchange tinyint, token_address blob, part bigint, "
        f"version bigint, {_PAYLOAD}, "
        "PRIMARY KEY ((user, exchange, token_address, part), version)",
        "CLUSTERING ORDER BY (version DESC)",
    ),
}
"""Columns and order of the table of balances that is only inserted into."""

Step = tuple[str, tuple[str, ...]]
Tables = Mapping[str, tuple[str, str]]


class CqlSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a Cassandra or ScyllaDB cluster. Raises ValueError for impossible ones.

    A cluster of one server holds what it confirmed over a power cut, or a kill, only with
    `commitlog_sync: batch` or `group` in its own configuration; the default may lose the last
    moments, which a cluster of several makes good.
    """

    hosts: tuple[str, ...] = ("127.0.0.1",)
    port: int = 9042
    keyspace: str = "evm_dex_history"
    user: str | None = None
    password: str | None = None
    replication: int = 1
    """Copies of each row in every data centre."""
    days_to_live: int | None = None
    """Days after which changes of orders expire; None for never. Totals and open orders stay."""
    timeout: float = 10.0
    """Seconds an answer may take."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.keyspace):
            raise ValueError(
                "keyspace must be up to 48 of a-z, 0-9 and _, a letter first, got "
                f"{self.keyspace!r}"
            )
        if self.replication < 1:
            raise ValueError(f"replication must be at least 1, got {self.replication}")
        if self.days_to_live is not None and self.days_to_live < 1:
            raise ValueError(f"days_to_live must be at least 1, got {self.days_to_live}")

    @property
    def seconds_to_live(self) -> int:
        """Time to live of a row of a time series, in seconds; 0 for ever."""
        return (self.days_to_live or 0) * _HOURS_PER_DAY * 3_600

    @property
    def window_hours(self) -> int:
        """Hours in a window; the rows of one window share a file, which expires whole."""
        if self.days_to_live is None:
            return _WINDOW_OF_THE_ETERNAL
        return max(1, self.days_to_live * _HOURS_PER_DAY // _WINDOWS_PER_LIFE)

    @property
    def grace_seconds(self) -> int:
        """Seconds for which the deletion of a closed order is kept.

        One copy needs none; several need what a server that was away can still be told of.
        """
        return 0 if self.replication == 1 else _HINT_WINDOW


def parse_address(text: str) -> CqlSettings:
    """Parse `[cql://]host[,host...][:port][/keyspace][?name=value&...]`.

    The names: user, replication, days_to_live and timeout; the password is the environment's
    EVM_DEX_CQL_PASSWORD, which no list of processes shows. Raises ValueError.
    """
    place, _, options = text.removeprefix("cql://").partition("?")
    address, _, keyspace = place.partition("/")
    hosts, _, port = address.partition(":")
    if not hosts or (port and not port.isdecimal()):
        raise ValueError(f"an address must be host[,host][:port][/keyspace], got {text!r}")
    given: dict[str, object] = dict(parse_qsl(options, keep_blank_values=True))
    given |= {"port": port} if port else {}
    given |= {"keyspace": keyspace} if keyspace else {}
    given |= {"hosts": hosts.split(","), "password": os.environ.get("EVM_DEX_CQL_PASSWORD")}
    try:
        return msgspec.convert(given, CqlSettings, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"{text!r}: {error}") from error


def steps(settings: CqlSettings) -> tuple[Step, ...]:
    """Return the steps that create the present schema, in order. New steps go at the end."""

    def series(tables: Tables) -> tuple[str, ...]:
        options = f"{_COMPACT} AND {_windows(settings)}"
        return tuple(_create(name, *table, options) for name, table in tables.items())

    def state(tables: Tables) -> tuple[str, ...]:
        return tuple(
            _create(name, *table, _state_options(name, settings)) for name, table in tables.items()
        )

    return (
        ("tables", series(TIME_SERIES) + state(STATE)),
        ("balances", series(BALANCE_SERIES) + state(BALANCES)),
    )


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
        for name in (*TIME_SERIES, *BALANCE_SERIES):
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
