"""Where the history is kept during a run: a SQLite file, or a Cassandra that is killed too."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Protocol

from evm_dex.history.stores.cql_schema import CqlSettings
from evm_dex.history.stores.history_store import HistoryStore
from evm_dex.history.stores.sqlite import SqliteStore
from tests.history.cassandra.server import Server
from tests.history.kills.tables import CqlTables, Database, SqliteTables


class Place(Protocol):
    """A store, and what can be killed around it."""

    victims: tuple[tuple[str, ...], ...]
    """What is killed at once; each with the same probability."""
    most_behind: int
    """Updates that the chain may be ahead of the store before it waits."""
    database: Database

    @abstractmethod
    def open_store(self) -> HistoryStore:
        """As a service does."""

    def start_server(self) -> None:
        """Until it answers. Only where there is one to be killed."""
        raise NotImplementedError

    def kill_server(self) -> None:
        """Hard. Only where there is one to be killed."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave nothing running."""


class SqlitePlace(Place):
    """A file, which the service alone writes: killing the one kills the other."""

    victims = (("engine",), ("service",), ("service", "engine"))
    most_behind = 20_000

    def __init__(self, directory: Path) -> None:
        self._path = directory / "history.sqlite"
        self.database = SqliteTables(self._path)

    def open_store(self) -> HistoryStore:
        return SqliteStore(self._path)


class CassandraPlace(Place):
    """A server of its own, which takes seconds to come back."""

    victims = (("server",), ("server",), ("server", "service"), ("server", "engine"), ("service",))
    most_behind = 6_000

    def __init__(self, directory: Path) -> None:
        from evm_dex.history.stores.cql import CqlStore  # noqa: PLC0415 - not everyone has a driver

        self._store = CqlStore
        self._server = Server(directory / "cassandra")
        self._settings = CqlSettings(port=self._server.port, timeout=30)
        self.database = CqlTables(self._settings)
        self.start_server()

    def open_store(self) -> HistoryStore:
        return self._store(self._settings)

    def start_server(self) -> None:
        self._server.start()
        self._server.wait()

    def kill_server(self) -> None:
        self._server.kill()

    def close(self) -> None:
        self._server.kill()
