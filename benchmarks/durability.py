"""What blocks, checkpoints and recovery cost on disk, and how much room an order takes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import evm_dex
from benchmarks.harness import Result, elapsed
from checkpoint.batch import BlockBatch
from checkpoint.head import Head
from checkpoint.manager import CheckpointManager
from checkpoint.rocks import RocksStore
from evm_dex.dex import Dex
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.recovery import open_ledger
from precompiles.spot.execution import Execution
from precompiles.spot.funds import credit
from precompiles.spot.placing import OrderRequest, place
from precompiles.types import Address

_USDC = 10**6
_BLOCK = 100
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
        store, ledger = dex.store, dex.chain.ledger
        for first in range(0, orders, 1_000):
            _place(ledger, asset, first, 1_000)
            _commit(dex)
        if orders == 10_000:
            yield Result("block", f"commit of {_BLOCK} orders", _commits(dex, asset, orders), "ms")
        assert isinstance(store, RocksStore)
        manager = CheckpointManager(store, 10**9, 1)
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


def _place(ledger: Ledger, asset: Address, first: int, count: int) -> None:
    """Orders straight into the ledger, as many accounts as there are thousands of orders."""
    random = Random(first)
    owner = Address((first // 1_000 + 1).to_bytes(20, "big"))
    execution = Execution(owner, 0, lambda _gas: None)
    quote = ledger.markets.rows[asset].quote
    for token in (asset, quote):
        credit(ledger, execution, owner, token, 10**24)
    for _ in range(count):
        is_buy = bool(random.getrandbits(1))
        distance = random.randint(1, 10_000)
        price = 3_000 * _USDC + (-distance if is_buy else distance) * 10_000
        place(
            ledger, execution, OrderRequest(asset, random.randint(1, 100) * 10**14, price, is_buy)
        )


def _commit(dex: Dex) -> None:
    """Our own part of a block: fold, batch, write, accept. The EVM state stays as it is."""
    changes = dex.chain.ledger.seal()
    head = dex.store.head()
    assert head is not None
    batch = BlockBatch()
    batch.add_ledger(changes, head.height)
    batch.set_head(
        Head(head.chain_id, head.height, head.block_hash, head.state_root, changes.commitment)
    )
    dex.store.write(batch)
    dex.chain.ledger.accept(changes)


def _commits(dex: Dex, asset: Address, first: int) -> float:
    samples = []
    for number in range(_ROUNDS):
        _place(dex.chain.ledger, asset, first + number * 1_000, _BLOCK)
        samples.append(elapsed(lambda: _commit(dex), 1))
    return sorted(samples)[_ROUNDS // 2]


def _checkpoints(dex: Dex, manager: CheckpointManager) -> float:
    """Each of another block, so that none is there already."""
    samples = []
    for _ in range(_ROUNDS):
        dex.mine()
        samples.append(elapsed(manager.create, 1))
    return sorted(samples)[_ROUNDS // 2]


def _recoveries(store: RocksStore) -> float:
    """Opening alone; what was opened is let go of outside the clock."""
    samples = []
    opened: list[Ledger] = []
    for _ in range(_ROUNDS):
        samples.append(elapsed(lambda: opened.append(open_ledger(store)[0]), 1))
        opened.pop().close()
    return sorted(samples)[_ROUNDS // 2]


def _disk(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
