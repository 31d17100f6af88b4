"""A look at a later time changes nothing of what happens then."""

from __future__ import annotations

import pytest

from precompiles.perp.keeper import pending_work
from tests.precompiles.perp.world import ALICE, BOB, DOLLAR, FEEDER, GOLD, KEEPER, OWNER, PerpWorld

PRICE, LATER = 1_000, 5
HOUR = 3600


def world() -> PerpWorld:
    """One market, touched in this block, with a bid and an ask of Alice's."""
    made = PerpWorld()
    made.do(OWNER, "setCollateral", DOLLAR)
    made.do(OWNER, "listMarket", GOLD, 1, 1, 1, 10, FEEDER)
    made.do(OWNER, "setFunding", GOLD, PRICE)
    made.do(FEEDER, "setOraclePrice", GOLD, PRICE)
    made.do(ALICE, "deposit", 100_000)
    made.do(ALICE, "placeOrder", GOLD, 10, PRICE - 10, True)
    made.do(ALICE, "placeOrder", GOLD, 10, PRICE + 10, False)
    return made


def look(at: PerpWorld) -> None:
    """Ask for the prices of the next block."""
    at.now += LATER
    at.do(ALICE, "getFunding", GOLD)
    at.now -= LATER


def later(at: PerpWorld) -> tuple[object, ...]:
    """Prices of the next block, in which the market is touched."""
    at.end_block(seconds=LATER)
    at.do(ALICE, "setLeverage", GOLD, 5, True)
    at.do(ALICE, "placeOrder", GOLD, 1, PRICE - 100, True)
    return (at.ledger.perp.prices.rows[GOLD],)


@pytest.mark.parametrize(
    ("who", "call"),
    [
        (ALICE, ("placeOrder", GOLD, 10, PRICE + 5, True)),
        (ALICE, ("cancelOrder", 2)),
        (OWNER, ("setFunding", GOLD, 1)),
        (FEEDER, ("setOraclePrice", GOLD, PRICE - 50)),
    ],
)
def test_what_changes_after_a_look_counts(who: bytes, call: tuple[object, ...]) -> None:
    """Book, rules and prices may change in the block of the look: the next block sees them."""
    seen, unseen = world(), world()
    look(seen)
    for each in (seen, unseen):
        each.do(who, *call)  # type: ignore[arg-type]  # a name and its arguments
    assert later(seen) == later(unseen)


def test_a_look_at_what_is_taken_back() -> None:
    """A look during a call that is taken back is forgotten with it."""
    seen, unseen = world(), world()
    mark = seen.ledger.journal.mark()
    seen.do(ALICE, "placeOrder", GOLD, 10, PRICE + 5, True)
    look(seen)
    seen.ledger.journal.revert(mark)
    assert later(seen) == later(unseen)


@pytest.mark.parametrize("hours", [0, 2])
def test_a_look_at_hours_that_never_come(hours: int) -> None:
    """Funding seen in a look does not hide who is in danger without it: a short that receives."""
    made = world()
    made.do(OWNER, "setRisk", GOLD, 3 * HOUR, 0, 0, 0)
    made.do(ALICE, "cancelAllOrders", GOLD)
    made.do(ALICE, "placeOrder", GOLD, 10, PRICE, True)
    made.do(BOB, "deposit", 1_000)
    made.do(BOB, "placeOrder", GOLD, 10, PRICE, False)
    made.do(ALICE, "placeOrder", GOLD, 1, 2 * PRICE, True)
    made.do(KEEPER, "keep", 1)
    made.end_block(seconds=LATER)
    made.do(KEEPER, "keep", 1)
    assert not pending_work(made.ledger, made.now + hours * HOUR, 1)
    made.end_block(seconds=LATER)
    made.do(FEEDER, "setOraclePrice", GOLD, PRICE + 48)
    assert made.do(KEEPER, "keep", 1) == (1,)
