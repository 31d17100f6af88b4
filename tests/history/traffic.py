"""Random trading on both exchanges of a real chain: orders, triggers, prices, liquidations."""

from __future__ import annotations

import random
from typing import Any

import evm_dex
from evm_dex.blocks.addresses import to_address
from evm_dex.client.contract import Contract
from evm_dex.client.dex import Dex
from precompiles.ledger.table import TableNumber
from precompiles.types import MAX_LEVERAGE

WETH, USDC = 10**18, 10**6
GAS = 2_000_000
TRADERS = 6
TICK = 10_000
LOT = 10**14
"""Both of both markets of the default genesis."""
START = 2_000 * USDC
"""Where prices begin."""
CLIENT_IDS = (0, 0, 0, 11, 12)


class Traffic:
    """The same seed sends the same transactions, whatever becomes of them."""

    def __init__(self, dex: Dex, seed: int) -> None:
        """On a chain of the default genesis without automine."""
        self.dex, self.random = dex, random.Random(seed)
        self.weth = dex.tokens["WETH"]
        self.mark = START
        self.positions = 0
        self.nonces = [dex.nonce(account) for account in dex.accounts]

    def block(self, most: int = 8) -> None:
        """Send up to `most` transactions and mine them."""
        for _ in range(self.random.randint(1, most)):
            self.act()
        self.dex.mine()

    def act(self) -> None:
        choices = (self.spot_order, self.perp_order, self.trigger, self.price, self.position)
        end = (self.cancel, self.cancel_all, self.replace, self.keep)
        choose = self.random.choices((*choices, *end), weights=(30, 25, 12, 9, 6, 12, 1, 5, 8))
        choose[0]()

    def again(self) -> None:
        """After a rollback: nonces as they are now."""
        self.nonces = [self.dex.nonce(account) for account in self.dex.accounts]

    def spot_order(self) -> None:
        is_buy = self.random.random() < 0.5
        arguments = (self.weth, self.amount(), self.near(START, is_buy), is_buy)
        force = self.random.choice((0, 0, 0, 1, 2, 3))
        self.send("spot", "placeOrderWithOptions", *arguments, force, self.client_id())

    def perp_order(self) -> None:
        is_buy = self.random.random() < 0.5
        arguments = (self.weth, self.amount(), self.near(self.mark, is_buy), is_buy)
        force, reduces = self.random.choice((0, 0, 0, 1, 3)), self.random.random() < 0.2
        self.send("perp", "placeOrderWithOptions", *arguments, force, reduces, self.client_id())

    def trigger(self) -> None:
        is_buy, is_profit = self.random.random() < 0.5, self.random.random() < 0.5
        away = self.mark // 200 + self.random.randint(0, 3_000) * TICK
        trigger = self.grid(self.mark + away if is_buy != is_profit else self.mark - away)
        limit = self.random.choice((0, self.near(trigger, is_buy)))
        flags = (is_buy, is_profit, self.random.random() < 0.4, self.client_id())
        # What no account can afford is refused once it fires.
        size = self.amount() * self.random.choice((1, 1, 1, 100_000))
        self.send("perp", "placeTrigger", self.weth, size, trigger, limit, *flags)

    def price(self) -> None:
        jump = self.random.choice((2, 20, 80))
        self.mark = self.grid(self.mark * (1_000 + self.random.randint(-jump, jump)) // 1_000)
        self.send("perp", "setOraclePrice", self.weth, self.mark, who=0)

    def position(self) -> None:
        if self.positions and self.random.random() < 0.3:
            self.send("perp", "closePosition", self.random.randint(1, self.positions))
            return
        self.positions += 1
        leverage = self.random.choice((5, 20, MAX_LEVERAGE))
        is_long = self.random.random() < 0.5
        self.send("perp", "openPosition", self.weth, self.amount() * 10, leverage, is_long)

    def cancel(self) -> None:
        self.send(self.exchange(), "cancelOrder", self.order_id())

    def cancel_all(self) -> None:
        self.send(self.exchange(), "cancelAllOrders", self.weth)

    def replace(self) -> None:
        """A live order of its owner's: smaller at its price, or at another one."""
        live = [order for _, order in sorted(self.dex.chain.ledger.spot.orders.rows.items())]
        if not live:
            return
        order = self.random.choice(live)
        lots = max(1, order.remaining * self.random.randint(1, 9) // 10 // LOT)
        price = self.random.choice((order.price, order.price, order.price + TICK))
        owner = [to_address(account) for account in self.dex.accounts].index(order.owner)
        amount = order.filled + lots * LOT
        self.send("spot", "replaceOrder", order.id, amount, price, who=owner)

    def keep(self) -> None:
        self.send("perp", "keep", 20, who=7)

    def send(self, exchange: str, name: str, *arguments: Any, who: int | None = None) -> None:
        """As any trader; on a nonce of our own, since what waits is not looked at."""
        contract: Contract = getattr(self.dex, exchange)
        index = self.random.randint(1, TRADERS) if who is None else who
        contract.submit(
            name, *arguments, sender=self.dex.accounts[index], gas=GAS, nonce=self.nonces[index]
        )
        self.nonces[index] += 1

    def exchange(self) -> str:
        return self.random.choice(("spot", "perp"))

    def order_id(self) -> int:
        """Of one of the last hundred orders, probably."""
        counter = self.dex.chain.ledger.tables[TableNumber.COUNTERS].get(b"\x01")
        newest = counter.next_id if counter else 1
        return self.random.randint(max(1, newest - 100), newest)

    def amount(self) -> int:
        return self.random.randint(1, 20) * WETH // 10

    def client_id(self) -> int:
        return self.random.choice(CLIENT_IDS)

    def near(self, price: int, is_buy: bool) -> int:
        """Mostly on the passive side of a price, at times beyond it."""
        away = self.random.randint(-300, 900) * TICK
        return self.grid(price - away if is_buy else price + away)

    @staticmethod
    def grid(price: int) -> int:
        return price - price % TICK


def chain(path: Any = None, **options: Any) -> Dex:
    """A chain for traffic."""
    return evm_dex.open(path, automine=False, **options)
