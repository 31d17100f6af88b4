"""The perpetuals exchange and a naive one are given the same calls and must never differ.

Calls go in as calldata and come out as bytes; prices that jump and crash, hours that pass, frames
that revert, blocks, and reopening from storage happen in between.
"""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from precompiles.types import Address
from tests.conftest import PROFILE
from tests.precompiles.perp.machine import PRICE, selector_of
from tests.precompiles.perp.naive_comparison import compare, compare_views
from tests.precompiles.perp.naive_position import ISOLATED
from tests.precompiles.perp.storms import Storms
from tests.precompiles.perp.world import (
    BACKSTOP,
    COPPER,
    DOLLAR,
    GOLD,
    KEEPER,
    NOBODY,
    OWNER,
    RECIPIENT,
    SILVER,
    TRADERS,
    UNLISTED,
    VAULT,
)
from tests.precompiles.spot.naive_exchange import EVERY_MARKET, Refused

EXAMPLES, STEPS = {"ci": (70, 30), "nightly": (1_000, 50)}[PROFILE]
LEAST_OPERATIONS = {"ci": 4_000, "nightly": 100_000}[PROFILE]
traders = st.sampled_from((*TRADERS, *TRADERS, VAULT))
assets = st.sampled_from((GOLD, GOLD, SILVER, COPPER, UNLISTED))
lots = st.one_of(st.integers(1, 60), st.integers(0, 1_500))
leverages = st.sampled_from((1, 3, 5, 10, 20, 50, 50, 50, 0, 51))
picks = st.integers(0, 200)
"""Stands for an order or a position: see `pick`."""
seeds = st.integers(0, 2**32)

terms = st.fixed_dictionaries(
    {
        "base_unit": st.sampled_from((1, 7, 10, 1_000, 6_000)),
        "tick": st.integers(1, 4),
        "lot": st.integers(1, 4),
        "max_leverage": st.sampled_from((5, 5, 10, 20, 50)),
        "fees": st.sampled_from(((0, 0, 0), (15, 45, 500), (1_000, 10_000, 10_000))),
        "recipient": st.sampled_from((RECIPIENT, RECIPIENT, TRADERS[0])),
        "tiers": st.sampled_from((None, None, ((0, 20), (60_000, 7), (200_000, 3)))),
        "risk": st.sampled_from(((60, 5_000, 0, 30), (90, 2_000, 40_000, 30), (400, 50_000, 1, 9))),
        "limits": st.sampled_from(((0, 0, 0), (0, 0, 0), (4_000, 300, 30_000))),
        "impact": st.sampled_from((0, 500, 20_000)),
        "vault_limit": st.sampled_from((None, 30_000, 10**9)),
        "prevention": st.sampled_from((0, 0, 0, 1, 2, 3, 4)),
    }
)


class Perpetuals(Storms):
    """Both exchanges, side by side."""

    def teardown(self) -> None:
        while self.frames:
            self.revert_frame()
        self.all_are_paid()
        self.world.ledger.close()

    def all_are_paid(self) -> None:
        """In the end everybody gets all that is free, unless there are losses nobody could bear.

        Those with positions go first, so that they could leave the others nothing.
        """
        for market in self.model.markets:
            if market.oracle:
                self.set_oracle(Address(market.address), market.oracle, 0)
        while self.kept(100):
            pass
        held = self.model.open_positions()
        if self.model.deficit or any(self.model.unit_equity(position) < 0 for position in held):
            return
        users = sorted(self.model.cash, key=lambda user: not self.model.open_positions(user=user))
        for user in map(Address, users):
            if self.model.withdrawable(user):
                self.withdraw(user, 100, False)
            assert self.model.cash[user] == 0 or self.model.open_positions(user=user)
        self.same_state()

    # The beginning

    @initialize(
        drawn=st.tuples(terms, terms, terms),
        backstop=st.sampled_from((BACKSTOP, NOBODY)),
        preferences=st.lists(st.tuples(leverages, st.booleans()), max_size=10),
        first=st.lists(seeds, max_size=2),
    )
    def list_markets(
        self,
        drawn: tuple[dict[str, Any], ...],
        backstop: Address,
        preferences: list[tuple[int, bool]],
        first: list[int],
    ) -> None:
        self.world.do(OWNER, "setCollateral", DOLLAR)
        for asset, chosen in zip((GOLD, SILVER, COPPER), drawn, strict=True):
            self.list_market(asset, **chosen)
        for user in (*TRADERS, VAULT, BACKSTOP, KEEPER):
            self.deposit(user, 100_000 if user in (VAULT, BACKSTOP) else 10_000)
        self.set_backstop(backstop)
        places = itertools.product((*TRADERS, BACKSTOP), (GOLD, SILVER))
        for (user, asset), (leverage, cross) in zip(places, preferences, strict=False):
            most = self.model.market(asset).max_leverage
            self.set_leverage(user, asset, min(leverage, most), cross)
        self.pass_time(7)
        for asset in (GOLD, SILVER):
            self.set_oracle(asset, PRICE, 0)
        self.storms(first)

    @rule(asset=st.sampled_from((GOLD, SILVER)), impact=st.sampled_from((0, 300, 9_000)))
    def change_impact(self, asset: Address, impact: int) -> None:
        self.change("setFunding", asset, impact, "impact_notional")

    @rule(asset=st.sampled_from((GOLD, SILVER)), cap=st.sampled_from((0, 500, 5_000)))
    def change_limits(self, asset: Address, cap: int) -> None:
        self.change(
            *("setLimits", asset, cap, 0, 0),
            *("max_open_interest", "minimum_notional", "price_band"),
        )

    # Money

    @rule(user=traders, amount=st.integers(0, 20_000))
    def deposit(self, user: Address, amount: int) -> None:
        def expected() -> tuple[Any, ...]:
            self.model.deposit(user, DOLLAR, amount)
            return (amount,)

        self.both(user, "deposit", amount, expected=expected)

    @rule(user=traders, percent=st.integers(0, 104), insures=st.sampled_from((False, False, True)))
    def withdraw(self, user: Address, percent: int, insures: bool) -> None:
        amount = max(0, self.model.free(user)) * percent // 100

        def expected() -> tuple[Any, ...]:
            if insures:
                self.model.fund_insurance(user, amount)
            else:
                self.model.withdraw(user, DOLLAR, amount)
            return (True,)

        self.both(user, "fundInsurance" if insures else "withdraw", amount, expected=expected)

    @rule(user=traders, asset=assets, leverage=leverages, cross=st.booleans())
    def set_leverage(self, user: Address, asset: Address, leverage: int, cross: bool) -> None:
        def expected() -> tuple[Any, ...]:
            self.model.set_leverage(user, asset, leverage, cross)
            return (True,)

        self.both(user, "setLeverage", asset, leverage, cross, expected=expected)

    @rule(pick=picks, amount=st.integers(0, 3_000), adds=st.booleans())
    def change_margin(self, pick: int, amount: int, adds: bool) -> None:
        isolated = self.model.open_positions(kind=ISOLATED)
        position_id = isolated[pick % len(isolated)].id if isolated else self.pick_position(pick)
        user = self.holder_of(position_id)

        def expected() -> tuple[Any, ...]:
            change = self.model.add_margin if adds else self.model.remove_margin
            change(user, position_id, amount)
            return (True,)

        name = "addMargin" if adds else "removeMargin"
        self.both(user, name, position_id, amount, expected=expected)

    # Orders

    @rule(user=traders, seed=seeds)
    def place(self, user: Address, seed: int) -> None:
        request = self.request(random.Random(seed), user)

        def expected() -> tuple[Any, ...]:
            order = self.model.place(user, *request)
            return order.id, order.filled

        self.both(user, "placeOrderWithOptions", *request, expected=expected)

    @rule(user=traders, seed=seeds)
    def place_plainly(self, user: Address, seed: int) -> None:
        self.place_request(user, *self.request(random.Random(seed), user)[:4])

    @rule(user=traders, seed=seeds, length=st.integers(0, 4))
    def place_batch(self, user: Address, seed: int, length: int) -> None:
        rng = random.Random(seed)
        requests = [self.request(rng, user) for _ in range(length)]
        self.both(
            user,
            *("placeOrders", requests),
            expected=lambda: (tuple(self.one_of_batch(user, request) for request in requests),),
        )
        type(self).operations += length

    @rule(user=traders, seed=seeds)
    def place_trigger(self, user: Address, seed: int) -> None:
        rng = random.Random(seed)
        asset, size, price, is_buy, _, reduces, client_id = self.request(rng, user)
        rest = (is_buy, rng.random() < 0.5, reduces or rng.random() < 0.5, client_id)
        request = (asset, size, price, rng.choice((0, 0, price)), *rest)
        self.both(
            user,
            *("placeTrigger", *request),
            expected=lambda: (self.model.place_trigger(user, *request),),
        )

    @rule(user=traders, pick=picks, own=st.booleans())
    def cancel(self, user: Address, pick: int, own: bool) -> None:
        order_id = self.pick_order(pick)
        if own and 0 < order_id <= len(self.model.orders):
            user = Address(self.model.orders[order_id - 1].user)

        def expected() -> tuple[Any, ...]:
            self.model.cancel(user, order_id)
            return (True,)

        self.both(user, "cancelOrder", order_id, expected=expected)

    @rule(user=traders, drawn=st.lists(picks, max_size=4))
    def cancel_batch(self, user: Address, drawn: list[int]) -> None:
        order_ids = [self.pick_order(pick) for pick in drawn]

        def one(order_id: int) -> bytes:
            try:
                self.model.cancel(user, order_id)
            except Refused as refused:
                return selector_of(refused)
            return bytes(4)

        self.both(
            user,
            *("cancelOrders", order_ids),
            expected=lambda: (tuple(one(order_id) for order_id in order_ids),),
        )

    @rule(user=traders, client_id=st.integers(0, 3))
    def cancel_client_id(self, user: Address, client_id: int) -> None:
        self.both(
            user,
            *("cancelOrderByClientId", client_id),
            expected=lambda: (self.model.cancel_client_id(user, client_id),),
        )

    @rule(user=traders, asset=st.sampled_from((GOLD, SILVER, UNLISTED, EVERY_MARKET)))
    def cancel_all(self, user: Address, asset: bytes) -> None:
        self.both(
            user,
            *("cancelAllOrders", asset),
            expected=lambda: (self.model.cancel_all(user, asset),),
        )

    # Positions

    @rule(user=traders, seed=seeds)
    def open_position(self, user: Address, seed: int) -> None:
        rng = random.Random(seed)
        asset, size, _, is_long, *_ = self.request(rng, user)
        leverage = rng.choice((1, 2, 5, 5, 5, 5, 10, 20, 51))
        self.both(
            user,
            *("openPosition", asset, size, leverage, is_long),
            expected=lambda: (self.model.open_position(user, asset, size, leverage, is_long),),
        )

    @rule(user=traders, pick=picks, own=st.sampled_from((True, True, True, False)))
    def close_position(self, user: Address, pick: int, own: bool) -> None:
        position_id = self.pick_position(pick)
        user = self.holder_of(position_id) if own else user
        self.both(
            user,
            *("closePosition", position_id),
            expected=lambda: (self.model.close_position(user, position_id),),
        )

    @rule(user=traders, pick=picks)
    def liquidate(self, user: Address, pick: int) -> None:
        model = self.model
        due = [p.id for p in model.open_positions() if model.liquidatable(p)]
        position_id = due[pick % len(due)] if due and pick % 5 else self.pick_position(pick)
        self.both(
            user,
            *("liquidate", position_id),
            expected=lambda: (model.liquidate(user, position_id),),
        )

    @rule(limit=st.sampled_from((0, 1, 2, 100)))
    def keep(self, limit: int) -> None:
        self.kept(limit)

    # Prices and time

    @rule(
        asset=st.sampled_from((GOLD, SILVER, COPPER)),
        per_mille=st.sampled_from(
            (1_000, 990, 1_010, 970, 1_030, 900, 1_120, 700, 400, 100, 2_500)
        ),
        external=st.sampled_from((0, 0, 98, 103)),
    )
    def move_price(self, asset: Address, per_mille: int, external: int) -> None:
        """Of the oracle; by a little, by a gap, or by a crash."""
        now = self.model.market(asset).oracle or PRICE
        price = min(max(1, now * per_mille // 1_000), 100 * PRICE)
        self.set_oracle(asset, price, price * external // 100)

    @rule(
        seconds=st.sampled_from((1, 2, 5, 12, 60, 600)), reopens=st.booleans(), feeds=st.booleans()
    )
    def end_block(self, seconds: int, reopens: bool, feeds: bool) -> None:
        self.pass_time(seconds, reopens=reopens)
        for asset in (GOLD, SILVER) if feeds else ():
            self.move_price(asset, 1_000, 0)

    @rule(seconds=st.sampled_from((1_800, 3_600, 7_205, 86_400, 200_000)))
    def pass_hours(self, seconds: int) -> None:
        self.end_block(seconds, False, True)

    @rule(seed=seeds, length=st.integers(1, 40))
    def flow(self, seed: int, length: int) -> None:
        """Many operations of all kinds, with prices that mostly move a little."""
        rng = random.Random(seed)
        for _ in range(length):
            kind, user = rng.random(), rng.choice(TRADERS)
            some, pick = rng.getrandbits(32), rng.randrange(200)
            if kind < 0.4:
                self.place(user, some)
            elif kind < 0.45:
                self.place_trigger(user, some)
            elif kind < 0.53:
                self.open_position(user, some)
            elif kind < 0.58:
                self.close_position(user, pick, True)
            elif kind < 0.61:
                self.cancel(user, pick, True)
            elif kind < 0.64:
                self.change_margin(pick, rng.randrange(500), rng.random() < 0.6)
            elif kind < 0.65:
                self.withdraw(user, rng.randrange(104), rng.random() < 0.2)
            elif kind < 0.67:
                self.deposit(user, rng.randrange(5_000))
            elif kind < 0.76:
                self.storm(some)
            elif kind < 0.87:
                self.shake(rng)
            else:
                self.look_ahead(rng.choice((1, 5)))
                self.end_block(rng.choice((1, 5, 30)), rng.random() < 0.1, rng.random() < 0.8)
            self.same_state()

    @rule(drawn=st.lists(seeds, min_size=1, max_size=4))
    def storms(self, drawn: list[int]) -> None:
        for seed in drawn:
            self.storm(seed)
            self.same_state()

    def storm(self, seed: int) -> None:
        rng = random.Random(seed)
        rng.choice(
            (
                *(self.bend, self.bend, self.starve, self.starve, self.ruin, self.linger),
                *(self.linger, self.linger, self.linger, self.drain, self.drain, self.split),
                *(self.stand_apart, self.stand_apart),
            )
        )(rng)

    def shake(self, rng: random.Random) -> None:
        """A price goes one way, and what that makes due is mostly done at once."""
        asset, step = (
            rng.choice((GOLD, GOLD, SILVER)),
            rng.choice((3, 6, 10, 20, 40, 200)) * rng.choice((-1, 1)),
        )
        for _ in range(rng.choice((1, 1, 2, 4)) if abs(step) < 100 else 1):
            self.move_price(asset, 1_000 + step, 0)
            self.same_state()
            if rng.random() < 0.3:
                self.keep(rng.choice((1, 2, 100)))
            elif rng.random() < 0.7:
                self.liquidate(rng.choice(TRADERS), rng.randrange(200))

    # Frames

    @rule()
    def seal_half_way(self) -> None:
        self.world.half_way.note(self.world.ledger)

    @precondition(lambda self: len(self.frames) < 4)
    @rule()
    def enter_frame(self) -> None:
        world = self.world
        self.frames.append((world.ledger.journal.mark(), self.model.save(), world.held))

    @precondition(lambda self: self.frames)
    @rule()
    def revert_frame(self) -> None:
        mark, saved, self.world.held = self.frames.pop()
        self.world.ledger.journal.revert(mark)
        self.world.half_way.went_back(mark)
        self.model.restore(saved)

    @precondition(lambda self: self.frames)
    @rule()
    def leave_frame(self) -> None:
        self.frames.pop()

    # Comparing

    @invariant()
    def same_state(self) -> None:
        compare(self.world, self.model)

    @rule(seconds=st.integers(1, 5_000))
    def look_ahead(self, seconds: int) -> None:
        """Somebody asks what a later block would see; that must not change what it will."""
        world = self.world
        world.now += seconds
        for market in self.model.markets:
            world.call(KEEPER, "getMarkPrice", market.address)
            world.call(KEEPER, "getFunding", market.address)
        world.now -= seconds

    @rule(user=traders, limit=st.integers(0, 5), pick=picks)
    def views_agree(self, user: Address, limit: int, pick: int) -> None:
        order_id, position_id = self.pick_order(pick), self.pick_position(pick)
        compare_views(self.world, self.model, user, order_id, position_id, limit)


@pytest.mark.timeout(1_200)  # making a failure small takes minutes
@pytest.mark.slow
def test_no_call_tells_the_exchange_from_a_naive_one() -> None:
    """Over thousands of operations (100,000 and more nightly), nothing differs."""
    Perpetuals.operations = 0
    run_state_machine_as_test(
        Perpetuals, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS)
    )
    assert Perpetuals.operations >= LEAST_OPERATIONS
