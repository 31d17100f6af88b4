"""The perpetuals exchange and a naive one: a call, made on both, must come to the same."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from precompiles.perp.book_liquidation import Stage
from precompiles.types import Address, PositionKind
from tests.precompiles.client import PERP, Reply
from tests.precompiles.perp.naive_accounts import Saved
from tests.precompiles.perp.naive_exchange import NaivePerp
from tests.precompiles.perp.naive_market import NaiveMarket
from tests.precompiles.perp.world import (
    COPPER,
    FEEDER,
    GOLD,
    OWNER,
    SILVER,
    TRADERS,
    UNLISTED,
    VAULT,
    PerpWorld,
)
from tests.precompiles.spot.naive_exchange import Refused

PRICE = 1_000
"""Where the markets begin."""


class BothExchanges(RuleBasedStateMachine):
    """What rules are made of; `operations` counts the calls."""

    operations = 0

    def __init__(self) -> None:
        super().__init__()
        self.world = PerpWorld()
        self.model = NaivePerp()
        self.model.now = self.world.now
        self.frames: list[tuple[int, Saved, int]] = []

    # Calls

    def both(
        self, user: Address, name: str, *arguments: Any, expected: Callable[..., Any]
    ) -> Reply:
        """Make one call on both sides; everything that comes of it must be the same.

        `expected` does it to the model and gives the output. It is handed the exchange's output
        where that has a mark price, which the model takes from there.
        """
        deficit = self.world.ledger.perp.fund.deficit
        reply = self.world.call(user, name, *arguments)
        before = self.model.save()
        self.model.events.clear()
        try:
            outputs = expected(reply) if name.startswith("setOracle") else expected()
            outcome = Reply(None, outputs, tuple(self.model.events))
        except Refused as refused:
            self.model.restore(before)
            outcome = Reply(refused.name, refused.fields)
        called = f"{name}{arguments} of {user.hex()[:4]}"
        assert reply[:2] == outcome[:2], f"{called}: {reply[:2]}, not {outcome[:2]}"
        events = self.without_funding(reply.events)
        for event, due in itertools.zip_longest(events, outcome.events):
            assert event == due, f"{called}: {event}, not {due}"
        if self.world.ledger.perp.fund.deficit > deficit:
            assert list(unpaid_shares(self.world, reply, deficit)) == [], called
        type(self).operations += 1
        return reply

    def without_funding(self, events: tuple[tuple[Any, ...], ...]) -> tuple[tuple[Any, ...], ...]:
        """Hours are told when a market is touched; they must be all hours since the last time."""
        others = []
        for event in events:
            if event[0] != "FundingSettled":
                others.append(event)
                continue
            market = self.model.market(event[1])
            assert event[2:] == (market.rate, market.index, market.untold_hours)
            market.untold_hours = 0
        return tuple(others)

    # Markets

    def list_market(
        self,
        asset: Address,
        *,
        base_unit: int,
        tick: int,
        lot: int,
        max_leverage: int,
        fees: tuple[int, int, int],
        recipient: Address,
        tiers: tuple[tuple[int, int], ...] | None,
        risk: tuple[int, int, int, int],
        limits: tuple[int, int, int],
        impact: int,
        vault_limit: int | None,
        prevention: int,
    ) -> None:
        listed = (asset, base_unit, tick, lot, max_leverage, FEEDER)
        self.both(
            OWNER,
            *("listMarket", *listed),
            expected=lambda: (bool(self.model.list_market(*listed)),),
        )
        self.change(
            *("setFees", asset, *fees, recipient),
            *("maker_fee", "taker_fee", "liquidation_fee", "recipient"),
        )
        self.change(
            *("setRisk", asset, *risk),
            *("max_price_age", "max_slippage", "partial_notional", "cooldown"),
        )
        self.change(
            *("setLimits", asset, *limits),
            *("max_open_interest", "minimum_notional", "price_band"),
        )
        self.change("setFunding", asset, impact, "impact_notional")
        self.change("setSelfTradePrevention", asset, prevention, "prevention")
        if vault_limit is not None:
            self.change("setVault", asset, VAULT, vault_limit, "vault", "vault_limit")
        if tiers is not None:
            self.change("setTiers", asset, tiers, "tiers")

    def change(self, method: str, asset: Address, *values_and_names: Any) -> None:
        """Values, and then the names that the model has for them."""
        half = len(values_and_names) // 2
        values, names = values_and_names[:half], values_and_names[half:]
        new = dict(zip(names, values, strict=True))
        if "tiers" in new:
            new["max_leverage"] = new["tiers"][0][1]

        def expected() -> tuple[Any, ...]:
            self.model.change_market(asset, method, **new)
            return (True,)

        self.both(OWNER, method, asset, *values, expected=expected)

    def set_backstop(self, account: Address) -> None:
        def expected() -> tuple[Any, ...]:
            self.model.set_backstop(account)
            return (True,)

        self.both(OWNER, "setBackstop", account, expected=expected)

    # What to ask for

    def request(self, rng: random.Random, user: Address) -> tuple[Any, ...]:
        """An order near the mark, mostly on the grid and of a size that accounts can bear."""
        asset = rng.choice((*[GOLD] * 15, *[SILVER] * 10, *[COPPER] * 3, UNLISTED))
        market = next((m for m in self.model.markets if m.address == asset), None)
        if market is None:
            return asset, 1, 1, True, 0, False, 0
        lot, tick, unit = market.lot, market.tick, market.base_unit
        middle = (market.mark or PRICE) // tick
        ticks = max(0, middle + rng.choice((-9, -2, -1, 0, 0, 1, 2, 9)) * max(1, middle // 200))
        size = rng.choice((1, rng.randint(1, 15), rng.randint(1, 150))) * unit + rng.randint(
            0, unit
        )
        if rng.random() < 0.08:  # worth a few units, or not even one
            size = rng.randint(1, max(1, 3 * unit // max(1, ticks * tick)))
        is_buy, reduces = rng.random() < 0.5, rng.random() < 0.15
        held = self.model.netting_size(user, market)
        if reduces and held and rng.random() < 0.9:
            is_buy, size = held < 0, min(size, abs(held))
        off = rng.random() < 0.02
        return (
            *(asset, size // lot * lot + off, ticks * tick + (off and is_buy), is_buy),
            rng.choice((*[0] * 8, 1, 1, 1, 2, 3, 4 * off)),
            reduces,
            rng.choice((*[0] * 12, 1, 2, 3)),
        )

    def affordable(self, user: Address, market: NaiveMarket) -> int:
        """About the largest size that an account can open."""
        position, (leverage, _) = (
            self.model.netting(user, market),
            self.model.preference(user, market),
        )
        leverage = min(position.leverage if position else leverage, market.tiers[-1][1])
        margin = max(0, self.model.available(user))
        return margin * leverage * market.base_unit // (market.mark or PRICE)

    def one_of_batch(self, user: Address, request: tuple[Any, ...]) -> tuple[Any, ...]:
        before = self.model.save()
        try:
            order = self.model.place(user, *request)
        except Refused as refused:
            self.model.restore(before)
            return 0, 5, 0, selector_of(refused)
        return order.id, order.status, order.filled, bytes(4)

    def pick_order(self, pick: int) -> int:
        """The id of a live order, now and then of one that ended or never was."""
        live = [order.id for order in self.model.live_orders()]
        if live and pick % 10:
            return live[pick % len(live)]
        return pick // 10 % (len(self.model.orders) + 2)

    def pick_position(self, pick: int) -> int:
        """The id of an open position, now and then of one that ended or never was."""
        held = [position.id for position in self.model.open_positions()]
        if held and pick % 10:
            return held[pick % len(held)]
        return pick // 10 % (len(self.model.positions) + 2)

    def holder_of(self, position_id: int) -> Address:
        known = 0 < position_id <= len(self.model.positions)
        return Address(self.model.positions[position_id - 1].user) if known else TRADERS[0]

    # Prices and time

    def set_oracle(self, asset: Address, price: int, external: int) -> None:
        def expected(reply: Reply) -> tuple[Any, ...]:
            market = self.model.set_oracle(FEEDER, asset, price, external)
            self.take_mark(market, reply.values[0])
            self.model.events.append(("OraclePriceSet", asset, price, market.mark))
            return (market.mark,)

        self.both(FEEDER, "setOraclePrices", asset, price, external, expected=expected)

    def take_mark(self, market: NaiveMarket, mark: int) -> None:
        """The exchange's mark price is taken over if it can be one."""
        low, high = market.mark_bounds(*self.model.book(market))
        assert low <= mark <= high
        market.mark = mark

    def pass_time(self, seconds: int, *, reopens: bool = False) -> None:
        self.frames.clear()
        self.world.end_block(seconds=seconds, reopens=reopens)
        self.model.pass_time(self.world.now)
        for market in self.model.markets:
            if market.oracle:
                self.take_mark(market, self.world.view("getMarkPrice", market.address)[0])


Events = list[tuple[Any, ...]]


def unpaid_shares(world: PerpWorld, reply: Reply, deficit: int) -> Iterator[str]:
    """Who could have borne more of a loss that became a deficit: nobody on the other side may.

    Rounding is worth a few units for each of their positions.
    """
    for events in liquidations(reply):
        told = [event[3] for event in events if event[0] == "InsuranceChanged"]
        if told and told[-1] > deficit:
            yield from still_rich(world, events)
        deficit = told[-1] if told else deficit


def liquidations(reply: Reply) -> Iterator[Events]:
    """The events of each liquidation of a call, which ends with what it did to each position."""
    found: Events = []
    for event, following in itertools.zip_longest(reply.events, reply.events[1:]):
        found.append(event)
        if event[0] == "Liquidated" and (following is None or following[0] != "Liquidated"):
            yield found
            found = []


def still_rich(world: PerpWorld, events: Events) -> Iterator[str]:
    """Who is on the other side of a liquidation and has something left."""
    perp = world.ledger.perp
    for event in events:
        if event[0] == "Liquidated" and event[6] == Stage.DELEVERAGING:
            bankrupt = world.ledger.position(event[1])
            assert bankrupt is not None
            for other in perp.positions.rows.values():
                if other.is_open and other.asset == bankrupt.asset:
                    equity = world.view("isLiquidatable", other.id)[1]
                    kept = 4 * len(perp.open_positions.by_owner.of(other.owner)) + 4
                    if other.is_long != bankrupt.is_long and equity > kept:
                        yield f"position {other.id} has {equity} left"
        if event[0] == "Deleveraged":
            closed = world.ledger.position(event[1])
            if closed is not None and closed.kind == PositionKind.CROSS:
                equity = world.view("getAccount", closed.owner)[1]
                kept = 4 * len(perp.open_positions.by_owner.of(closed.owner)) + 8
                if equity > kept:
                    yield f"{closed.owner.hex()} has {equity} left"


def selector_of(refused: Refused) -> bytes:
    """Of the error that the naive exchange names."""
    return next(s for s, entry in PERP.errors.items() if entry["name"] == refused.name)
