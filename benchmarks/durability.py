"""Costs of checkpoints and recovery on disk, and the room that an order takes."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import evm_dex
from benchmarks.filling import USDC, fill, fill_ended
from benchmarks.harness import Result, elapsed
from checkpoint.manager import CheckpointManager
from checkpoint.rocks import RocksStore
from checkpoint.verify import verify_store
from evm_dex.client.dex import Dex
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.recovery import open_ledger
from precompiles.types import Address

_ROUNDS = 7
_ACTIVE = 10_000
_OPEN = """
import re, sys, time
from pathlib import Path
import checkpoint.rocks, evm_dex, evm_dex.client.open_dex
started, used = time.perf_counter(), time.process_time()
dex = evm_dex.open(sys.argv[1])
taken, used = time.perf_counter() - started, time.process_time() - used
assert not dex.chain.recovery.in_full
status = Path("/proc/self/status").read_text()
print(taken * 1_000, used * 1_000, int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]) / 1_024)
dex.close()
"""


def run(*, quick: bool) -> Iterator[Result]:
    """At 10k and 100k active orders, and with a million that ended; a tenth of that when quick."""
    with tempfile.TemporaryDirectory() as directory:
        yield from _with_ended(Path(directory), 100_000 if quick else 1_000_000)
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


def _with_ended(directory: Path, ended: int) -> Iterator[Result]:
    """Open in a process of its own, beside one that opens a chain without orders."""
    chain, empty = directory / "chain", directory / "empty"
    with evm_dex.open(empty):
        pass
    with evm_dex.open(chain, checkpoint_interval=10**9) as dex:
        fill_ended(dex, Address(dex.tokens["WETH"].raw_address), ended)
        fill(dex, Address(dex.tokens["WETH"].raw_address), _ACTIVE)
        # A block by way of the EVM commits to all that was filled in.
        dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, 6_000 * USDC, False)
    case = f"of {ended:,} ended and {_ACTIVE:,} active orders"
    full, bare = zip(*((_opened(chain), _opened(empty)) for _ in range(_ROUNDS)), strict=True)
    taken, used, most = (statistics.median(figures) for figures in zip(*full, strict=True))
    yield Result("opening", case, taken, "ms", target="≤ 500 ms")
    yield Result("opening", f"processor time, {case}", used, "ms")
    taken, used, least = (statistics.median(figures) for figures in zip(*bare, strict=True))
    yield Result("opening", "of a chain without orders", taken, "ms")
    yield Result("opening", "processor time, of a chain without orders", used, "ms")
    most -= least
    yield Result("opening", f"memory more than without orders, {case}", most, "MiB", target="≤ 150")
    with evm_dex.open(chain) as dex:
        each = elapsed(lambda: dex.spot.call("getOrderStatus", ended // 2), _ROUNDS)
        yield Result("opening", f"getOrderStatus of an ended order, {case}", each, "ms")
        proof = elapsed(lambda: verify_store(dex.store), 1)
        speed = sum(dex.chain.ledger.commitment.counts.values()) / proof * 1_000
        yield Result("opening", f"proof in full, {case}", speed, "rows/s", target="≥ 100,000")


def _opened(path: Path) -> tuple[float, float, float]:
    """Return milliseconds of `evm_dex.open` in a process that imported it, and MiB at the most.

    Of the clock and of the processor.
    """
    command = [sys.executable, "-c", _OPEN, str(path)]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    return float(told[0]), float(told[1]), float(told[2])


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
        samples.append(elapsed(lambda: opened.append(open_ledger(store, in_full=True)[0]), 1))
        opened.pop().close()
    return sorted(samples)[_ROUNDS // 2]


def _disk(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
