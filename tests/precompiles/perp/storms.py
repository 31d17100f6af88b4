"""Flows that bring accounts to where it matters who pays: crashes, bent marks, stale prices."""

from __future__ import annotations

import random
from typing import Any

from precompiles.types import Address
from tests.precompiles.perp.machine import BothExchanges
from tests.precompiles.perp.naive_market import NaiveMarket
from tests.precompiles.perp.naive_position import ISOLATED, STANDALONE, NaivePosition
from tests.precompiles.perp.world import DOLLAR, GOLD, KEEPER, SILVER, TRADERS, VAULT


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
        self,
        rng: random.Random,
        market: NaiveMarket,
        user: Address,
        percent: int,
        *,
        is_buy: bool,
        other: Address | None = None,
    ) -> None:
        """A user takes a share of what it can afford from another, in an empty book."""
        self.clear(market)
        if other is None:
            other = rng.choice([trader for trader in (*TRADERS, VAULT) if trader != user])
        size = min(self.affordable(each, market) for each in (user, other)) * percent // 100
        size -= size % market.lot
        price = max(1, market.oracle // market.tick) * market.tick
        if size:
            self.place_request(other, market.address, size, price, not is_buy)
            self.place_request(user, market.address, size, price, is_buy)

    def open_alone(
        self, rng: random.Random, market: NaiveMarket, user: Address, *, is_long: bool
    ) -> NaivePosition | None:
        """A standalone position of the highest leverage, against an order in an empty book."""
        self.clear(market)
        leverage = market.tiers[-1][1]
        margin = max(0, self.model.available(user)) * 3 // 10
        size = margin * leverage * market.base_unit // market.oracle
        size -= size % market.lot
        price = max(1, market.oracle // market.tick) * market.tick
        other = rng.choice([trader for trader in TRADERS if trader != user])
        count = len(self.model.positions)
        self.place_request(other, market.address, size, price, not is_long)
        asked = market.address, size, leverage, is_long
        opened = self.model.open_position
        self.both(user, "openPosition", *asked, expected=lambda: (opened(user, *asked),))
        made = [p for p in self.model.positions[count:] if p.kind == STANDALONE]
        return made[0] if made else None

    # Storms

    def bend(self, rng: random.Random) -> None:
        """Two quotes far from the oracle's price stand in an empty book, and the mark follows."""
        market = self.model.market(rng.choice((GOLD, GOLD, SILVER)))
        up = rng.random() < 0.5
        standalone = self.open_alone(rng, market, rng.choice(TRADERS), is_long=not up)
        self.clear(market)
        away = (3 if up else -3) * market.oracle // (2 * market.max_leverage)
        middle = max(2, (market.oracle + away) // market.tick)
        for ticks, is_buy in ((middle, True), (middle + 1, False)):
            request = (market.address, market.lot, ticks * market.tick, is_buy)
            self.place_request(VAULT, *request)
        self.pass_time(rng.choice((15, 30, 60)))
        self.feed()
        self.set_stop(rng, market)
        self.take_profit_at_the_mark(rng, market)
        for _ in range(rng.choice((0, 0, 4))):
            step = 1_000 // (5 * market.max_leverage)
            self.move(market, 1_000 + (step if up else -step))
            if standalone is not None:
                self.liquidate_one(standalone)
        self.kept(100)

    def set_stop(self, rng: random.Random, market: NaiveMarket) -> None:
        """A stop that a bent mark has reached, and the oracle has not, or not quite."""
        between = (market.mark + market.oracle) // 2 // market.tick * market.tick
        price = max(market.tick, between + rng.choice((-1, 0, 1)) * market.tick)
        is_buy = market.mark > market.oracle
        asked = (market.address, market.lot, price, 0, is_buy, False, False, 0)
        user = rng.choice(TRADERS)
        self.both(
            user,
            *("placeTrigger", *asked),
            expected=lambda: (self.model.place_trigger(user, *asked),),
        )

    def take_profit_at_the_mark(self, rng: random.Random, market: NaiveMarket) -> None:
        """A bent mark makes some look richer: they take money out, or trade with the vault."""
        for user in (*TRADERS, VAULT):
            self.take_out(user)
        user, size = rng.choice(TRADERS), market.lot * rng.randint(2, 9) * market.base_unit
        asked = market.address, size, 1, market.mark < market.oracle
        opened = self.model.open_position
        self.both(user, "openPosition", *asked, expected=lambda: (opened(user, *asked),))

    def take_out(self, user: Address) -> None:
        """All that margin allows at the mark, of the account and of isolated positions."""
        model = self.model
        for position in model.open_positions(user=user, kind=ISOLATED):
            held, amount = position.id, max(1, position.equity - position.initial)

            def removed(held: int = held, amount: int = amount) -> tuple[bool]:
                model.remove_margin(user, held, amount)
                return (True,)

            self.both(user, "removeMargin", held, amount, expected=removed)
        by_mark = model.equity(user) - sum(
            max(p.initial, -(-p.notional // 10)) for p in model.cross(user)
        )
        for amount in (by_mark, min(by_mark, model.payable(user))):
            if amount > 0:

                def withdrawn(amount: int = amount) -> tuple[bool]:
                    model.withdraw(user, DOLLAR, amount)
                    return (True,)

                self.both(user, "withdraw", amount, expected=withdrawn)

    def drain(self, rng: random.Random) -> None:
        """Winners take out all they can before the bankrupt are liquidated."""
        self.feed()
        for market in map(self.model.market, rng.sample((GOLD, SILVER), rng.choice((1, 2)))):
            user, other = rng.sample(TRADERS, 2)
            self.make_daring(market, user, is_cross=rng.random() < 0.7)
            self.make_daring(market, other, is_cross=rng.random() < 0.6)
            is_buy = rng.random() < 0.6
            self.trade_alone(rng, market, user, 90, is_buy=is_buy, other=other)
            self.move(market, rng.choice((100, 500, 800)) if is_buy else rng.choice((1_300, 3_000)))
        for user in rng.sample(TRADERS, 4):
            self.leave(rng, user)
        self.kept(rng.choice((1, 100)))
        self.kept(100)

    def make_daring(self, market: NaiveMarket, user: Address, *, is_cross: bool) -> None:
        """Money, the highest leverage, and no limits of the market's."""
        asset, model = Address(market.address), self.model
        if market.max_open_interest or market.minimum_notional or market.price_band:
            self.change(
                *("setLimits", asset, 0, 0, 0),
                *("max_open_interest", "minimum_notional", "price_band"),
            )
        if model.available(user) < 5_000:
            self.deposit_to(user, 5_000)
        leverage = market.tiers[-1][1]

        def chosen() -> tuple[bool]:
            model.set_leverage(user, asset, leverage, is_cross)
            return (True,)

        self.both(user, "setLeverage", asset, leverage, is_cross, expected=chosen)

    def leave(self, rng: random.Random, user: Address) -> None:
        """Take out what one can, and perhaps get out of a position first."""
        others = [trader for trader in TRADERS if trader != user]
        for position in self.model.open_positions(user=user) if rng.random() < 0.5 else ():
            market, is_long = position.market, position.size > 0
            other = rng.choice(others)
            self.make_daring(market, other, is_cross=True)
            self.clear(market)
            price = max(1, market.oracle // market.tick) * market.tick
            asked = (market.address, abs(position.size), price)
            orders = [(other, is_long), (user, not is_long)]
            for who, is_buy in orders if rng.random() < 0.7 else reversed(orders):
                self.place_request(who, *asked, is_buy)
        self.take_out(user)

    def deposit_to(self, user: Address, amount: int) -> None:
        """Something to go on with."""

        def deposited() -> tuple[int]:
            self.model.deposit(user, DOLLAR, amount)
            return (amount,)

        self.both(user, "deposit", amount, expected=deposited)

    def split(self, rng: random.Random) -> None:
        """An account is in two markets against different others, and one of the markets crashes."""
        self.feed()
        user, *others = rng.sample(TRADERS, 3)
        markets = [self.model.market(asset) for asset in rng.sample((GOLD, SILVER), 2)]
        sides = [rng.random() < 0.5 for _ in markets]
        for market, other, is_buy in zip(markets, others, sides, strict=True):
            for each in (user, other):
                self.make_daring(market, each, is_cross=True)
            self.trade_alone(rng, market, user, 45, is_buy=is_buy, other=other)
        steps = rng.choice((20, 50, 200)), 4
        for market, is_buy, step in zip(markets, sides, steps, strict=True):
            self.move(market, 1_000 + (-step if is_buy else step))
        for position in self.model.open_positions(user=user):
            self.liquidate_one(position)
        self.kept(100)

    def stand_apart(self, rng: random.Random) -> None:
        """One market crashes; in the other, which does not, the other side gained before."""
        self.feed()
        user, first, winner, loser = rng.sample(TRADERS, 4)
        crashing, calm = (self.model.market(asset) for asset in rng.sample((GOLD, SILVER), 2))
        falls, is_buy = rng.random() < 0.6, rng.random() < 0.5
        for market, *sides in ((crashing, user, first), (calm, user, winner), (calm, loser)):
            for each in sides:
                self.make_daring(market, each, is_cross=True)
        self.trade_alone(rng, calm, winner, 45, is_buy=not is_buy, other=loser)
        self.move(calm, 1_000 + (-8 if is_buy else 8))
        self.trade_alone(rng, crashing, user, 45, is_buy=falls, other=first)
        self.trade_alone(rng, calm, user, 45, is_buy=is_buy, other=VAULT)
        self.move(calm, 1_000 + rng.choice((0, 2)) * (1 if is_buy else -1))
        self.move(crashing, rng.choice((300, 800, 900)) if falls else rng.choice((1_200, 1_500)))
        for position in self.model.open_positions(user=user):
            self.liquidate_one(position)
        self.kept(100)

    def ruin(self, rng: random.Random) -> None:
        """Somebody risks all there is, the price goes far, and it is done with at once."""
        market, is_buy = self.model.market(rng.choice((GOLD, SILVER))), rng.random() < 0.7
        user = rng.choice(TRADERS)
        self.make_daring(market, user, is_cross=rng.random() < 0.5)
        self.trade_alone(rng, market, user, 95, is_buy=is_buy)
        self.move(market, rng.choice((100, 300, 500)) if is_buy else rng.choice((2_500, 4_000)))
        self.kept(100)

    def starve(self, rng: random.Random) -> None:
        """Only one market has a fresh price, and that falls or rises far."""
        fed, starved = map(self.model.market, rng.sample((GOLD, SILVER), 2))
        crossed = [
            user
            for user in TRADERS
            if all(self.model.preference(user, market)[1] for market in (fed, starved))
        ]
        user = rng.choice(crossed or TRADERS)
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
            *(4_000, 5_000, 1, 30),
            *("max_price_age", "max_slippage", "partial_notional", "cooldown"),
        )
        is_buy = rng.random() < 0.5
        user = rng.choice(TRADERS)
        self.feed()
        self.make_daring(market, user, is_cross=rng.random() < 0.5)
        self.trade_alone(rng, market, user, 90, is_buy=is_buy, other=VAULT)
        for _ in range(3):
            held = self.model.netting(user, market)
            calm, distressed = market.oracle, self.distress(held) if held else 0
            if held is None or not distressed:
                return
            self.set_oracle(Address(market.address), distressed, 0)
            self.clear(market)
            price = max(1, distressed // market.tick) * market.tick
            self.place_request(VAULT, market.address, abs(held.size), price, held.size > 0)
            self.liquidate_one(held)
            self.set_oracle(Address(market.address), calm, 0)
            self.pass_time(rng.choice((30, 31, 60, 61, 61, 300)))

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
