"""Costs of checkpoints and recovery on disk, and the room that an order takes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import evm_dex
from benchmarks.filling import fill
from benchmarks.harness import Result, elapsed
from checkpoint.manager import CheckpointManager
from checkpoint.rocks import RocksStore
from evm_dex.client.dex import Dex
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.recovery import open_ledger
from precompiles.types import Address

_ROUNDS = 7


def run(*, quick: bool) -> Iterator[Result]:
    """At 10k and 100k active orders."""
    for orders in (10_000,) if quick else (10_000, 100_000):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "chain"
            yield from _at_size(path, orders)


def _at_size(path: Path, orders: int) -> Iterator[Result]:
    with evm_dex.open(path, checkpoint_interval=10**9) as dex:
        before = _disk(path)
        asset = Address(dex.tokens["WETH"].raw_address)
        fill(dex, asset, orders)
        assert isinstance(dex.store, RocksStore)
        manager = CheckpointManager(dex.store, 10**9, 1)
        made = _checkpoints(dex, manager)
        target = "≤ 20 ms" if orders == 100_000 else ""
        yield Result("checkpoint", f"of {orders:,} orders", made, "ms", target=target)
    shutil.rmtree(path / "checkpoints", ignore_errors=True)
    with closing(RocksStore(path)) as store:
        taken = _recoveries(store)
        target = "≤ 1,000 ms" if orders == 100_000 else "≤ 100 ms"
        yield Result("recovery", f"of {orders:,} active orders", taken, "ms", target=target)
    room = (_disk(path) - before) / orders
    yield Result("disk", f"per order, {orders:,} orders, undo rows and log included", room, "bytes")


def _checkpoints(dex: Dex, manager: CheckpointManager) -> float:
    """Each of another block, so that none is there already."""
    samples = []
    for _ in range(_ROUNDS):
        dex.mine()
        samples.append(elapsed(manager.create, 1))
    return sorted(samples)[_ROUNDS // 2]


def _recoveries(store: RocksStore) -> float:
    """Measure opening alone; what was opened is let go of outside the clock."""
    samples = []
    opened: list[Ledger] = []
    for _ in range(_ROUNDS):
        samples.append(elapsed(lambda: opened.append(open_ledger(store)[0]), 1))
        opened.pop().close()
    return sorted(samples)[_ROUNDS // 2]


def _disk(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
