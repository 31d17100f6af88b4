"""Executions outside a call: orders placed, cancelled and filled for an owner, and rolled back."""

from __future__ import annotations

import pytest

from precompiles.errors import NotExchangeOwner, NotOrderOwner
from precompiles.execution import Execution
from precompiles.ledger.checks import check
from precompiles.orders.events import OrderClosed, Trade
from precompiles.spot.events import OrderPlaced
from precompiles.spot.orders import spot_orders
from precompiles.spot.placing import OrderRequest, place
from precompiles.types import OrderStatus
from tests.precompiles.world import ALICE, BOB, GOLD, OWNER, new_world

ASK = OrderRequest(GOLD, 10, 50, is_buy=False)
BID = OrderRequest(GOLD, 4, 50, is_buy=True)


def test_orders_are_placed_filled_and_cancelled_for_an_owner() -> None:
    ledger = new_world().ledger
    seller, buyer = Execution(ledger, ALICE, 7), Execution(ledger, BOB, 7)
    ask, bid = place(seller, ASK), place(buyer, BID)
    assert (bid.status, ledger.spot.orders.rows[ask.id].remaining) == (OrderStatus.FILLED, 6)
    with pytest.raises(NotOrderOwner):
        spot_orders.cancel(buyer, ask.id)
    spot_orders.cancel(buyer.acting_for(ALICE), ask.id)
    assert [type(event) for event in seller.events] == [OrderPlaced]
    assert [type(event) for event in buyer.events] == [OrderPlaced, Trade, OrderClosed]
    assert check(ledger) == []


def test_a_rollback_undoes_rows_and_events() -> None:
    ledger = new_world().ledger
    execution = Execution(ledger, ALICE, 7)
    kept = place(execution, ASK)
    before, rows = execution.savepoint(), ledger.seal()
    place(execution, ASK)
    spot_orders.cancel(execution, kept.id)
    assert len(execution.events) == 3
    execution.rollback(before)
    assert [event.order_id for event in execution.events if isinstance(event, OrderPlaced)] == [
        kept.id
    ]
    assert ledger.seal() == rows
    assert ledger.spot.book(GOLD).depth(1)[1] == [(50, 10)]
    assert check(ledger) == []


def test_only_the_owner_passes_for_the_owner() -> None:
    ledger = new_world().ledger
    assert Execution(ledger, OWNER, 7).require_owner() == OWNER
    with pytest.raises(NotExchangeOwner):
        Execution(ledger, ALICE, 7).require_owner()
