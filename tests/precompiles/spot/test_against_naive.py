"""The exchange and a naive one are given the same calls and must never differ.

Calls go in as calldata and come out as bytes; frames that revert, blocks, reopening from storage
and looking back at past blocks happen in between.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from precompiles.ledger.checks import check
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import RowChange
from precompiles.types import NATIVE_COIN, SPOT_ADDRESS, Address
from tests.conftest import PROFILE
from tests.precompiles.client import ERRORS, Reply, send
from tests.precompiles.dict_storage import DictStorage, open_both_ways
from tests.precompiles.spot.naive_exchange import (
    EVERY_MARKET,
    NaiveExchange,
    NaiveMarket,
    NaiveOrder,
    Refused,
)
from tests.precompiles.steps import SealedHalfWay

OWNER, ALICE, BOB, CAROL, RECIPIENT = (Address(bytes([n]) * 20) for n in range(1, 6))
GOLD, SILVER, COIN = Address(b"\xa1" * 20), Address(b"\xa2" * 20), NATIVE_COIN
UNLISTED = Address(b"\xaf" * 20)
TOKENS = (GOLD, SILVER, COIN)
EXAMPLES, STEPS = {"ci": (60, 60), "nightly": (900, 80)}[PROFILE]
LEAST_OPERATIONS = {"ci": 3_000, "nightly": 100_000}[PROFILE]

users = st.sampled_from((ALICE, ALICE, BOB, BOB, CAROL, RECIPIENT))
assets = st.sampled_from((GOLD, GOLD, GOLD, SILVER, SILVER, UNLISTED))
steps_of_lot = st.one_of(st.integers(1, 12), st.integers(0, 400))
steps_of_tick = st.one_of(st.integers(8, 13), st.integers(8, 13), st.integers(0, 30))
off_grid = st.sampled_from((0, 0, 0, 0, 0, 0, 0, 1))
forces = st.sampled_from((0, 0, 0, 1, 1, 2, 2, 3, 3, 4))
client_ids = st.sampled_from((0, 0, 0, 1, 2, 3))
picks = st.integers(0, 200)
"""Stands for an order: see `Trading.pick`."""
terms = st.fixed_dictionaries(
    {
        "base_unit": st.sampled_from((1, 7, 10, 1_000, 6_000)),
        "tick": st.integers(1, 4),
        "lot": st.integers(1, 4),
        "maker_fee": st.sampled_from((0, 15, 10_000)),
        "taker_fee": st.sampled_from((0, 70, 9_999)),
        "prevention": st.integers(0, 4),
        "recipient": st.sampled_from((RECIPIENT, ALICE)),
    }
)


class Frame(NamedTuple):
    """A point to go back to."""

    mark: int
    model: NaiveExchange
    reserves: dict[bytes, int]


class Trading(RuleBasedStateMachine):
    """Both exchanges, side by side."""

    operations = 0

    def __init__(self) -> None:
        super().__init__()
        self.storage = DictStorage()
        self.model = NaiveExchange()
        self.reserves: dict[bytes, int] = {}
        self.frames: list[Frame] = []
        self.half_way = SealedHalfWay()
        self.past: list[tuple[NaiveExchange, tuple[RowChange, ...]]] = []
        self.open()

    def open(self) -> None:
        opened = open_both_ways(self.storage)
        self.spot, self.ledger = opened.by_address[SPOT_ADDRESS], opened.ledger

    def teardown(self) -> None:
        while self.frames:
            self.revert_frame()
        self.ledger.close()

    # Calls

    def both(
        self,
        user: Address,
        name: str,
        *arguments: Any,
        expected: Callable[[], tuple[Any, ...]],
        gas: Callable[[], int] | None = None,
        value: int = 0,
    ) -> Reply:
        """Make one call on both sides; everything that comes of it must be the same."""
        before = self.model.copy()
        self.model.events.clear()
        self.model.met = 0
        try:
            outcome = Reply(None, expected(), tuple(self.model.events))
        except Refused as refused:
            outcome = Reply(refused.name, refused.fields)
        spent = gas() if gas else None
        if outcome.error:
            self.model.become(before)
        reserves = dict(self.reserves)
        reply = send(self.spot, user, name, *arguments, value=value, contracts=self.token_of(user))
        if reply.error:
            self.reserves = reserves
        elif value:
            self.reserves[COIN] = self.reserves.get(COIN, 0) + value
        assert reply[:3] == outcome[:3]
        assert spent is None or reply.gas == spent
        type(self).operations += 1
        return reply

    def token_of(self, user: Address) -> Callable[[Address, int, bytes], tuple[bool, bytes]]:
        """Honest tokens of which every user has enough, and the coin."""

        def answer(to: Address, value: int, data: bytes) -> tuple[bool, bytes]:
            if not data:
                self.reserves[COIN] -= value
                return to == user, b""
            amount = int.from_bytes(data[-32:], "big")
            if data[:4] == bytes.fromhex("70a08231"):
                return True, self.reserves.get(to, 0).to_bytes(32, "big")
            deposits = data[:4] == bytes.fromhex("23b872dd")
            self.reserves[to] = self.reserves.get(to, 0) + (amount if deposits else -amount)
            return True, (1).to_bytes(32, "big")

        return answer

    def gas_of_placing(self) -> int:
        return 50_000 + 30_000 * self.model.met

    def on_grid(self, asset: bytes, lots: int, ticks: int, off: int) -> tuple[int, int]:
        """Amount and price, on the grid of the market but for `off`."""
        terms = {market.asset: (market.lot, market.tick) for market in self.model.markets}
        lot, tick = terms.get(asset, (1, 1))
        return lots * lot + off, ticks * tick + off

    @initialize(first=terms, second=terms)
    def list_markets(self, first: dict[str, Any], second: dict[str, Any]) -> None:
        self.ledger.set_owner(OWNER)
        for asset, quote, chosen in ((GOLD, COIN, first), (SILVER, GOLD, second)):
            market = NaiveMarket(asset, quote, **chosen)

            def listed(market: NaiveMarket = market) -> tuple[Any, ...]:
                self.model.markets.append(market)
                self.model.events.append(("MarketListed", *vars(market).values()))
                return (True,)

            self.both(OWNER, "listMarket", *vars(market).values(), expected=listed)
        for user in (ALICE, BOB, CAROL):
            self.deposit_coin(user, 20_000)
            self.deposit(user, GOLD, 20_000)
            self.deposit(user, SILVER, 2_000)

    @rule(user=users, amount=st.integers(0, 5_000))
    def deposit_coin(self, user: Address, amount: int) -> None:
        def expected() -> tuple[Any, ...]:
            self.model.deposit(user, COIN, amount)
            return (amount,)

        self.both(user, "depositNative", expected=expected, value=amount)

    @rule(
        user=users,
        token=st.sampled_from((GOLD, SILVER)),
        amount=st.one_of(st.integers(0, 5_000), st.just(2**128 - 1)),
    )
    def deposit(self, user: Address, token: Address, amount: int) -> None:
        def expected() -> tuple[Any, ...]:
            self.model.deposit(user, token, amount)
            return (amount,)

        self.both(user, "deposit", token, amount, expected=expected)

    @rule(user=users, token=st.sampled_from(TOKENS), percent=st.integers(0, 104))
    def withdraw(self, user: Address, token: Address, percent: int) -> None:
        amount = self.model.available(user, token) * percent // 100

        def expected() -> tuple[Any, ...]:
            self.model.withdraw(user, token, amount)
            return (True,)

        self.both(user, "withdraw", token, amount, expected=expected)

    @rule(
        user=users,
        asset=assets,
        lots=steps_of_lot,
        ticks=steps_of_tick,
        off=off_grid,
        buy=st.booleans(),
    )
    def place(
        self, user: Address, asset: Address, lots: int, ticks: int, off: int, buy: bool
    ) -> None:
        amount, price = self.on_grid(asset, lots, ticks, off)
        self.both(
            user,
            *("placeOrder", asset, amount, price, buy),
            expected=lambda: (self.model.place(user, asset, amount, price, buy).id,),
            gas=self.gas_of_placing,
        )

    @rule(
        user=users,
        asset=assets,
        lots=steps_of_lot,
        ticks=steps_of_tick,
        off=off_grid,
        buy=st.booleans(),
        force=forces,
        client_id=client_ids,
    )
    def place_with_options(
        self,
        user: Address,
        asset: Address,
        lots: int,
        ticks: int,
        off: int,
        buy: bool,
        force: int,
        client_id: int,
    ) -> None:
        request = (asset, *self.on_grid(asset, lots, ticks, off), buy, force, client_id)

        def expected() -> tuple[Any, ...]:
            order = self.model.place(user, *request)
            return order.id, order.filled

        self.both(
            user, "placeOrderWithOptions", *request, expected=expected, gas=self.gas_of_placing
        )

    @rule(
        user=users,
        drawn=st.lists(
            st.tuples(
                assets, steps_of_lot, steps_of_tick, off_grid, st.booleans(), forces, client_ids
            ),
            max_size=4,
        ),
    )
    def place_batch(self, user: Address, drawn: list[tuple[Any, ...]]) -> None:
        requests = [
            (asset, *self.on_grid(asset, lots, ticks, off), *options)
            for asset, lots, ticks, off, *options in drawn
        ]

        def expected() -> tuple[Any, ...]:
            return (tuple(self.one_of_batch(user, request) for request in requests),)

        self.both(
            user,
            *("placeOrders", requests),
            expected=expected,
            gas=lambda: 2_000 + 50_000 * len(requests) + 30_000 * self.model.met,
        )
        type(self).operations += len(requests)

    def one_of_batch(self, user: Address, request: tuple[Any, ...]) -> tuple[Any, ...]:
        before = self.model.copy()
        try:
            order = self.model.place(user, *request)
        except Refused as refused:
            before.met = self.model.met
            self.model.become(before)
            return 0, 5, 0, selector_of(refused)
        return order.id, order.status, order.filled, bytes(4)

    @rule(user=users, pick=picks, own=st.booleans())
    def cancel(self, user: Address, pick: int, own: bool) -> None:
        order_id = self.pick(pick)
        user = self.owner_of(order_id) if own else user

        def expected() -> tuple[Any, ...]:
            self.model.cancel(user, order_id)
            return (True,)

        self.both(user, "cancelOrder", order_id, expected=expected, gas=lambda: 20_000)

    @rule(user=users, drawn=st.lists(picks, max_size=4))
    def cancel_batch(self, user: Address, drawn: list[int]) -> None:
        order_ids = [self.pick(pick) for pick in drawn]

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
            gas=lambda: 2_000 + 20_000 * len(order_ids),
        )

    @rule(user=users, client_id=client_ids)
    def cancel_client_id(self, user: Address, client_id: int) -> None:
        self.both(
            user,
            *("cancelOrderByClientId", client_id),
            expected=lambda: (self.model.cancel_client_id(user, client_id),),
        )

    @rule(user=users, asset=st.sampled_from((GOLD, SILVER, UNLISTED, EVERY_MARKET)))
    def cancel_all(self, user: Address, asset: bytes) -> None:
        self.both(
            user,
            *("cancelAllOrders", asset),
            expected=lambda: (self.model.cancel_all(user, asset),),
        )

    @rule(pick=picks, lots=steps_of_lot, ticks=steps_of_tick, off=off_grid, keep=st.booleans())
    def replace(self, pick: int, lots: int, ticks: int, off: int, keep: bool) -> None:
        order_id = self.pick(pick)
        order = self.model.orders[order_id - 1] if 0 < order_id <= len(self.model.orders) else None
        user = self.owner_of(order_id)
        amount, price = self.on_grid(order.asset if order else GOLD, lots, ticks, off)
        if order and keep:
            price = order.price
        self.both(
            user,
            *("replaceOrder", order_id, amount, price),
            expected=lambda: (self.model.replace(user, order_id, amount, price),),
            gas=self.gas_of_placing,
        )

    def pick(self, pick: int) -> int:
        """The id of a live order, now and then of one that ended or never was."""
        live = [order.id for order in self.model.live_orders()]
        if live and pick % 10:
            return live[pick % len(live)]
        return pick // 10 % (len(self.model.orders) + 2)

    def owner_of(self, order_id: int) -> Address:
        known = 0 < order_id <= len(self.model.orders)
        return Address(self.model.orders[order_id - 1].user) if known else ALICE

    @rule(seed=st.integers(0, 2**32), length=st.integers(1, 30))
    def order_flow(self, seed: int, length: int) -> None:
        """Many placings near the middle, with cancels, replacements and blocks in between."""
        rng = random.Random(seed)
        for _ in range(length):
            kind = rng.random()
            user, asset = rng.choice((ALICE, BOB, CAROL)), rng.choice((GOLD, GOLD, SILVER))
            buy = rng.random() < 0.5
            lots, ticks = rng.randint(1, 60), rng.randint(8, 13)
            request = (
                asset,
                lots,
                ticks,
                0,
                buy,
                rng.choice((0, 0, 0, 1, 2, 3)),
                rng.randint(0, 9),
            )
            if kind < 0.5:
                self.place_with_options(user, *request)
            elif kind < 0.6:
                self.place_batch(user, [request, (asset, lots, ticks, 0, not buy, 0, 0)])
            elif kind < 0.75:
                self.replace(rng.randrange(200), lots, ticks, 0, buy)
            elif kind < 0.9:
                self.cancel(user, rng.randrange(200), True)
            elif kind < 0.94:
                self.cancel_batch(user, [rng.randrange(200) for _ in range(3)])
            elif kind < 0.98:
                self.end_block(buy)
            else:
                self.cancel_all(user, asset)
            self.same_state()

    # Frames and blocks

    @rule()
    def seal_half_way(self) -> None:
        self.half_way.note(self.ledger)

    @precondition(lambda self: len(self.frames) < 4)
    @rule()
    def enter_frame(self) -> None:
        self.frames.append(
            Frame(self.ledger.journal.mark(), self.model.copy(), dict(self.reserves))
        )

    @precondition(lambda self: self.frames)
    @rule()
    def revert_frame(self) -> None:
        frame = self.frames.pop()
        self.ledger.journal.revert(frame.mark)
        self.half_way.went_back(frame.mark)
        self.model, self.reserves = frame.model, frame.reserves

    @precondition(lambda self: self.frames)
    @rule()
    def leave_frame(self) -> None:
        self.frames.pop()

    @rule(reopens=st.booleans())
    def end_block(self, reopens: bool) -> None:
        self.frames.clear()
        changes = self.ledger.seal()
        assert changes == self.ledger.seal(), "asking changes nothing"
        self.half_way.check(self.ledger)
        self.storage.apply(changes)
        self.ledger.accept(changes)
        assert self.ledger.seal().rows == ()
        self.past.append((self.model.copy(), changes.rows))
        if reopens:
            self.ledger.close()
            self.open()

    @precondition(lambda self: len(self.past) > 1)
    @rule(ago=st.integers(0, 20))
    def look_back(self, ago: int) -> None:
        """At any past block, in the middle of the current one, all was as it was then."""
        block = max(0, len(self.past) - 2 - ago)
        mark = self.ledger.journal.mark()
        undo_now = self.ledger.seal().rows
        blocks = [rows for _, rows in self.past[block + 1 :]]
        with ExitStack() as stack:
            stack.enter_context(self.ledger.at([undo_now, *reversed(blocks)]))
            compare(self.ledger, self.past[block][0])
        assert self.ledger.journal.mark() == mark

    # Comparing

    @invariant()
    def same_state(self) -> None:
        compare(self.ledger, self.model)
        for token in TOKENS:
            assert self.ledger.spot.token_total(token) == self.reserves.get(token, 0)

    @rule(user=users, limit=st.integers(0, 5), pick=picks)
    def views_agree(self, user: Address, limit: int, pick: int) -> None:
        model, order_id = self.model, self.pick(pick)
        for market in model.markets:
            sides = [model.depth(market.asset, is_buy=is_buy) for is_buy in (True, False)]
            best = tuple(side[0][0] if side else 0 for side in sides)
            depth = tuple(tuple(level[i] for level in s[:limit]) for s in sides for i in (0, 1))
            assert self.view("getBestPrices", market.asset) == best
            assert self.view("getDepth", market.asset, limit) == depth
            assert self.view("getMarket", market.asset) == tuple(vars(market).values())[1:]
        for token in TOKENS:
            funds = model.available(user, token), model.on_hold(user, token)
            assert self.view("getBalance", user, token) == funds
        opened = [o.id for o in model.live_orders(user=user) if o.id > order_id]
        assert self.view("getOpenOrders", user, order_id, limit) == (tuple(opened[:limit]),)
        if 0 < order_id <= len(model.orders):
            o = model.orders[order_id - 1]
            shown = (o.id, o.user, o.asset, o.amount, o.price, o.is_buy, o.filled)
            assert self.view("getOrder", order_id) == shown
            assert self.view("getOrderStatus", order_id) == (o.status, o.remaining, o.reason)
        else:
            assert self.view("getOrder", order_id) == (order_id,)

    def view(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        return send(self.spot, CAROL, name, *arguments).values


def selector_of(refused: Refused) -> bytes:
    """Of the error that the naive exchange names."""
    return next(s for s, entry in ERRORS.items() if entry["name"] == refused.name)


def compare(ledger: Ledger, model: NaiveExchange) -> None:
    """Every order, queue, index and balance is the same on both sides, and all invariants hold."""
    for order in model.orders:
        found = ledger.spot_order(order.id)
        assert found is not None
        assert (
            NaiveOrder(
                *(found.id, found.owner, found.asset, found.is_buy, found.price, found.amount),
                *(found.time_in_force, found.client_order_id),
                *(found.filled, found.status, found.reason, found.filled_quote),
            )
            == order
        )
    assert ledger.spot_order(len(model.orders) + 1) is None
    for market in model.markets:
        bids, asks = ledger.spot.book(market.asset).depth(1_000)
        assert bids == model.depth(market.asset, is_buy=True)
        assert asks == model.depth(market.asset, is_buy=False)
    owned = {token + user: total for (token, user), total in model.owned.items() if total}
    assert {key: row.total for key, row in ledger.spot.balances.rows.items()} == owned
    named = {(o.user, o.client_id): o.id for o in model.live_orders() if o.client_id}
    assert ledger.spot.live.by_client_id.ids == named
    assert check(ledger) == []


@pytest.mark.timeout(1_200)  # making a failure small takes minutes
@pytest.mark.slow
def test_no_call_tells_the_exchange_from_a_naive_one() -> None:
    """Over thousands of operations (100,000 and more nightly), nothing differs."""
    Trading.operations = 0
    run_state_machine_as_test(
        Trading, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS)
    )
    assert Trading.operations >= LEAST_OPERATIONS
