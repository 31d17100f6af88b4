"""The CQL store keeps the contract on a real Cassandra."""

from __future__ import annotations

import pytest

from evm_dex.history.stores.cql import CqlStore
from evm_dex.history.stores.cql_schema import CqlSettings
from evm_dex.history.stores.history_store import HistoryStore
from evm_dex.orderlog.order_update import Kind, OrderUpdate
from tests.history.model import ModelStore
from tests.history.store_contract import OpenStore, StoreContract, assert_same

pytestmark = pytest.mark.xdist_group("cassandra")


class TestCqlStore(StoreContract):
    @pytest.fixture
    def open_store(self, settings: CqlSettings, stores: list[CqlStore]) -> OpenStore:
        def opened() -> HistoryStore:
            stores.append(CqlStore(settings))
            return stores[-1]

        return opened

    def test_a_rollback_reaches_what_earlier_calls_stored(
        self, open_store: OpenStore, events: list[OrderUpdate]
    ) -> None:
        store, model = open_store(), ModelStore()
        for first in range(0, 300, 5):
            store.apply(events[first : first + 5])
        model.apply(events[:300])
        assert any(update.trade_id for update in events[:300] if update.kind == Kind.ROLLED_BACK)
        assert_same(store, model)
