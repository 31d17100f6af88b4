"""Settings of the order history's keyspace."""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

_HOURS_PER_DAY = 24
_WINDOWS_PER_LIFE = 30
_WINDOW_OF_THE_ETERNAL = 7 * _HOURS_PER_DAY
_HINT_WINDOW = 3 * 3_600
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


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
    """After which changes of orders are forgotten; None: never. Totals and open orders stay."""
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
