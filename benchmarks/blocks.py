"""A block of many orders on disk: what is ours of it, and what is py-evm's."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import ParamSpec, TypeVar
from unittest.mock import patch

import evm_dex
from benchmarks.filling import USDC, fill
from benchmarks.harness import Result
from evm_dex.chain import chain as core
from evm_dex.client.dex import Dex
from precompiles.types import Address

_ORDERS = 100
_RESTING = 10_000
_GAS = 200_000

P = ParamSpec("P")
T = TypeVar("T")


class Stopwatch:
    """Adds up the time spent in functions."""

    def __init__(self) -> None:
        self.milliseconds = 0.0

    def around(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return the function, timed."""

        def timed(*args: P.args, **kwargs: P.kwargs) -> T:
            started = time.perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                self.milliseconds += (time.perf_counter_ns() - started) / 1_000_000

        return timed


def run(*, quick: bool) -> Iterator[Result]:
    """Milliseconds of wall time per block, with orders resting already."""
    with (
        tempfile.TemporaryDirectory() as directory,
        evm_dex.open(Path(directory), automine=False, checkpoint_interval=10**9) as dex,
    ):
        fill(dex, Address(dex.tokens["WETH"].raw_address), _RESTING)
        samples = [_mine(dex, number) for number in range(5 if quick else 15)]
    ours = statistics.median(ours for ours, _ in samples)
    whole = statistics.median(whole for _, whole in samples)
    yield Result("block", f"{_ORDERS} orders, py-evm's part", whole - ours, "ms")
    yield Result(
        "block",
        f"{_ORDERS} orders, our part: fold, hash, batch, write",
        ours,
        "ms",
        "py-evm's part",
        ours / (whole - ours),
        "≤ 5 ms",
    )


def _mine(dex: Dex, number: int) -> tuple[float, float]:
    """Our part of one block, and all of it."""
    weth = dex.tokens["WETH"]
    for order in range(_ORDERS):
        price = (4_000 + (number * _ORDERS + order) % 500) * USDC
        dex.spot.submit("placeOrder", weth, 10**15, price, False, gas=_GAS)
    ours, whole = Stopwatch(), Stopwatch()
    ledger, store = dex.chain.ledger, dex.store
    with ExitStack() as patches:
        for owner, name in (
            (ledger, "seal"),
            (core, "block_batch"),
            (store, "write"),
            (ledger, "accept"),
        ):
            timed = ours.around(getattr(owner, name))
            patches.enter_context(patch.object(owner, name, timed))
        (block,) = whole.around(dex.mine)()
    assert len(block.transaction_hashes) == _ORDERS, block.dropped
    return ours.milliseconds, whole.milliseconds
