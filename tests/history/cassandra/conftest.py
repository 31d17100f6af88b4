"""The server that tests of the CQL store talk to: one for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
from msgspec.structs import replace

from evm_dex.history.stores.cql import CqlStore
from evm_dex.history.stores.cql_schema import CqlSettings, parse_address
from evm_dex.history.stores.cql_session import CqlSession
from tests.history.cassandra.server import MADE, Server

NAMED = os.environ.get("EVM_DEX_CQL")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One of our own, which tests may kill as long as they start it again."""
    if NAMED:
        pytest.skip("EVM_DEX_CQL names a server, and that one is not to be killed")
    if not (MADE / "jars").is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{MADE} has no server: `sh .ci/cassandra` fetches it")
        pytest.skip("no Cassandra server: `sh .ci/cassandra` fetches one (with Java and Maven)")
    server = Server(tmp_path_factory.mktemp("cassandra") / "home")
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> CqlSettings:
    """The server that EVM_DEX_CQL names, or ours."""
    if NAMED:
        return parse_address(NAMED)
    server: Server = request.getfixturevalue("server")
    return CqlSettings(port=server.port, timeout=30)


@pytest.fixture(scope="session")
def one_keyspace(cluster: CqlSettings) -> Iterator[CqlSettings]:
    """Made once, since that takes seconds; gone afterwards."""
    yield from _keyspace(cluster)


@pytest.fixture
def settings(one_keyspace: CqlSettings) -> CqlSettings:
    """A keyspace with nothing in it."""
    store = CqlStore(one_keyspace)
    store.clear()
    store.close()
    return one_keyspace


@pytest.fixture
def bare_settings(cluster: CqlSettings) -> Iterator[CqlSettings]:
    """A keyspace that is not there yet; gone afterwards."""
    yield from _keyspace(cluster)


@pytest.fixture
def stores() -> Iterator[list[CqlStore]]:
    """Filled by a test; all are closed when it is over."""
    opened: list[CqlStore] = []
    yield opened
    for store in opened:
        store.close()


def _keyspace(cluster: CqlSettings) -> Iterator[CqlSettings]:
    own = replace(cluster, keyspace=f"test_{uuid4().hex}")
    yield own
    if NAMED:
        session = CqlSession(own)
        session.execute(f"DROP KEYSPACE {own.keyspace}")
        session.close()
