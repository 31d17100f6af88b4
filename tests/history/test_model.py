"""The contract holds for the list it compares with, so its tests can be passed at all."""

from __future__ import annotations

import pytest

from evm_dex.orderlog.order_status import Status
from evm_dex.orderlog.order_update import OrderUpdate, Totals, decode, encode
from evm_dex.orderlog.statistics import stats_delta
from tests.history.model import ModelStore
from tests.history.store_contract import (
    OpenStore,
    StoreContract,
)


class TestModel(StoreContract):
    @pytest.fixture
    def open_store(self) -> OpenStore:
        store = ModelStore()
        return lambda: store


def test_totals_after_rollbacks_are_those_of_the_orders_that_are_left(
    events: list[OrderUpdate],
) -> None:
    """Adding effects, negative ones included, comes to what a recount of the orders gives."""
    totals = sum((stats_delta(event) for event in events), Totals())
    last = {event.order_id: event for event in events}
    left = [order for order in last.values() if order.status != Status.GONE]
    assert totals.orders == len(left)
    assert totals.volume == sum(order.filled_quote for order in left)
    for name in ("filled", "cancelled", "rejected", "expired"):
        status = Status[name.upper()]
        assert getattr(totals, name) == sum(order.status == status for order in left)
    assert 0 < totals.partial_fills < len(events)


def test_every_update_comes_back_from_its_bytes(events: list[OrderUpdate]) -> None:
    for event in events:
        assert decode(event.event_id, encode(event)) == event
