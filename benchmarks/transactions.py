"""An order as a transaction, alone and by a contract, against one storage write and one event."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import evm_dex
from benchmarks.harness import Result, measure
from evm_dex.client.dex import Dex

_WETH, _USDC = 10**18, 10**6
_GAS = 400_000
_BATCH = 50


def run(*, quick: bool) -> Iterator[Result]:
    """Milliseconds per transaction, in memory and on disk."""
    rounds = 5 if quick else 15
    with evm_dex.open() as dex:
        yield from _transactions(dex, "in memory", rounds)
    with tempfile.TemporaryDirectory() as directory, evm_dex.open(Path(directory)) as dex:
        yield from _transactions(dex, "on disk", rounds)


def _transactions(dex: Dex, where: str, rounds: int) -> Iterator[Result]:
    """One block each, the state root made every time."""
    weth, owner = dex.tokens["WETH"], dex.accounts[0]
    floor_contract, trader = dex.deploy("StorageAndEvent"), dex.deploy("Trader")
    weth.send("mint", trader, 1_000_000 * _WETH)
    trader.send("deposit", weth, 1_000_000 * _WETH)
    numbers = itertools.count(1)

    def send(contract: evm_dex.Contract, name: str, *args: object) -> int:
        for _ in range(_BATCH):
            number = next(numbers)
            filled = [argument(number) if callable(argument) else argument for argument in args]
            assert contract.send(name, *filled, sender=owner, gas=_GAS).succeeded
        return _BATCH

    def price(number: int) -> int:
        return (3_000 + number % 50) * _USDC

    found = measure(
        {
            "SSTORE and event": lambda: send(floor_contract, "store", lambda n: n, lambda n: n),
            "placeOrder": lambda: send(dex.spot, "placeOrder", weth, 10**15, price, False),
            "placeOrder by a contract": lambda: send(
                trader, "placeLimit", weth, 10**15, price, False
            ),
        },
        rounds,
    )
    floor = found.pop("SSTORE and event")
    yield Result("transaction", f"SSTORE and event, {where}", floor / 1_000, "ms")
    for case, value in found.items():
        yield Result(
            "transaction",
            f"{case}, {where}",
            value / 1_000,
            "ms",
            "SSTORE and event",
            value / floor,
            "≤ 1.3 x" if case == "placeOrder" else "",
        )
