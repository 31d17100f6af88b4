"""Costs of checkpoints of large states: time, disk, proof, and the way back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import evm_dex
from benchmarks.filling import fill
from benchmarks.harness import Result, elapsed
from checkpoint.diff import differing_rows
from checkpoint.families import Family, height_key, row_key
from checkpoint.head import Head
from checkpoint.manager import CheckpointManager
from checkpoint.manifest import list_checkpoints
from checkpoint.restore import restore, verify_checkpoint
from checkpoint.rocks import RocksStore
from checkpoint.snapshot_source import open_snapshot
from checkpoint.store_batch import BlockBatch
from precompiles.ledger.commitment import EMPTY_ACCUMULATOR
from precompiles.ledger.storage import Commitment
from precompiles.ledger.table import TableNumber
from precompiles.types import Address

_ROUNDS = 7
_BATCH = 20_000
_CHANGED = 200
"""Rows that change from one checkpoint to the next."""
_VALUE_BYTES = 90
"""About what an order takes."""


def run(*, quick: bool) -> Iterator[Result]:
    """Measure a million rows and a hundred thousand orders; a tenth of that when quick."""
    with tempfile.TemporaryDirectory() as directory:
        yield from _of_rows(Path(directory), 100_000 if quick else 1_000_000)
    with tempfile.TemporaryDirectory() as directory:
        yield from _of_orders(Path(directory), 10_000 if quick else 100_000)


def _of_rows(path: Path, rows: int) -> Iterator[Result]:
    """Random rows, as many as asked for; nobody proves these."""
    with closing(RocksStore(path, undo_window=0)) as store:
        for height, first in enumerate(range(0, rows, _BATCH)):
            _write(store, height, rows, range(first, first + _BATCH))
        manager = CheckpointManager(store, 10**9, 99)
        samples, sizes, random = [], [], Random(1)
        for height in range(rows // _BATCH, rows // _BATCH + 10):
            samples.append(elapsed(manager.create, 1))
            sizes.append(_disk_used(store.layout.checkpoints))
            _write(store, height, rows, random.sample(range(rows), _CHANGED))
    case = f"of {rows:,} rows, {_CHANGED} of them changed"
    made = sorted(samples[1:])[len(samples) // 2]
    yield Result("checkpoints", f"create, {case}", made, "ms", target="≤ 50 ms")
    yield Result("checkpoints", f"create the first, of {rows:,} rows", samples[0], "ms")
    ratio = sizes[-1] / sizes[0]
    case = f"disk of 10, {_CHANGED} of {rows:,} rows changed between"
    yield Result("checkpoints", case, sizes[-1] / 2**20, "MiB", "one", ratio, "≤ 1.5 x one")


def _disk_used(root: Path) -> int:
    """Return the bytes of all files below a directory, each once however many names it has."""
    found = (path.stat() for path in root.rglob("*") if path.is_file())
    return sum({(status.st_dev, status.st_ino): status.st_size for status in found}.values())


def _write(store: RocksStore, height: int, rows: int, numbers: range | list[int]) -> None:
    random, batch = Random(height), BlockBatch()
    for number in numbers:
        key = row_key(TableNumber.ORDERS, number.to_bytes(8, "big"))
        batch.put(Family.ROWS, key, random.randbytes(_VALUE_BYTES))
    block_hash = height.to_bytes(32, "big")
    batch.put(Family.HASHES, height_key(height), block_hash)
    commitment = Commitment(EMPTY_ACCUMULATOR, {TableNumber.ORDERS: rows})
    batch.set_head(Head(1, height, block_hash, bytes(32), commitment))
    store.write(batch)


def _of_orders(directory: Path, orders: int) -> Iterator[Result]:
    """Orders that rest, in a chain whose state commits to them."""
    path = directory / "chain"
    with evm_dex.open(path, checkpoint_interval=10**9) as dex:
        asset = Address(dex.tokens["WETH"].raw_address)
        fill(dex, asset, orders)
        for price in (6_000, 6_001):
            # A block by way of the EVM commits to all that was filled in.
            dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, price * 10**6, False)
            dex.create_checkpoint()
    info = list_checkpoints(path)[0]
    assert info.manifest is not None
    first = info.height
    rows = sum(info.manifest.rows.values())
    case = f"of {orders:,} orders"
    taken = [
        elapsed(lambda: verify_checkpoint(info), 3),
        elapsed(lambda: verify_checkpoint(info, deep=True), 3),
    ]
    for name, milliseconds, target in zip(
        ("verify", "verify deep"), taken, ("≥ 50,000 rows/s", ""), strict=True
    ):
        speed = rows / milliseconds * 1_000
        yield Result("checkpoints", f"{name}, {case}", speed, "rows/s", target=target)
    with open_snapshot(path, first) as old, open_snapshot(path, None) as new:
        milliseconds = elapsed(lambda: list(differing_rows(old, new)), 3)
    yield Result("checkpoints", f"diff, {case}", rows / milliseconds * 1_000, "rows/s")
    milliseconds = elapsed(lambda: restore(path, first), 3)
    yield Result("checkpoints", f"restore, {case}", milliseconds, "ms", target="≤ 2,000 ms")
    shutil.rmtree(path)
