"""Going back over the perpetuals' tables: every index is as it was, in whatever order rows come."""

from __future__ import annotations

import pytest

from precompiles.ledger.checks import check
from precompiles.ledger.storage import RowChange
from tests.precompiles.perp.world import ALICE, DOLLAR, FEEDER, GOLD, KEEPER, OWNER, PerpWorld

PRICE, NAME = 1_000, 7


@pytest.mark.parametrize("is_backward", [False, True])
def test_a_fired_trigger_waits_again(is_backward: bool) -> None:
    """A trigger and the order it became have one id and one client id; before it, both are its."""
    world = PerpWorld()
    world.do(OWNER, "setCollateral", DOLLAR)
    world.do(OWNER, "listMarket", GOLD, 1, 1, 1, 10, FEEDER)
    world.do(FEEDER, "setOraclePrice", GOLD, PRICE)
    world.do(ALICE, "deposit", 100_000)
    stop = (GOLD, 1, PRICE + 1, PRICE, True, False, False, NAME)
    (trigger_id,) = world.do(ALICE, "placeTrigger", *stop)
    world.end_block()
    world.do(FEEDER, "setOraclePrice", GOLD, PRICE + 2)
    assert world.do(KEEPER, "keep", 1) == (1,)
    assert world.view("getOpenOrders", ALICE, 0, 10) == ((trigger_id,),)
    undo: list[RowChange] = list(world.ledger.seal().rows)
    world.end_block()
    with world.ledger.at([undo[::-1] if is_backward else undo]):
        assert world.ledger.perp.triggers.get(trigger_id)
        assert world.view("getOpenOrders", ALICE, 0, 10) == ((trigger_id,),)
        assert world.view("getOrderIdByClientId", ALICE, NAME) == (trigger_id,)
        assert check(world.ledger) == []
    assert world.view("getOpenOrders", ALICE, 0, 10) == ((trigger_id,),)
    assert world.view("getOrderIdByClientId", ALICE, NAME) == (trigger_id,)
    assert check(world.ledger) == []
