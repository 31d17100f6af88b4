"""What always holds on the perpetuals exchange: through crashes, and that its checks can fail."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from precompiles.ledger.checks import check
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpAccount
from precompiles.types import Address, OrderStatus
from tests.conftest import PROFILE
from tests.precompiles.perp.world import (
    ALICE,
    BACKSTOP,
    BOB,
    DOLLAR,
    FEEDER,
    GOLD,
    KEEPER,
    NOBODY,
    OWNER,
    RECIPIENT,
    SILVER,
    TRADERS,
    VAULT,
    PerpWorld,
)

EXAMPLES = {"ci": 15, "nightly": 1_000}[PROFILE]
PRICE = 1_000


def market_world(backstop: Address = NOBODY) -> PerpWorld:
    """Two markets at 1,000, whose prices move freely; four traders with 10,000 each."""
    world = PerpWorld()
    world.do(OWNER, "setCollateral", DOLLAR)
    for asset, base_unit, most in ((GOLD, 10, 20), (SILVER, 7, 5)):
        world.do(OWNER, "listMarket", asset, base_unit, 1, 1, most, FEEDER)
        world.do(OWNER, "setFees", asset, 15, 45, 500, RECIPIENT)
        world.do(OWNER, "setRisk", asset, 100_000, 20_000, 0, 30)
        world.do(OWNER, "setFunding", asset, 500)
        world.do(OWNER, "setVault", asset, VAULT, 50_000)
        world.do(FEEDER, "setOraclePrice", asset, PRICE)
    for user in (*TRADERS, VAULT, BACKSTOP):
        world.do(user, "deposit", 10_000)
    world.do(OWNER, "setBackstop", backstop)
    return world


def trade_at_random(world: PerpWorld, rng: random.Random) -> None:
    """Orders, positions and settings of all kinds; what is refused is refused."""
    for _ in range(rng.randrange(12)):
        user, asset = rng.choice(TRADERS), rng.choice((GOLD, SILVER))
        is_buy, size = rng.random() < 0.5, rng.randint(1, 900)
        mark = world.view("getMarkPrice", asset)[0]
        price = max(1, mark + mark * rng.randint(-20, 20) // 1_000)
        kind = rng.random()
        if kind < 0.2:
            leverage = rng.choice((5, 5, 20))
            world.call(user, "setLeverage", asset, leverage, rng.random() < 0.5)
        elif kind < 0.35:
            world.call(user, "openPosition", asset, size, rng.choice((2, 5, 20)), is_buy)
        elif kind < 0.4:
            held = world.view("getAccount", user)[5]
            for position_id in held[:1]:
                world.call(user, "closePosition", position_id)
        else:
            world.call(user, "placeOrder", asset, size, price, is_buy)


def crash(world: PerpWorld, rng: random.Random) -> set[int]:
    """Prices jump, and the keeper does all there is to do; the stages of what was liquidated."""
    for asset in (GOLD, SILVER):
        price = PRICE * rng.choice((10, 600, 1_500, 9_000, *range(920, 1_080, 4))) // 1_000
        world.do(FEEDER, "setOraclePrice", asset, price)
    stages: set[int] = set()
    while (reply := world.call(KEEPER, "keep", 100)).values != (0,):
        assert check(world.ledger) == []
        stages |= {event[6] for event in reply.events if event[0] == "Liquidated"}
    return stages


@pytest.mark.slow
@pytest.mark.parametrize("backstop", [BACKSTOP, NOBODY], ids=["backstop", "none"])
def test_crashes_leave_nobody_in_danger_and_nothing_lost(backstop: Address) -> None:
    """Whatever prices do: once the keeper has nothing to do, no unit is left in danger."""
    stages: set[int] = set()
    for seed in range(EXAMPLES):
        rng, world = random.Random(seed), market_world(backstop)
        for _ in range(12):
            trade_at_random(world, rng)
            assert check(world.ledger) == []
            world.end_block(seconds=rng.choice((1, 60, 4_000)), reopens=rng.random() < 0.2)
            stages |= crash(world, rng)
            for user in (*TRADERS, VAULT, BACKSTOP):
                cash, _, _, _, _, held = world.view("getAccount", user)
                assert held or cash >= 0
                assert not any(world.view("isLiquidatable", number)[0] for number in held)
    assert stages == ({1, 2, 3} if backstop == BACKSTOP else {1, 3})


def steal(ledger: Ledger) -> None:
    """Cash from nowhere."""
    ledger.perp.change_cash(ALICE, 1)


def grow(ledger: Ledger) -> None:
    """A position that nobody took the other side of."""
    position = ledger.perp.positions.rows[1]
    ledger.perp.positions.put(1, replace(position, size=position.size + 1))


def owe(ledger: Ledger) -> None:
    """A debt without a position."""
    ledger.perp.accounts.put(DOLLAR, PerpAccount(-1))


def keep_empty(ledger: Ledger) -> None:
    """A row that says nothing."""
    ledger.perp.accounts.put(DOLLAR, PerpAccount(0))


def keep_cash(ledger: Ledger) -> None:
    """A cross position with its own cash."""
    ledger.perp.positions.put(1, replace(ledger.perp.positions.rows[1], cash=1))


def overdraw(ledger: Ledger) -> None:
    """An insurance fund that has both money and a deficit."""
    ledger.perp.fund = replace(ledger.perp.fund, insurance=5, deficit=5)


def forget_idle(ledger: Ledger) -> None:
    """Collateral that nobody is said to have for sure."""
    ledger.perp.idle[0] -= 1


def pay_from_deposits(ledger: Ledger) -> None:
    """A winner's profit, paid before anybody lost it: the sum of everything is still right."""
    fund, position = ledger.perp.fund, ledger.perp.positions.rows[2]
    ledger.perp.change_cash(position.owner, -60_000)
    ledger.perp.fund = replace(fund, collateral_total=fund.collateral_total - 60_000)


def forget_book(ledger: Ledger) -> None:
    """An order that rests in no book."""
    ledger.perp.book(GOLD).remove(3)


def forget_name(ledger: Ledger) -> None:
    """A client id that finds nothing."""
    ledger.perp.live.by_client_id.ids.clear()


def forget_owner(ledger: Ledger) -> None:
    """An order that its owner's list lacks."""
    ledger.perp.live.by_owner.discard(BOB, 3)


def forget_position(ledger: Ledger) -> None:
    """A position that the next order would not find."""
    ledger.perp.open_positions.netting.clear()


def cross_the_book(ledger: Ledger) -> None:
    """A bid above the ask."""
    order = ledger.perp.orders.rows[3]
    ledger.perp.orders.put(
        4, replace(order, id=4, is_buy=not order.is_buy, client_order_id=0, status=OrderStatus.NEW)
    )


@pytest.mark.parametrize(
    "damage",
    [
        *(steal, grow, owe, keep_empty, keep_cash, overdraw, forget_idle),
        pay_from_deposits,
        *(forget_book, forget_name, forget_owner, forget_position, cross_the_book),
    ],
    ids=lambda damage: damage.__name__,
)
def test_each_kind_of_damage_is_seen(damage: Callable[[Ledger], None]) -> None:
    """A sound exchange has no violations, a damaged one has."""
    world = market_world()
    world.do(ALICE, "placeOrder", GOLD, 10, PRICE, True)
    world.do(BOB, "placeOrder", GOLD, 10, PRICE, False)
    world.do(BOB, "placeOrderWithOptions", GOLD, 10, PRICE + 5, False, 0, False, 7)
    assert check(world.ledger) == []
    damage(world.ledger)
    assert check(world.ledger) != []
