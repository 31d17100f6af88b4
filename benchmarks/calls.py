"""Calls that leave no trace: the precompile against py-evm's own, and with no EVM at all."""

from __future__ import annotations

from collections.abc import Iterator

import evm_dex
from benchmarks.harness import Result, measure
from evm_dex.blocks.addresses import to_address
from evm_dex.client.dex import Dex
from precompiles.factory import get_precompiles_with_storage
from precompiles.standalone import StandaloneContext, call
from precompiles.types import SPOT_ADDRESS

_WETH, _USDC = 10**18, 10**6
_IDENTITY = "0x0000000000000000000000000000000000000004"
_GAS = 400_000
_BATCH = 50


def run(*, quick: bool) -> Iterator[Result]:
    """Microseconds per call."""
    with evm_dex.open() as dex:
        yield from _calls(dex, 5 if quick else 15)


def _calls(dex: Dex, rounds: int) -> Iterator[Result]:
    """Measure the same eth_call with another address behind it, and the precompile with no EVM."""
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
