"""A connection to the cluster: prepared statements, many at once, errors as StoreUnavailable."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from evm_dex.history.stores.cql_schema import CqlSettings, migrate
from evm_dex.history.stores.history_store import StoreUnavailable

try:
    from cassandra import ConsistencyLevel, DriverException, RequestValidationException
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import (
        EXEC_PROFILE_DEFAULT,
        Cluster,
        ExecutionProfile,
        NoHostAvailable,
    )
    from cassandra.connection import ConnectionException
    from cassandra.policies import (
        DCAwareRoundRobinPolicy,
        ExponentialReconnectionPolicy,
        TokenAwarePolicy,
    )
    from cassandra.query import BatchStatement, BatchType
except ImportError as error:
    raise ImportError(
        "order history in Cassandra or ScyllaDB needs the driver: pip install 'evm-dex[cql]'"
    ) from error

IN_FLIGHT = 64
"""Requests that wait for an answer at once."""
_BATCH_BYTES = 24_000
"""ScyllaDB warns above 128 kB; smaller ones spread better over the server's threads."""
_SLOW = 60
"""Seconds for what servers take their time for."""
_PAGE = 1_000
"""Rows that are fetched at once."""
_TABLE = re.compile(r"\b(FROM|INTO|UPDATE) (\w+)(?![\w.])")
"""Servers advise against prepared statements that leave the keyspace open."""
_FIRST_RETRY, _LONGEST_RETRY = 0.1, 5.0

Row = Any
"""A row with its columns as attributes; the driver has no types."""
Values = tuple[object, ...]


class Write:
    """Statements for one partition, to be sent as one or few unlogged batches."""

    __slots__ = ("rows", "size")

    def __init__(self) -> None:
        self.rows: list[tuple[str, Values]] = []
        self.size = 0

    def add(self, statement: str, values: Values, size: int = 60) -> None:
        """Add a row of about `size` bytes."""
        self.rows.append((statement, values))
        self.size += size


class CqlSession:
    """Connects on first use; the driver reconnects with growing pauses.

    Every statement here leads to the same result when it runs twice and says so, which lets
    the driver try another server. All methods raise StoreUnavailable.
    """

    def __init__(self, settings: CqlSettings) -> None:
        self.settings = settings
        self._cluster: Any = None
        self._session: Any = None
        self._prepared: dict[str, Any] = {}

    def rows(self, statement: str, values: Values = ()) -> Iterator[Row]:
        """Return the rows of a result, fetched a page at a time as they are read."""
        (answer,) = self.answers(statement, [values])
        return answer

    def answers(
        self, statement: str, all_values: Iterable[Values], *, page: int = _PAGE
    ) -> list[Iterator[Row]]:
        """Run one statement with several values; return the results in their order.

        The first page of each is here at once, the others are fetched as they are taken.
        """
        with _our_failures():
            asked = [self._bind(statement, values) for values in all_values]
            for bound in asked:
                bound.fetch_size = page
            return [_rows(answer) for answer in self._run(asked)]

    def many(self, statement: str, all_values: Iterable[Values]) -> list[list[Row]]:
        """Return what `answers` does, read to the end."""
        return [list(answer) for answer in self.answers(statement, all_values)]

    def write(self, writes: Iterable[Write]) -> None:
        """Send writes in any order; all are done on return."""
        with _our_failures():
            self._run([batch for write in writes for batch in self._batches(write)])

    def execute(self, statement: str, values: Values = ()) -> None:
        """Run one statement without a result."""
        with _our_failures():
            self._connected().execute(self._bind(statement, values))

    def truncate(self, tables: Iterable[str]) -> None:
        """Empty tables."""
        with _our_failures():
            session = self._connected()
            asked = [session.execute_async(f"TRUNCATE {t}", timeout=_SLOW) for t in tables]
            for answer in asked:
                answer.result()

    def close(self) -> None:
        """Disconnect; a later use connects again."""
        if self._cluster is not None:
            self._cluster.shutdown()
        self._cluster = self._session = None
        self._prepared.clear()

    def _run(self, statements: Sequence[Any]) -> list[Any]:
        """Return results in order. The driver's `execute_concurrent` could wait for ever."""
        session, waiting, answers = self._connected(), deque[Any](), []
        for statement in statements:
            if len(waiting) == IN_FLIGHT:
                answers.append(waiting.popleft().result())
            waiting.append(session.execute_async(statement))
        return answers + [future.result() for future in waiting]

    def _bind(self, statement: str, values: Values) -> Any:
        return self._prepare(statement).bind(values)

    def _prepare(self, statement: str) -> Any:
        prepared = self._prepared.get(statement)
        if prepared is None:
            named = _TABLE.sub(rf"\1 {self.settings.keyspace}.\2", statement)
            prepared = self._connected().prepare(named)
            prepared.is_idempotent = True
            self._prepared[statement] = prepared
        return prepared

    def _batches(self, write: Write) -> Iterator[Any]:
        if len(write.rows) == 1:
            yield self._bind(*write.rows[0])
            return
        pieces = write.size // _BATCH_BYTES + 1
        length = -(-len(write.rows) // pieces)
        for start in range(0, len(write.rows), length):
            batch = BatchStatement(BatchType.UNLOGGED)
            batch.is_idempotent = True
            for statement, values in write.rows[start : start + length]:
                batch.add(self._prepare(statement), values)
            yield batch

    def _connected(self) -> Any:
        if self._session is None:
            cluster = self._make_cluster()
            try:
                session = cluster.connect()
                migrate(session, self.settings)
            except BaseException:
                cluster.shutdown()
                raise
            self._cluster, self._session = cluster, session
        return self._session

    def _make_cluster(self) -> Any:
        settings = self.settings
        profile = ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
            request_timeout=settings.timeout,
            # What most copies confirmed is found again whichever server is lost.
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        )
        login = PlainTextAuthProvider(settings.user, settings.password) if settings.user else None
        return Cluster(
            list(settings.hosts),
            port=settings.port,
            auth_provider=login,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            reconnection_policy=ExponentialReconnectionPolicy(
                _FIRST_RETRY, _LONGEST_RETRY, max_attempts=None
            ),
            connect_timeout=settings.timeout,
            control_connection_timeout=settings.timeout,
            idle_heartbeat_interval=settings.timeout,
            idle_heartbeat_timeout=settings.timeout,
            # Nothing here reads it, and every change of schema would fetch all of it anew.
            schema_metadata_enabled=False,
        )


def _rows(answer: Iterable[Row]) -> Iterator[Row]:
    rows = iter(answer)
    while True:
        with _our_failures():
            row = next(rows, None)
        if row is None:
            return
        yield row


@contextmanager
def _our_failures() -> Iterator[None]:
    """Raise the driver's errors of servers that are away, late or refuse as StoreUnavailable."""
    try:
        yield
    except RequestValidationException:
        raise  # a statement that is wrong, however often it is sent
    except (DriverException, ConnectionException, NoHostAvailable, OSError) as error:
        raise StoreUnavailable(f"the CQL store does not answer: {_first_cause(error)}") from error


def _first_cause(error: BaseException) -> str:
    """Return the cause per host of NoHostAvailable, which says more than its own text."""
    causes = getattr(error, "errors", None)
    if not isinstance(causes, dict) or not causes:
        return f"{type(error).__name__}: {error}"
    return "; ".join(f"{host}: {cause}" for host, cause in causes.items())
