"""The perpetuals exchange: an order beside spot's, liquidations of a crash, an account's health."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import evm_dex
from benchmarks.harness import Result, measure
from precompiles.execution import Execution
from precompiles.factory import get_precompiles_with_storage
from precompiles.ledger.ledger import Ledger
from precompiles.perp import collateral, markets, oracle, positions
from precompiles.perp.health import cross_health
from precompiles.perp.keeper import run_keeper
from precompiles.types import Address
from tests.precompiles.dict_storage import DictStorage

_WETH, _USDC = 10**18, 10**6
_BATCH = 50
_OWNER, _COLLATERAL = Address(b"\x01" * 20), Address(b"\xcc" * 20)
_POOL = Address(b"\x02" * 20)


def run(*, quick: bool) -> Iterator[Result]:
    """Milliseconds."""
    yield from _orders(5 if quick else 15)
    yield from _health()
    for accounts in (100, 1_000):
        yield from _crash(accounts)


def _orders(rounds: int) -> Iterator[Result]:
    """Measure a resting order by transaction, on either exchange."""
    with evm_dex.open() as dex:
        weth, owner, numbers = dex.tokens["WETH"], dex.accounts[0], itertools.count(1)
        market = dex.perp_markets["WETH"]

        def place(contract: evm_dex.Contract, what: object, base: int) -> int:
            for _ in range(_BATCH):
                price = (base + next(numbers) % 50) * _USDC
                receipt = contract.send(
                    "placeOrder", what, 10**15, price, False, sender=owner, gas=400_000
                )
                assert receipt.succeeded
            return _BATCH

        found = measure(
            {
                "spot": lambda: place(dex.spot, weth, 3_000),
                "perpetual": lambda: place(dex.perp, market, 3_000),
            },
            rounds,
        )
    yield Result("perpetuals", "placeOrder on spot, a transaction", found["spot"] / 1_000, "ms")
    yield Result(
        "perpetuals",
        "placeOrder on a perpetual market, a transaction",
        found["perpetual"] / 1_000,
        "ms",
        "spot",
        found["perpetual"] / found["spot"],
        "≤ 1.5 x",
    )


def _exchange(listed: int) -> tuple[Ledger, Execution, list[Address]]:
    """Create an exchange with priced markets."""
    ledger = get_precompiles_with_storage(DictStorage()).ledger
    ledger.set_owner(_OWNER)
    execution = Execution(ledger, _OWNER, 1, 1_000)
    markets.set_collateral(execution, _COLLATERAL)
    assets = [Address((index + 1).to_bytes(20, "big")) for index in range(listed)]
    for asset in assets:
        markets.list_market(execution, asset, 1, 1, 1, 50, _OWNER)
        oracle.set_price(execution, asset, 50_000, 0)
    return ledger, execution, assets


def _health() -> Iterator[Result]:
    """One pass over an account's positions, whoever else has some."""
    ledger, execution, assets = _exchange(100)
    user = Address(b"\x03" * 20)
    for trader in (user, *(Address(bytes([n]) * 20) for n in range(10, 40))):
        collateral.credit(execution, trader, 10**9)
        for asset in assets:
            market = markets.require_market(ledger, asset)
            positions.apply_to_netting_position(execution, market, trader, 10, 500_000)

    def judge() -> int:
        for _ in range(20):
            cross_health(ledger, user, execution.now)
        return 20

    found = measure({"100 positions": judge}, 9)
    yield Result("perpetuals", "health of 100 positions", found["100 positions"] / 1_000, "ms")


def _crash(accounts: int) -> Iterator[Result]:
    """Everyone is long at 50 times, the price falls two percent, and the backstop takes over."""
    ledger, execution, (asset,) = _exchange(1)
    market = markets.require_market(ledger, asset)
    markets.set_backstop(execution, _POOL)
    collateral.credit(execution, _POOL, 10**12)
    for number in range(accounts):
        user = Address((10**6 + number).to_bytes(20, "big"))
        collateral.credit(execution, user, 10_000)
        positions.apply_to_netting_position(execution, market, user, 10, 500_000)
    positions.apply_to_netting_position(
        execution, market, _POOL, -10 * accounts, 500_000 * accounts
    )
    oracle.set_price(execution, asset, 49_100, 0)
    execution.events.clear()
    started, done, calls = time.perf_counter(), 0, 0
    while step := run_keeper(execution, 100):
        assert step <= 100, "a call does no more than its bound"
        done += step
        calls += 1
    elapsed = (time.perf_counter() - started) * 1_000
    assert done == accounts, f"{done} of {accounts} were liquidated"
    case = f"liquidating {accounts:,} accounts in a crash, {calls} calls of keep(100)"
    yield Result("perpetuals", f"{case}, each", elapsed / accounts, "ms", target="linear")
