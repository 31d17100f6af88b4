"""Trading in large blocks: hundreds of orders per transaction, on both exchanges, and all else."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

import evm_dex
from evm_dex.chain.genesis.genesis_file import default_genesis_file
from evm_dex.client.dex import Dex
from tests.history.traffic import LOT, START, TICK, TRADERS, USDC, WETH, Traffic

_ORDERS = 100
"""In a batch: as many as the exchanges take."""
_GAS = 12_000_000
"""Of a batch, which needs two thirds of it at most."""
_BLOCK_GAS = 400_000_000
"""Far more than the blocks need, so that the base fee falls."""
_FUNDS = 10_000
"""Times what accounts have by default, so that nobody runs out of it."""
_FORCES = (0, 0, 0, 0, 0, 0, 1, 1, 2, 3)


class BulkTraffic(Traffic):
    """Blocks that most of the events come from batches of, and single actions for variety."""

    def __init__(self, dex: Dex, seed: int) -> None:
        super().__init__(dex, seed)
        batches: tuple[Callable[[], None], ...] = (
            *[self._spot] * 4,
            *[self._perp] * 2,
            self._clear,
        )
        self._batches = batches

    def block(self, most: int = 4) -> None:
        """Some batches, up to `most` single transactions between them, and mine."""
        for _ in range(self.random.randint(1, most)):
            self.random.choice(self._batches)()
            self.act()
        self.dex.mine()

    def _spot(self) -> None:
        is_buy = self.random.random() < 0.5
        requests = [self._request(START, is_buy, ()) for _ in range(_ORDERS)]
        self._send("spot", "placeOrders", requests)

    def _perp(self) -> None:
        is_buy = self.random.random() < 0.5
        requests = [self._request(self.mark, is_buy, (False,)) for _ in range(_ORDERS // 2)]
        self._send("perp", "placeOrders", requests)

    def _clear(self) -> None:
        """All of one trader's: books stay as small as they are."""
        for exchange in ("spot", "perp"):
            self._send(exchange, "cancelAllOrders", self.weth)

    def _request(self, price: int, is_buy: bool, flags: tuple[bool, ...]) -> tuple[Any, ...]:
        """Few lots, at a price where some of it meets others' orders and some rests.

        A batch has one side, as it would else mostly meet itself.
        """
        away = self.random.randint(-30, 15) * TICK
        limit = self.grid(price - away if is_buy else price + away)
        amount = self.random.randint(1, 50) * LOT
        return (self.weth, amount, limit, is_buy, self.random.choice(_FORCES), *flags, 0)

    def _send(self, exchange: str, name: str, argument: Any) -> None:
        index = self.random.randint(1, TRADERS)
        getattr(self.dex, exchange).submit(
            name, argument, sender=self.dex.accounts[index], gas=_GAS, nonce=self.nonces[index]
        )
        self.nonces[index] += 1


def warm_up() -> None:
    """Load all that an engine needs, so that those that are forked off have it.

    In memory, as the threads of a database do not survive a fork.
    """
    import_module("checkpoint.manager")
    import_module("checkpoint.rocks")
    with chain(None) as dex:
        BulkTraffic(dex, 0).block()


def chain(path: Any) -> Dex:
    """A chain with room for large blocks and funds for a long time."""
    genesis = msgspec.to_builtins(default_genesis_file())
    accounts = [f"account{index}" for index in range(10)]
    genesis["gas_limit"] = _BLOCK_GAS
    genesis["deposits"] = {
        account: {"WETH": 1_000 * WETH * _FUNDS, "USDC": 10_000_000 * USDC * _FUNDS}
        for account in accounts
    }
    genesis["perp"]["deposits"] = dict.fromkeys(accounts, 1_000_000 * USDC * _FUNDS)
    return evm_dex.open(path, automine=False, genesis=genesis)
