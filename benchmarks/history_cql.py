"""Order history in Cassandra, server and client on this machine: time and room per update."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from blake3 import blake3
from msgspec.structs import replace

from benchmarks.harness import Result, elapsed
from evm_dex.history.stores.cql import CqlStore
from evm_dex.history.stores.cql_schema import CqlSettings
from evm_dex.history.stores.history_store import MAX_PAGE, Query
from evm_dex.orderlog.order_update import OrderUpdate
from tests.history.cassandra.server import MADE, Server
from tests.history.flow import USERS, Flow

_KEYSPACE = "benchmark"


def run(*, quick: bool) -> Iterator[Result]:
    """Needs the server that `make cassandra` fetches."""
    if not (MADE / "jars").is_dir():
        yield _result("not measured: `make cassandra` fetches the server", 0, "")
        return
    with tempfile.TemporaryDirectory(prefix="evm-dex-benchmark-") as folder:
        server = Server(Path(folder) / "server", with_jmx=True)
        try:
            server.start()
            server.wait()
            yield from _measure(server, 10_000 if quick else 60_000)
        finally:
            server.kill()


def _measure(server: Server, count: int) -> Iterator[Result]:
    updates = _updates(count)
    store = CqlStore(CqlSettings(port=server.port, keyspace=_KEYSPACE))
    # The first updates find a server that has compiled nothing yet.
    store.apply(updates[: count // 4])
    measured = updates[count // 4 :]
    client, served, started = time.process_time(), server.processor_seconds(), time.perf_counter()
    store.apply(measured)
    seconds = time.perf_counter() - started
    client, served = time.process_time() - client, server.processor_seconds() - served
    yield _result("updates taken in", len(measured) / seconds, "/s", "≥ 2,000/s")
    yield _result("processor time, client", client / len(measured) * 1e6, "µs/update")
    yield _result("processor time, server", served / len(measured) * 1e6, "µs/update")
    page, middle = Query(user=USERS[0]), count // 2
    for name, ask in (
        ("the last 100 updates of a user", lambda: store.history(page)),
        ("a user's last 100 fills", lambda: store.fills(page)),
        ("a user's open orders", lambda: store.open_orders(USERS[0])),
        ("1,000 updates of the stream", lambda: store.stream(middle, MAX_PAGE)),
    ):
        yield _result(name, elapsed(ask, 15), "ms")
    store.close()
    yield from _room(server, count)


def _room(server: Server, count: int) -> Iterator[Result]:
    """Bytes on disk once files are merged."""
    server.nodetool("flush", _KEYSPACE)
    server.nodetool("compact", _KEYSPACE)
    tables = {
        folder.name.split("-")[0]: sum(f.stat().st_size for f in folder.iterdir() if f.is_file())
        for folder in (server.home / "data" / _KEYSPACE).iterdir()
    }
    stream = tables["order_updates_stream"]
    yield _result("room, the stream", stream / count, "bytes/update", "≤ 105")
    yield _result("room, all tables", sum(tables.values()) / count, "bytes/update")


def _updates(count: int) -> list[OrderUpdate]:
    """With hashes as hard to compress as real ones, one to about two updates."""
    return [
        replace(
            update,
            transaction_hash=blake3(
                bytes(f"{update.block_number} {update.log_index // 2}", "ascii")
            ).digest(),
        )
        for update in Flow(seed=5, rollbacks=False).make(count)
    ]


def _result(case: str, value: float, unit: str, target: str = "") -> Result:
    return Result("history-cql", case, value, unit, target=target)
