"""The contract holds for the list it compares with, so its tests can be passed at all."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from evm_dex.orderlog.order_update import (
    OrderUpdate,
    Totals,
    UnknownUpdate,
    as_json,
    decode,
    encode,
    from_json,
)
from evm_dex.orderlog.statistics import stats_delta
from precompiles.types import OrderStatus
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
    left = [order for order in last.values() if order.status != OrderStatus.GONE]
    assert totals.orders == len(left)
    assert totals.volume == sum(order.filled_quote for order in left)
    for name in ("filled", "cancelled", "rejected", "expired"):
        status = OrderStatus[name.upper()]
        assert getattr(totals, name) == sum(order.status == status for order in left)
    assert 0 < totals.partial_fills < len(events)


def test_every_update_comes_back_from_its_json(events: list[OrderUpdate]) -> None:
    large = replace(events[0], price=2**200, client_order_id=2**100, previous=b"12345678")
    for event in [*events, large]:
        assert from_json(json.loads(json.dumps(as_json(event)))) == event
    old = as_json(events[0])
    del old["previous"]
    assert from_json(old) == events[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version must be 1"),
        ({"kind": "sold"}, "Kind has no member 'sold'"),
        ({"user": "0xzz"}, "non-hexadecimal"),
        ({"user": "0x1234"}, "user must be 20 bytes"),
        ({"market": 7}, "no order update"),
        ({"price": "many"}, "price must be a whole number"),
        ({"price": "-1"}, "price must be a whole number"),
        ({"event_id": -1}, "event_id must be a whole number"),
        ({"timestamp": None}, "timestamp must be a whole number"),
        ({"timestamp": True}, "timestamp must be a whole number"),
        ({"is_buy": 1}, "is_buy must be true or false"),
        ({"undone": {"orders": "x"}}, "orders must be a whole number"),
        ({"undone": {"order": 1}}, "no order update"),
    ],
)
def test_json_that_is_no_update_is_refused(
    events: list[OrderUpdate], change: dict[str, object], said: str
) -> None:
    with pytest.raises(UnknownUpdate, match=said):
        from_json(as_json(events[0]) | change)
    for name in ("kind", "price", "user"):
        shown = as_json(events[0])
        del shown[name]
        with pytest.raises(UnknownUpdate, match=f"no field '{name}'"):
            from_json(shown)


def test_every_update_comes_back_from_its_bytes(events: list[OrderUpdate]) -> None:
    for event in events:
        assert decode(event.event_id, encode(event)) == event
