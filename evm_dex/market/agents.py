"""Those who trade: each decides from what it sees, and sends signed actions like any bot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import UNSET

from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.chain.signed_action import SignedAction
from evm_dex.market.chance import Chance
from evm_dex.market.scenarios import (
    AdversarySettings,
    LeveragedSettings,
    MakerSettings,
    TakerSettings,
)
from precompiles.hyper.grid import nearest_price
from precompiles.hyper.signed.decimals import format_decimal
from precompiles.hyper.signed.digest import Envelope
from precompiles.hyper.signed.order_wires import (
    CancelByCloidWire,
    LimitType,
    OrderType,
    OrderWire,
)
from precompiles.hyper.signed.wire import CancelByCloidAction, L1Action, OrderAction
from precompiles.hyper.units import ORDER_DECIMALS
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

_MILLION = 1_000_000
_TO_ORDER = 100
"""From six decimals of the collateral to the eight of orders."""
_LIMITS = {"Alo": LimitType("Alo"), "Ioc": LimitType("Ioc")}
_AWAY = 20_000
"""Distance that a taker goes from the fair price, in parts of a million."""


class CoinView(NamedTuple):
    """Prices of a perpetual as agents see them, in collateral for one whole unit."""

    asset: int
    address: Address
    size_decimals: int
    fair: int
    """The path's price, which the oracle follows."""
    second: int
    """Since the market began."""
    step: int = 1
    """Seconds since the block before."""

    def is_turn(self, every: int, phase: int = 0) -> bool:
        """Return whether one that acts every so many seconds does since the block before."""
        return (self.second + phase) % every < self.step


class Agent(ABC):
    """One account on one perpetual."""

    def __init__(self, pair: KeyPair, number: int, chance: Chance) -> None:
        """Take an account, and a `number` for client ids that no other agent has."""
        self.pair = pair
        self.chance = chance
        self._next_id = (number + 1) << 64
        self._nonce = 0

    @abstractmethod
    def decide(self, ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        """Return what to do in this second."""

    def act(self, ledger: Ledger, coin: CoinView, now: int) -> list[SignedAction]:
        """Return what the agent signs in this second; `now` in milliseconds."""
        return [self._sign(action, now) for action in self.decide(ledger, coin)]

    def position(self, ledger: Ledger, coin: CoinView) -> int:
        """Return the signed size of the agent's position."""
        found = ledger.perp.netting_position(self.pair.address, coin.address)
        return found.size if found else 0

    def new_id(self) -> str:
        """Return a client id that was never used."""
        self._next_id += 1
        return f"0x{self._next_id:032x}"

    def take(
        self, coin: CoinView, usd: int, *, is_buy: bool, reduce_only: bool = False
    ) -> OrderAction:
        """Return an order that takes what is near the fair price."""
        amount = usd * 10**6 * 10**coin.size_decimals // coin.fair
        return self.take_amount(coin, max(1, amount), is_buy=is_buy, reduce_only=reduce_only)

    def take_amount(
        self, coin: CoinView, amount: int, *, is_buy: bool, reduce_only: bool = False
    ) -> OrderAction:
        """Return the same for an amount in units of 10**-szDecimals."""
        price = coin.fair * (_MILLION + (_AWAY if is_buy else -_AWAY)) // _MILLION
        wire = wire_of(coin, price, amount, "Ioc", self.new_id(), is_buy=is_buy)
        if reduce_only:
            wire = OrderWire(wire.a, wire.b, wire.p, wire.s, r=True, t=wire.t, c=wire.c)
        return OrderAction((wire,), "na")

    def _sign(self, action: L1Action, now: int) -> SignedAction:
        self._nonce = max(self._nonce + 1, now)
        return SignedAction.by(self.pair, Envelope(action, self._nonce))


class Maker(Agent):
    """Quotes on both sides of the fair price, lower where it is long, and again and again."""

    def __init__(self, pair: KeyPair, number: int, chance: Chance, settings: MakerSettings) -> None:
        super().__init__(pair, number, chance)
        self._settings = settings
        self._quoted: list[str] = []
        self._phase = chance.below(settings.every)

    def decide(self, ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        settings = self._settings
        if not coin.is_turn(settings.every, self._phase):
            return ()
        level = settings.size_usd * 10**6 * 10**coin.size_decimals // coin.fair
        full = max(1, level * settings.levels)
        # A position of all levels together moves the quotes by half a spread.
        skew = self.position(ledger, coin) * settings.half_spread // (2 * full)
        wires = []
        for number in range(settings.levels):
            for is_buy in (True, False):
                away = settings.half_spread * (1 + number) + self.chance.below(20)
                shift = -skew + (-away if is_buy else away)
                price = coin.fair * (_MILLION + shift) // _MILLION
                amount = max(1, level * self.chance.between(700_000, 1_300_000) // _MILLION)
                wires.append(wire_of(coin, price, amount, "Alo", self.new_id(), is_buy=is_buy))
        cancels = tuple(CancelByCloidWire(coin.asset, cloid) for cloid in self._quoted)
        self._quoted = [wire.c for wire in wires if isinstance(wire.c, str)]
        quotes = OrderAction(tuple(wires), "na")
        return (CancelByCloidAction(cancels), quotes) if cancels else (quotes,)


class Taker(Agent):
    """Takes by chance, more in one direction where there is a bias."""

    def __init__(self, pair: KeyPair, number: int, chance: Chance, settings: TakerSettings) -> None:
        super().__init__(pair, number, chance)
        self._settings = settings

    def decide(self, _ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        if not self.chance.happens(self._settings.rate):
            return ()
        is_buy = self.chance.happens(_MILLION // 2 + self._settings.bias)
        usd = self._settings.size_usd * self.chance.between(300_000, 2_000_000) // _MILLION
        return (self.take(coin, usd, is_buy=is_buy),)


class Hedger(Agent):
    """Takes the other side of the mark's distance from the fair price, and closes again."""

    def decide(self, ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        if not coin.is_turn(10):
            return ()
        held = self.position(ledger, coin)
        if held and self.chance.happens(300_000):
            closing = self.take_amount(coin, abs(held), is_buy=held < 0, reduce_only=True)
            return (closing,)
        bid, ask = ledger.perp.book(coin.address).best_prices()
        if bid and ask:
            middle = (bid + ask) // 2
            if abs(middle - coin.fair) * _MILLION > coin.fair * 200:
                return (self.take(coin, 2_000, is_buy=middle < coin.fair),)
        return ()


class Leveraged(Agent):
    """Opens as large a position as its margin allows, once, and perhaps panics."""

    def __init__(
        self,
        pair: KeyPair,
        number: int,
        chance: Chance,
        settings: LeveragedSettings,
        leverage: int,
    ) -> None:
        super().__init__(pair, number, chance)
        self._settings = settings
        self._leverage = leverage
        self._opens_at = 20 + chance.below(60)
        self._entered = 0

    def decide(self, ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        settings = self._settings
        held = self.position(ledger, coin)
        if coin.second >= self._opens_at and not self._entered:
            self._entered = coin.fair
            usd = settings.margin_usd * self._leverage * 8 // 10
            return (self.take(coin, usd, is_buy=settings.is_long),)
        if held and settings.panics_at and self._entered:
            lost = (self._entered - coin.fair) * (1 if held > 0 else -1)
            if lost * _MILLION > self._entered * settings.panics_at:
                return (self.take_amount(coin, abs(held), is_buy=held < 0, reduce_only=True),)
        return ()


class Adversary(Agent):
    """Plays tricks with quotes, another each second: none of them may cost anybody but itself."""

    def __init__(
        self, pair: KeyPair, number: int, chance: Chance, settings: AdversarySettings
    ) -> None:
        super().__init__(pair, number, chance)
        self._settings = settings
        self._resting: list[str] = []

    def decide(self, ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        tricks = (self._spoof, self._bend, self._cross_itself, self._stuff, self._overreach)
        done = list(tricks[self.chance.below(len(tricks))](ledger, coin))
        if self._resting and self.chance.happens(500_000):
            done.append(self._pull(coin))
        return done

    def _spoof(self, _ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        """Show far more than others on one side, near the best price."""
        is_buy = self.chance.happens(_MILLION // 2)
        shift = 400 + self.chance.below(800)
        return (self._quote(coin, -shift if is_buy else shift, 20, is_buy=is_buy),)

    def _bend(self, _ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        """Quote both sides of a price that is far from the fair one, to draw the mark there."""
        shift = self.chance.between(-60_000, 60_000)
        return (
            self._quote(coin, shift - 100, 1, is_buy=True),
            self._quote(coin, shift + 100, 1, is_buy=False),
        )

    def _cross_itself(self, _ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        """Rest on one side and take it from the other."""
        shift = self.chance.between(-300, 300)
        taking = self.take(coin, self._settings.size_usd, is_buy=True)
        return (self._quote(coin, shift, 1, is_buy=False), taking)

    def _stuff(self, _ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        """Place many of the least size, and cancel what never was."""
        quotes = [
            self._quote(coin, -self.chance.between(1_000, 90_000), 0, is_buy=True)
            for _ in range(self._settings.orders)
        ]
        return (*quotes, CancelByCloidAction((CancelByCloidWire(coin.asset, self.new_id()),)))

    def _overreach(self, ledger: Ledger, coin: CoinView) -> Sequence[L1Action]:
        """Ask for what margin can't carry, and close more than there is."""
        held = self.position(ledger, coin)
        closing = self.take_amount(coin, 2 * abs(held) + 1, is_buy=held < 0, reduce_only=True)
        return (self.take(coin, 10_000_000, is_buy=held >= 0), closing)

    def _quote(self, coin: CoinView, shift: int, times: int, *, is_buy: bool) -> OrderAction:
        """Return a quote of so many times the usual size, or of the least for 0."""
        usd = self._settings.size_usd * times or 11
        amount = max(1, usd * 10**6 * 10**coin.size_decimals // coin.fair)
        price = coin.fair * (_MILLION + shift) // _MILLION
        cloid = self.new_id()
        self._resting.append(cloid)
        return OrderAction((wire_of(coin, price, amount, "Alo", cloid, is_buy=is_buy),), "na")

    def _pull(self, coin: CoinView) -> CancelByCloidAction:
        cancels = tuple(CancelByCloidWire(coin.asset, cloid) for cloid in self._resting)
        self._resting = []
        return CancelByCloidAction(cancels)


def wire_of(
    coin: CoinView, price: int, amount: int, tif: str, cloid: str, *, is_buy: bool
) -> OrderWire:
    """Return an order on the grid: `price` rounded away from the other side."""
    on_grid = nearest_price(
        price * _TO_ORDER, ORDER_DECIMALS, coin.size_decimals, round_up=not is_buy
    )
    limit = _LIMITS[tif]
    return OrderWire(
        coin.asset,
        is_buy,
        format_decimal(on_grid, ORDER_DECIMALS),
        format_decimal(amount, coin.size_decimals),
        r=False,
        t=OrderType(limit, UNSET),
        c=cloid,
    )
