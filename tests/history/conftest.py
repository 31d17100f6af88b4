"""The flow of updates that tests of stores and of what stands on them share."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from evm_dex.orderlog.order_update import Kind, OrderUpdate
from tests.history.flow import Flow

EVENTS = 700
collect_ignore = [] if find_spec("cassandra") else ["cassandra"]  # the driver is an extra


@pytest.fixture(scope="session")
def events() -> list[OrderUpdate]:
    """A flow with every kind of update, over more than a month of block time."""
    flow = Flow(seed=20, seconds_per_block=40_000).make(EVENTS)
    assert {event.kind for event in flow} == set(Kind) - {Kind.GAP, Kind.FOUND}
    return flow
