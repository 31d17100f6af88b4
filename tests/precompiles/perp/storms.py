"""Flows that bring accounts to where it matters who pays: crashes, bent marks, stale prices."""

from __future__ import annotations

import random
from typing import Any

from precompiles.types import Address
from tests.precompiles.perp.machine import BothExchanges
from tests.precompiles.perp.naive_market import NaiveMarket
from tests.precompiles.perp.naive_position import NaivePosition
from tests.precompiles.perp.world import GOLD, KEEPER, SILVER, TRADERS, VAULT


class Storms(BothExchanges):
    """Each leaves the exchange as it comes out of it."""

    # Steps

    def place_request(self, user: Address, *request: Any) -> None:
        self.both(
            user,
            *("placeOrder", *request),
            expected=lambda: (self.model.place(user, *request).id,),
        )

    def clear(self, market: NaiveMarket) -> None:
        """Everybody's orders end."""
        asset = market.address
        for user in dict.fromkeys(order.user for order in self.model.live_orders(market=market)):
            self.both(
                Address(user),
                *("cancelAllOrders", asset),
                expected=lambda user=user: (self.model.cancel_all(user, asset),),
            )

    def kept(self, limit: int) -> int:
        """How many triggers and liquidations there were."""
        reply = self.both(KEEPER, "keep", limit, expected=lambda: (self.model.keep(KEEPER, limit),))
        return int(reply.values[0])

    def move(self, market: NaiveMarket, per_mille: int) -> None:
        price = min(max(1, market.oracle * per_mille // 1_000), 100_000)
        self.set_oracle(Address(market.address), price, 0)

    def feed(self) -> None:
        """Gold and silver cost what they did."""
        for asset in (GOLD, SILVER):
            self.move(self.model.market(asset), 1_000)

    def trade_alone(
        self, rng: random.Random, market: NaiveMarket, user: Address, percent: int, *, is_buy: bool
    ) -> None:
        """A user takes a share of what it can afford from another, in an empty book."""
        self.clear(market)
        size = self.affordable(user, market) * percent // 100
        size -= size % market.lot
        price = max(1, market.oracle // market.tick) * market.tick
        other = rng.choice([trader for trader in (*TRADERS, VAULT) if trader != user])
        if size:
            self.place_request(other, market.address, size, price, not is_buy)
            self.place_request(user, market.address, size, price, is_buy)

    # Storms

    def bend(self, rng: random.Random) -> None:
        """Two quotes far from the oracle's price stand in an empty book, and the mark follows."""
        market = self.model.market(rng.choice((GOLD, GOLD, SILVER)))
        self.clear(market)
        away = rng.choice((-3, 3)) * market.oracle // (2 * market.max_leverage)
        middle = max(2, (market.oracle + away) // market.tick)
        for ticks, is_buy in ((middle, True), (middle + 1, False)):
            request = (market.address, market.lot, ticks * market.tick, is_buy)
            self.place_request(VAULT, *request)
        self.pass_time(rng.choice((15, 30, 60)))
        self.feed()
        if rng.random() < 0.5:
            self.move(market, rng.choice((980, 990, 1_010, 1_020)))
        self.kept(100)

    def ruin(self, rng: random.Random) -> None:
        """Somebody risks all there is, the price goes far, and it is done with at once."""
        market, is_buy = self.model.market(rng.choice((GOLD, SILVER))), rng.random() < 0.7
        self.trade_alone(rng, market, rng.choice(TRADERS), 95, is_buy=is_buy)
        self.move(market, rng.choice((100, 300, 500)) if is_buy else rng.choice((2_500, 4_000)))
        self.kept(100)

    def starve(self, rng: random.Random) -> None:
        """Only one market has a fresh price, and that falls or rises far."""
        fed, starved = map(self.model.market, rng.sample((GOLD, SILVER), 2))
        user = rng.choice(TRADERS)
        for market in (fed, starved):
            self.trade_alone(rng, market, user, 45, is_buy=rng.random() < 0.5)
        self.move(starved, rng.choice((900, 950, 1_050, 1_100)))
        self.pass_time(starved.max_price_age + 1, reopens=rng.random() < 0.1)
        for per_mille in rng.choice(((990, 980, 970), (1_010, 1_020, 1_030), (600,), (1_400,))):
            self.move(fed, per_mille)
            for position in self.model.open_positions(user=user):
                self.liquidate_one(position)
        for position in self.model.open_positions(user=user):
            held = position.id
            self.both(
                user,
                *("closePosition", held),
                expected=lambda held=held: (self.model.close_position(user, held),),
            )
        self.kept(rng.choice((1, 100)))

    def linger(self, rng: random.Random) -> None:
        """A large position is liquidated in part, recovers, and is in distress again."""
        market = self.model.market(rng.choice((GOLD, SILVER)))
        self.change(
            "setRisk",
            Address(market.address),
            *(10**6, 5_000, 1, 30),
            *("max_price_age", "max_slippage", "partial_notional", "cooldown"),
        )
        is_buy = rng.random() < 0.5
        self.trade_alone(rng, market, rng.choice(TRADERS), 90, is_buy=is_buy)
        held = self.model.open_positions(market=market)
        for _ in range(3):
            calm, distressed = market.oracle, self.distress(held[-1]) if held else 0
            if not distressed:
                return
            self.set_oracle(Address(market.address), distressed, 0)
            self.clear(market)
            price = max(1, distressed // market.tick) * market.tick
            self.place_request(VAULT, market.address, abs(held[-1].size), price, is_buy)
            self.liquidate_one(held[-1])
            self.set_oracle(Address(market.address), calm, 0)
            self.pass_time(rng.choice((30, 31, 59, 60, 61, 300)))

    def liquidate_one(self, position: NaivePosition) -> None:
        self.both(
            KEEPER,
            *("liquidate", position.id),
            expected=lambda: (self.model.liquidate(KEEPER, position.id),),
        )

    def distress(self, position: NaivePosition) -> int:
        """A price at which a position still gets its chance on the book; 0 if there is none."""
        market, model = position.market, self.model
        calm, side = market.oracle, -1 if position.size > 0 else 1
        found = 0
        for step in range(1, 400):
            market.oracle = calm + side * step * calm // 500
            if market.oracle <= 0 or found:
                break
            if position.open and model.liquidatable(position) and model.is_for_the_book(position):
                found = market.oracle
        market.oracle = calm
        return found
