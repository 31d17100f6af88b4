"""An account is judged in one pass over its own positions, whatever else the exchange holds."""

from __future__ import annotations

from collections import Counter

import pytest

from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import Position
from precompiles.perp.health import HEALTH_GAS, Health, cross_health, position_health
from precompiles.types import Address
from tests.precompiles.perp.world import ALICE, BOB, DOLLAR, FEEDER, OWNER, START, PerpWorld

MARKETS = [Address(bytes([0x70]) * 19 + bytes([number])) for number in range(100)]


@pytest.fixture(scope="module")
def world() -> PerpWorld:
    """Alice long 1 in each of a hundred markets, half of them at a loss; Bob has the other side."""
    made = PerpWorld()
    made.do(OWNER, "setCollateral", DOLLAR)
    for user in (ALICE, BOB):
        made.do(user, "deposit", 20_000)
    for number, asset in enumerate(MARKETS):
        made.do(OWNER, "listMarket", asset, 1, 1, 1, 50, FEEDER)
        made.do(FEEDER, "setOraclePrice", asset, 1_000)
        made.do(BOB, "placeOrder", asset, 1, 1_000, False)
        made.do(ALICE, "placeOrder", asset, 1, 1_000, True)
        made.do(FEEDER, "setOraclePrice", asset, 990 if number % 2 else 1_020)
    return made


def test_each_position_is_looked_at_once(world: PerpWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred looks for a hundred positions, none at anybody else's."""
    looks: Counter[tuple[Address, Address]] = Counter()

    def counted(ledger: Ledger, position: Position, now: int) -> Health:
        looks[position.owner, position.asset] += 1
        return position_health(ledger, position, now)

    monkeypatch.setattr("precompiles.perp.health.position_health", counted)
    health = cross_health(world.ledger, ALICE, START)
    assert looks == Counter((ALICE, asset) for asset in MARKETS)
    assert health.equity == 20_000 + 50 * 20 - 50 * 10
    assert health.notional == 50 * 1_020 + 50 * 990
    assert health.initial == 100 * 100 + 50 * 2 - 50
    assert health.maintenance == 50 * 11 + 50 * 10


def test_an_account_is_its_positions_together(world: PerpWorld) -> None:
    """The sums of what each position says of itself, and the cash."""
    ledger = world.ledger
    held = ledger.perp.open_positions.cross.of(ALICE)
    alone = [position_health(ledger, ledger.perp.positions.rows[i], START) for i in held]
    health = cross_health(ledger, ALICE, START)
    assert health == Health(
        ledger.perp.cash(ALICE) + sum(one.equity for one in alone),
        sum(one.initial for one in alone),
        sum(one.maintenance for one in alone),
        sum(one.notional for one in alone),
    )
    assert world.view("getAccount", ALICE)[:4] == (ledger.perp.cash(ALICE), *health[:3])


def test_gas_follows_the_number_of_positions(world: PerpWorld) -> None:
    """So that nobody's account is a burden on the block that is not paid for."""
    many, none = (world.call(user, "getAccount", user).gas for user in (ALICE, OWNER))
    assert many - none == HEALTH_GAS * len(MARKETS)
