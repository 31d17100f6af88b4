"""Calls and transactions: the precompile against what any contract costs on this chain."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import evm_dex
from benchmarks.harness import Result, measure
from evm_dex.addresses import to_address
from evm_dex.dex import Dex
from precompiles.factory import get_precompiles_with_storage
from precompiles.standalone import StandaloneContext, call
from precompiles.types import SPOT_ADDRESS

_WETH, _USDC = 10**18, 10**6
_IDENTITY = "0x0000000000000000000000000000000000000004"
_GAS = 400_000
_BATCH = 50


def run(*, quick: bool) -> Iterator[Result]:
    """Calls without a trace, then transactions in memory and on disk."""
    rounds = 5 if quick else 15
    with evm_dex.open() as dex:
        yield from _calls(dex, rounds)
        yield from _transactions(dex, "in memory", rounds)
    with tempfile.TemporaryDirectory() as directory, evm_dex.open(Path(directory)) as dex:
        yield from _transactions(dex, "on disk", rounds)


def _calls(dex: Dex, rounds: int) -> Iterator[Result]:
    """The same eth_call with another address behind it, and the precompile with no EVM."""
    weth = dex.tokens["WETH"]
    best = dex.spot.encode("getBestPrices", weth)
    place = dex.spot.encode("placeOrder", weth, _WETH, 3_000 * _USDC, True)
    # A ledger over the same rows, so that the chain's own is left alone.
    spot = get_precompiles_with_storage(dex.store).by_address[SPOT_ADDRESS]
    caller = to_address(dex.accounts[0])

    def by_call(to: object, data: bytes) -> int:
        for _ in range(_BATCH):
            dex.call(to=to, data=data, gas=_GAS)  # type: ignore[arg-type] # an address or contract
        return _BATCH

    def standalone(data: bytes) -> int:
        journal = spot.ledger.journal
        for _ in range(10 * _BATCH):
            mark = journal.mark()
            assert call(spot, StandaloneContext(caller), data).success
            journal.revert(mark)
        return 10 * _BATCH

    found = measure(
        {
            "identity, eth_call": lambda: by_call(_IDENTITY, best),
            "getBestPrices, eth_call": lambda: by_call(dex.spot, best),
            "placeOrder, eth_call": lambda: by_call(dex.spot, place),
            "getBestPrices, no EVM": lambda: standalone(best),
            "placeOrder and undo, no EVM": lambda: standalone(place),
        },
        rounds,
    )
    floor = found["identity, eth_call"]
    for case, value in found.items():
        ratio = value / floor if "eth_call" in case else None
        yield Result("call", case, value, "µs", "identity" if ratio else "", ratio)


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
