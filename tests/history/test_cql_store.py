"""The CQL store keeps the contract on a real Cassandra."""

from __future__ import annotations

import pytest

from evm_dex.history.stores.cql import CqlStore
from evm_dex.history.stores.cql_settings import CqlSettings
from evm_dex.history.stores.interface import HistoryStore
from tests.history.cassandra.fixtures import server, settings, stores
from tests.history.store_contract import OpenStore, StoreContract, events

__all__ = ["events", "server", "settings", "stores"]  # fixtures, for pytest
pytestmark = pytest.mark.xdist_group("cassandra")


class TestCqlStore(StoreContract):
    @pytest.fixture
    def open_store(self, settings: CqlSettings, stores: list[CqlStore]) -> OpenStore:
        def opened() -> HistoryStore:
            stores.append(CqlStore(settings))
            return stores[-1]

        return opened
