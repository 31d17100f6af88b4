"""A chain with a perpetuals market, for the tests of the example contracts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

import evm_dex
from evm_dex.blocks.addresses import Account
from evm_dex.client.contract import Contract
from evm_dex.client.dex import Dex
from precompiles.errors import ContractError
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS, PERP_ADDRESS

WETH, USDC = 10**18, 10**6
PRICE = 3_000 * USDC
"""The first oracle price; without a two-sided book it is the mark price too."""
LEVERAGE = 10
MAX_PRICE_AGE = 600
FUNDS = 100_000 * USDC
ACCOUNTS = [f"account{index}" for index in range(10)]
GENESIS: dict[str, Any] = {
    "tokens": [
        {"symbol": "WETH"},
        {
            "symbol": "USDC",
            "decimals": 6,
            "balances": dict.fromkeys(ACCOUNTS, 100_000_000 * USDC),
        },
    ],
    "markets": [
        {"base": "WETH", "quote": "USDC", "tick": 10_000, "lot": 10**14, "taker_fee": 50},
    ],
    "deposits": {name: {"WETH": 1_000 * WETH, "USDC": 10_000_000 * USDC} for name in ACCOUNTS},
}
"""A spot market with a taker fee of 0.05 %, and nothing yet on the perpetuals exchange."""


class World(NamedTuple):
    """A chain whose perpetuals exchange has one market, WETH, with prices and liquidity."""

    dex: Dex
    perp: Contract
    weth: Contract
    usdc: Contract

    @property
    def feeder(self) -> Account:
        return self.dex.accounts[9]

    @property
    def dealer(self) -> Account:
        """The other side of most trades."""
        return self.dex.accounts[8]

    def post(self, price: int) -> None:
        self.perp.send("setOraclePrice", self.weth, price, sender=self.feeder)

    def order(self, size: int, price: int, *, is_buy: bool) -> None:
        """An order of the dealer's."""
        self.perp.send("placeOrder", self.weth, size, price, is_buy, sender=self.dealer)

    def deposit(self, account: Account, amount: int) -> None:
        self.usdc.send("approve", self.perp, amount, sender=account)
        self.perp.send("deposit", amount, sender=account)

    def open(self, account: Account, leverage: int) -> int:
        """The id of a new long of one WETH."""
        arguments = (self.weth, WETH, leverage, True)
        position_id: int = self.perp.call("openPosition", *arguments, sender=account)
        self.perp.send("openPosition", *arguments, sender=account)
        return position_id

    def fund(self, name: str, *args: Any) -> Contract:
        """An example contract with collateral and, for the spot exchange, as much again."""
        contract = self.dex.deploy(name, *args)
        self.usdc.send("mint", contract, 2 * FUNDS)
        contract.send("depositCollateral", FUNDS)
        contract.send("deposit", self.usdc, FUNDS)
        return contract

    def size_of(self, owner: Contract) -> int:
        """Signed size of the netting position."""
        position_id = self.perp.call("getPositionId", owner, self.weth)
        return self.perp.call("getPositionState", position_id).size if position_id else 0

    def digest(self) -> int:
        """Of all rows of both exchanges: what a call that reverts must leave alone."""
        return self.dex.storage(LEDGER_ADDRESS, COMMITMENT_SLOT)


@contextmanager
def open_world() -> Iterator[World]:
    """In memory, listed and funded by transactions; what it was used for leaves it sound."""
    with evm_dex.open(genesis=GENESIS) as dex:
        perp = dex.contract(PERP_ADDRESS, "IPerp")
        world = World(dex, perp, dex.tokens["WETH"], dex.tokens["USDC"])
        perp.send("setCollateral", world.usdc)
        perp.send("listMarket", world.weth, WETH, 10_000, 10**14, 50, world.feeder)
        perp.send("setRisk", world.weth, MAX_PRICE_AGE, 5_000, 0, 30)
        for account in (world.dealer, dex.accounts[7]):
            world.deposit(account, 10_000_000 * USDC)
        perp.send("setVault", world.weth, dex.accounts[7], 10_000_000 * USDC)
        world.post(PRICE)
        yield world
        assert dex.self_check() == []


@contextmanager
def refused_with(error: str) -> Iterator[None]:
    """The exchange refuses, and its error comes through the contract in between unchanged."""
    with pytest.raises(evm_dex.Reverted) as refusal:
        yield
    assert error_name(refusal.value.output) == error


def error_name(revert_data: bytes) -> str:
    return ContractError.known[revert_data[:4]].__name__
