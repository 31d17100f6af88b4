"""The market itself: a block each second, with the oracle's prices and what the agents do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from eth_hash.auto import keccak

from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.blocks.header import Header
from evm_dex.chain.chain import Chain
from evm_dex.chain.core_inputs import OraclePrices
from evm_dex.chain.signed_action import SignedAction
from evm_dex.market.agents import (
    Adversary,
    Agent,
    CoinView,
    Hedger,
    Leveraged,
    Maker,
    Taker,
)
from evm_dex.market.chance import Chance
from evm_dex.market.price_paths import read_candles, read_trades, walk
from evm_dex.market.scenarios import MarketSpec
from precompiles.hyper.asset_ids import asset_id, parse_perp_id
from precompiles.hyper.signed.decimals import format_decimal
from precompiles.hyper.signed.digest import Envelope
from precompiles.hyper.signed.typed_actions import UsdSendAction
from precompiles.hyper.system_addresses import perp_address
from precompiles.hyper.units import COLLATERAL_DECIMALS
from precompiles.ledger.hyper.records import CorePerp
from precompiles.perp.accrual import prices_at

_USD = 10**COLLATERAL_DECIMALS
_MAKER_FUNDS, _OTHER_FUNDS = 200_000, 20_000


class _CoinMarket:
    """One perpetual: its path, and who trades it."""

    def __init__(self, perp: CorePerp, path: Iterator[int], agents: list[Agent]) -> None:
        self.perp = perp
        self.path = path
        self.agents = agents
        self.oracle = 0


class LivingMarket:
    """A living market on a chain of HyperEVM's. The same spec gives the same blocks everywhere."""

    def __init__(self, chain: Chain, spec: MarketSpec, funder: KeyPair) -> None:
        """`funder` pays for the agents. Raises ValueError for a coin that is not listed."""
        self._chain = chain
        self._spec = spec
        self._funder = funder
        self._second = 0
        self._nonce = 0
        ledger = chain.ledger
        if ledger.core.settings is None:
            raise ValueError("a market needs HyperCore: open the chain with profile hyperevm")
        self._coins = [self._coin(coin) for coin in spec.coins]
        self._fund()

    def run(
        self, seconds: int, told: Callable[[int, int], object] = lambda _done, _all: None
    ) -> Header:
        """Go on for so many seconds, as fast as the chain goes; the last block's header.

        A path from a file ends with it. `told` hears how many seconds of how many are done.
        """
        for second in range(1, seconds + 1):
            if not self.step():
                break
            told(second, seconds)
        return self._chain.head

    def step(self, timestamp: int | None = None) -> bool:
        """Make the next block, and return whether the path goes on.

        `timestamp` in seconds, at least the head's; default a step after it.
        """
        now = self._chain.head.timestamp + self._spec.keeps_step
        now = now if timestamp is None else timestamp
        self._second += self._spec.keeps_step
        prices, actions = [], []
        for coin in self._coins:
            fair = self._next_price(coin)
            if fair is None:
                return False
            first, last = self._spec.oracle_stuck
            if not first < self._second <= last:
                coin.oracle = fair
                prices.append((coin.perp.perp_id, fair, fair))
            view = CoinView(
                asset_id(parse_perp_id(coin.perp.perp_id)),
                perp_address(coin.perp.perp_id),
                coin.perp.size_decimals,
                fair,
                self._second,
                self._spec.keeps_step,
            )
            for agent in coin.agents:
                actions += agent.act(self._chain.ledger, view, now * 1_000)
        inputs = [OraclePrices(tuple(prices))] if prices else []
        self._chain.send_to_core((*inputs, *actions), now)
        return True

    def time_now(self) -> int:
        """Return the clock's time in seconds, or the head's where that is later."""
        return max(self._chain.head.timestamp, int(time.time()))

    def _next_price(self, coin: _CoinMarket) -> int | None:
        price = None
        for _ in range(self._spec.keeps_step):
            price = next(coin.path, None)
        return price

    def _coin(self, name: str) -> _CoinMarket:
        ledger, spec = self._chain.ledger, self._spec
        perp = next((it for it in ledger.core.perps if it.coin == name), None)
        if perp is None:
            listed = ", ".join(it.coin for it in ledger.core.perps)
            raise ValueError(f"a market's coin must be one of {listed}, got {name!r}")
        market = ledger.perp.markets.rows[perp_address(perp.perp_id)]
        start = prices_at(ledger, market, self._chain.head.timestamp).oracle
        if spec.candles:
            path = read_candles(Path(spec.candles))
        elif spec.trades:
            path = read_trades(Path(spec.trades))
        else:
            path = walk(spec.path, start, Chance(f"{spec.seed} {name} path"))
        return _CoinMarket(perp, path, list(self._agents(name, market.max_leverage)))

    def _agents(self, coin: str, max_leverage: int) -> Iterator[Agent]:
        spec = self._spec

        def new(kind: str, number: int) -> tuple[KeyPair, int, Chance]:
            name = f"{spec.seed} {coin} {kind} {number}"
            key = keccak(f"evm-dex market {name}".encode())
            return KeyPair(key), int.from_bytes(key[:6], "big"), Chance(name)

        for number in range(spec.makers.count):
            yield Maker(*new("maker", number), spec.makers)
        for number in range(spec.takers.count):
            yield Taker(*new("taker", number), spec.takers)
        for number in range(spec.hedgers):
            yield Hedger(*new("hedger", number))
        for number in range(spec.leveraged.count):
            yield Leveraged(*new("leveraged", number), spec.leveraged, min(20, max_leverage))
        for number in range(spec.adversaries.count):
            yield Adversary(*new("adversary", number), spec.adversaries)

    def _fund(self) -> None:
        """Pay the agents, in one block."""
        head = self._chain.head
        payments = []
        for coin in self._coins:
            for agent in coin.agents:
                usd = _MAKER_FUNDS if isinstance(agent, Maker) else _OTHER_FUNDS
                if isinstance(agent, Leveraged):
                    usd = self._spec.leveraged.margin_usd
                payments.append(self._payment(agent, usd, head.timestamp * 1_000))
        self._chain.send_to_core(payments, head.timestamp + 1)

    def _payment(self, agent: Agent, usd: int, now: int) -> SignedAction:
        self._nonce = max(self._nonce + 1, now)
        action = UsdSendAction(
            signature_chain_id="0x66eee",
            hyperliquid_chain="Testnet",
            destination=f"0x{agent.pair.address.hex()}",
            amount=format_decimal(usd * _USD, COLLATERAL_DECIMALS),
            time=self._nonce,
        )
        envelope = Envelope(action, self._nonce)
        return SignedAction.by(self._funder, envelope)
