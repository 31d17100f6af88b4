"""Keeping: nothing that is due is missed, whatever happened before, and nothing else is done."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from precompiles.ledger.checks import check
from precompiles.ledger.ledger import Ledger
from precompiles.perp.accrual import prices_at
from precompiles.perp.keeper import PendingWork, pending_work
from precompiles.perp.liquidation import is_liquidatable_now
from precompiles.perp.oracle import is_fresh
from precompiles.types import Address
from tests.precompiles.dict_storage import DictStorage
from tests.precompiles.perp.scenarios import exchange, play
from tests.precompiles.perp.world import (
    BACKSTOP as LEANING,
)
from tests.precompiles.perp.world import (
    FEEDER,
    GOLD,
    KEEPER,
    OWNER,
    SILVER,
    TRADERS,
    VAULT,
    PerpWorld,
)

SEEDS = st.integers(0, 2**32)


def scan(ledger: Ledger, now: int) -> PendingWork:
    """All that is due, found by looking at every trigger and every position there is."""
    perp = ledger.perp
    triggers = []
    for trigger in perp.triggers.rows.values():
        market = perp.markets.rows[trigger.asset]
        prices = prices_at(ledger, market, now)
        is_due = trigger.is_due(prices.mark) and trigger.is_due(prices.oracle)
        if is_fresh(market, prices, now) and is_due:
            triggers.append(trigger.id)
    positions = [
        position.id
        for position in perp.positions.rows.values()
        if position.is_open and is_liquidatable_now(ledger, position, now)
    ]
    return PendingWork(sorted(triggers), sorted(positions))


def twin_from_storage(world: PerpWorld) -> PerpWorld:
    """The same exchange, started from what the first one has stored."""
    twin = copy.copy(world)
    twin.storage = DictStorage()
    twin.storage.values = dict(world.storage.values)
    twin.storage.active = set(world.storage.active)
    twin.storage.claim = world.storage.claim
    twin.open()
    return twin


class Keeping(RuleBasedStateMachine):
    """Traders of every kind near the edge, prices that jump, hours that pass, calls that revert."""

    found = 0
    """Positions that were due when somebody looked."""

    def __init__(self) -> None:
        super().__init__()
        self.world = exchange()
        self.marks = {GOLD: 1_000, SILVER: 100}

    @initialize(seed=SEEDS)
    def begin(self, seed: int) -> None:
        """A vault that takes every trade; each trader with a mode and leverage of its own."""
        world, rng = self.world, random.Random(seed)
        for user in (VAULT, LEANING):
            world.do(user, "deposit", 10_000_000)
        for asset, mark in self.marks.items():
            world.do(OWNER, "setVault", asset, VAULT, 10**9)
            world.do(OWNER, "setRisk", asset, 8_000, 20_000, rng.choice((0, 30_000)), 30)
            world.do(OWNER, "setFunding", asset, 1_000)
            world.do(FEEDER, "setOraclePrice", asset, mark)
            for user in TRADERS:
                leverage, is_cross = rng.choice((10, 20, 40)), rng.random() < 0.5
                world.do(user, "setLeverage", asset, leverage, is_cross)
        for _ in range(20):
            self.act(rng)

    @rule(seed=SEEDS, times=st.integers(1, 5), looks=st.booleans())
    def trade(self, seed: int, times: int, *, looks: bool) -> None:
        """Calls of any kind; those that are refused do no harm."""
        rng = random.Random(seed)
        for _ in range(times):
            self.act(rng)
        self.look(looks)

    @rule(
        asset=st.sampled_from((GOLD, SILVER)),
        thousandths=st.sampled_from((-120, -80, -40, -15, -4, 4, 15, 40, 80, 120)),
        looks=st.booleans(),
    )
    def move_price(self, asset: Address, thousandths: int, *, looks: bool) -> None:
        """By a little, or a jump."""
        self.marks[asset] = max(50, self.marks[asset] * (1_000 + thousandths) // 1_000)
        self.world.do(FEEDER, "setOraclePrice", asset, self.marks[asset])
        self.look(looks)

    @rule(
        seconds=st.sampled_from((1, 30, 3_600, 7_200, 40_000)),
        reopens=st.booleans(),
        is_stale=st.booleans(),
        looks=st.booleans(),
    )
    def wait(self, seconds: int, *, reopens: bool, is_stale: bool, looks: bool) -> None:
        """The end of a block, or hours of funding."""
        self.world.end_block(seconds=seconds, reopens=reopens)
        self.look(looks)
        for asset, mark in () if is_stale else self.marks.items():
            self.world.do(FEEDER, "setOraclePrice", asset, mark)

    @rule(asset=st.sampled_from((GOLD, SILVER)), is_bid=st.booleans())
    def lean(self, asset: Address, *, is_bid: bool) -> None:
        """Somebody bids far above the oracle's price, or asks far below: funding gets dear."""
        self.world.do(LEANING, "cancelAllOrders", asset)
        price = self.marks[asset] * (130 if is_bid else 70) // 100
        self.world.call(LEANING, "placeOrder", asset, 1_000, price, is_bid)

    @rule(seed=SEEDS, looks=st.booleans())
    def revert(self, seed: int, *, looks: bool) -> None:
        """Calls that are taken back as a whole, alarms having been set meanwhile or not."""
        rng, ledger = random.Random(seed), self.world.ledger
        mark, held = ledger.journal.mark(), self.world.held
        for _ in range(4):
            self.act(rng)
        asset = rng.choice((GOLD, SILVER))
        jump = self.marks[asset] * rng.randint(850, 1_150) // 1_000
        self.world.call(FEEDER, "setOraclePrice", asset, jump)
        self.look(looks)
        self.world.call(KEEPER, "keep", 3)
        ledger.journal.revert(mark)
        self.world.held = held

    @rule(
        asset=st.sampled_from((GOLD, SILVER)),
        leverage=st.sampled_from((2, 5, 10, 20, 50)),
        looks=st.booleans(),
    )
    def change_tiers(self, asset: Address, leverage: int, *, looks: bool) -> None:
        """What is asked of everyone in a market changes at once."""
        self.world.do(OWNER, "setTiers", asset, [(0, leverage), (200_000, leverage // 2)])
        self.look(looks)

    def look(self, looks: bool) -> None:
        """Compare, or let more happen first."""
        if looks:
            self.compare(0, 99)

    @rule(ahead=st.sampled_from((0, 0, 0, 12, 3_600, 8_000)), limit=st.sampled_from((1, 3, 99)))
    def compare(self, ahead: int, limit: int) -> None:
        """Also for a later block, which leaves what is due in this one as it is."""
        ledger, now = self.world.ledger, self.world.now + ahead
        triggers, positions = scan(ledger, now)
        assert pending_work(ledger, now, limit) == (triggers[:limit], positions[:limit])
        type(self).found += len(positions)

    @precondition(lambda self: self.world.ledger.perp.open_positions.count())
    @rule(limit=st.sampled_from((0, 1, 2, 5, 100)))
    def keep(self, limit: int) -> None:
        """The same outcome and rows as where the exchange has just been opened."""
        self.world.end_block(seconds=0)
        twin = twin_from_storage(self.world)
        due = scan(self.world.ledger, self.world.now)
        type(self).found += len(due.positions)
        reply = self.world.call(KEEPER, "keep", limit)
        assert reply == twin.call(KEEPER, "keep", limit)
        assert reply.error is None
        assert (reply.values[0] > 0) == (bool(due) and limit > 0)
        assert reply.values[0] <= limit
        assert self.world.ledger.seal() == twin.ledger.seal()
        assert check(self.world.ledger) == []

    def teardown(self) -> None:
        """Whatever was left, all of it is found in the end."""
        self.compare(0, 99)
        assert check(self.world.ledger) == []

    def act(self, rng: random.Random) -> None:
        """One call of some trader, who likes to risk all there is."""
        user, asset = rng.choice(TRADERS), rng.choice((GOLD, SILVER))
        mark, is_buy = self.marks[asset], rng.random() < 0.5
        free = self.world.view("getAccount", user)[4]
        leverage = rng.choice((5, 10, 20, 50))
        size = max(1, free * leverage * rng.choice((10, 40, 90)) // 100 // mark)
        price = mark * rng.choice((990, 1_000, 1_000, 1_000, 1_010)) // 1_000
        held = self.world.ledger.perp.open_positions.by_owner.of(user)
        position = rng.choice(held) if held else 0
        asked: list[tuple[int, tuple[Any, ...]]] = [
            (5, ("openPosition", asset, size, leverage, is_buy)),
            (9, ("placeOrder", asset, size, price, is_buy)),
            (1, ("closePosition", position)),
            (1, ("placeTrigger", asset, size, price, 0, is_buy, rng.random() < 0.5, True, 0)),
            (1, ("deposit", rng.randint(1, 500))),
            (4, ("withdraw", free * rng.choice((50, 100)) // 100)),
            (1, ("addMargin", position, free // 5)),
            (1, ("removeMargin", position, rng.randint(1, 2_000))),
            (1, ("setLeverage", asset, rng.randint(1, 50), rng.random() < 0.5)),
            (1, ("liquidate", rng.randint(1, 9))),
            (1, ("cancelAllOrders", asset)),
        ]
        weights, attempts = zip(*asked, strict=True)
        self.world.call(user, *rng.choices(attempts, weights)[0])


@pytest.mark.slow
def test_nothing_that_is_due_is_missed() -> None:
    """Over thousands of steps; and some of it is due."""
    Keeping.found = 0
    examples = max(10, settings().max_examples // 2)
    run_state_machine_as_test(Keeping, settings=settings(max_examples=examples))
    assert Keeping.found > 2 * examples


TWO_BANKRUPT_AND_TWO_STOPS = """
    oracle 1000                  = 1000
    A leverage 10 isolated       = ok
    C leverage 10 isolated       = ok
    B sell 200 @ 1000 gtc        = #1 new
    C buy 100 @ 1000 gtc         = #2 filled | 100 @ 1000 of #1
    A buy 100 @ 1000 gtc         = #3 filled | 100 @ 1000 of #1
    D stop sell 5 @ 890          = #4 untriggered
    D stop sell 5 @ 900          = #5 untriggered
    oracle 880                   = 880
"""
KEPT = {
    "one by one, liquidations cannot be kept waiting by triggers": """
        keep 0                   = 0
        keep 1                   = 1 | 100 for 90000 from p1 | p2 deleveraging 0
        keep 1                   = 1 | 100 for 90000 from p1 | p3 deleveraging 0
        keep 1                   = 1 | #4 fired
        keep 1                   = 1 | #5 fired
        keep 1                   = 0
    """,
    "half of the limit is for liquidations": """
        keep 2                   = 2 | #4 fired | 100 for 90000 from p1 | p2 deleveraging 0
        keep 3                   = 2 | #5 fired | 100 for 90000 from p1 | p3 deleveraging 0
    """,
    "all at once": """
        keep 9 = 4 | #4 fired | #5 fired | 100 for 90000 from p1 | p2 deleveraging 0 |"""
    """ 100 for 90000 from p1 | p3 deleveraging 0
        keep 9                   = 0
    """,
    "a market without a fresh price is left alone": """
        wait 61
        keep 9                   = 0
        oracle silver 100        = 100
        keep 9                   = 0
        oracle 880               = 880
        keep 2                   = 2 | #4 fired | 100 for 90000 from p1 | p2 deleveraging 0
    """,
}
FOUND = {
    "what is withdrawn after a look": """
        oracle 1000              = 1000
        B sell 100 @ 1000 gtc    = #1 new
        A buy 100 @ 1000 gtc     = #2 filled | 100 @ 1000 of #1
        keep 9                   = 0
        A withdraw 90000         = ok
        oracle 905               = 905
        p2 margin                = 500 of 905 asked, in danger
        keep 9                   = 1 | 100 for 90500 from p1 | p2 deleveraging 500
    """,
    "what funding eats up while the price stands still": """
        setFunding gold 1000     = ok
        setRisk gold 90000 5000 0 30 = ok
        oracle 1000              = 1000
        A leverage 20 isolated   = ok
        B sell 100 @ 1000 gtc    = #1 new
        A buy 100 @ 1000 gtc     = #2 filled | 100 @ 1000 of #1
        C buy 10 @ 1300 gtc      = #3 new
        oracle 1000              = 1000
        keep 9                   = 0
        p2 margin                = 5000 of 1000 asked
        wait 797
        p2 margin                = 1256 of 1000 asked
        keep 9                   = 0
        wait 3600
        p2 margin                = -2488 of 1000 asked, in danger
        keep 9                   = 1 | 100 for 102488 from p1 | p2 deleveraging 0
    """,
    "what is asked for after the tiers have changed": """
        oracle 1000              = 1000
        A leverage 20 isolated   = ok
        B sell 100 @ 1000 gtc    = #1 new
        A buy 100 @ 1000 gtc     = #2 filled | 100 @ 1000 of #1
        keep 9                   = 0
        setTiers gold 0:5        = ok
        p2 margin                = 5000 of 10000 asked, in danger
        keep 9                   = 1 | 100 for 100000 from p1 | p2 deleveraging 0
    """,
}


@pytest.mark.parametrize("reopens", [False, True], ids=["running", "reopened"])
@pytest.mark.parametrize("name", [*KEPT, *FOUND])
def test_keeping(name: str, *, reopens: bool) -> None:
    """Also where the exchange starts from storage before every line."""
    world = exchange()
    if name in KEPT:
        play(world, TWO_BANKRUPT_AND_TWO_STOPS)
    play(world, (KEPT | FOUND)[name], reopens=reopens)
    assert check(world.ledger) == []
