"""A chain on disk with everything that can be damaged, made once and copied for each case."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import evm_dex
from checkpoint.archive.exporter import export_archive
from checkpoint.manifest import list_checkpoints
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.rocks.reader import RocksReader
from evm_dex.chain.block_proof import inspect_block
from tests.checkpoint.fake_chain import State, contents

INTERVAL, LAST = 5, 17
"""Checkpoints at 5, 10 and 15; two blocks are in the log only."""
FILE_CLASSES = {
    "row file": "*.sst",
    "log": "*.log",
    "file list": "MANIFEST-*",
    "CURRENT": "CURRENT",
    "options": "OPTIONS-*",
    "identity": "IDENTITY",
    "binding": "rocksdict-config.json",
}
"""What a database directory holds, by what it is for. RocksDB's diary (LOG) is left out."""


@dataclass(frozen=True, slots=True)
class Original:
    """Where the undamaged things are, and what they hold."""

    store: Path
    """A chain as a kill leaves it; its archive lies beside it."""
    other: Path
    """A chain with other orders at the same heights."""
    states: dict[int, State]
    """All that is stored at each checkpoint and at the head."""

    @property
    def archive(self) -> Path:
        return self.store.with_name("archive")


def make_original(directory: Path) -> Original:
    store = _trade(directory / "store", price=3_000)
    other = _trade(directory / "other", price=2_000)
    states = {}
    for info in list_checkpoints(store):
        with closing(RocksReader(info.database)) as checkpoint:
            states[info.height] = contents(checkpoint)
    with closing(ReadOnlyStore(store)) as head:
        states[LAST] = contents(head)
    original = Original(store, other, states)
    export_archive(store, original.archive, inspect=inspect_block)
    assert sorted(states) == [5, 10, 15, LAST]
    return original


def _trade(path: Path, price: int) -> Path:
    live = path.with_name(f"{path.name}-live")
    with evm_dex.open(live, checkpoint_interval=INTERVAL, keep_checkpoints=9) as dex:
        weth, makers = dex.tokens["WETH"], dex.accounts
        for number in range(LAST):
            limit, maker = (price + number) * 10**6, makers[number % 3]
            dex.spot.send("placeOrder", weth, 10**18, limit, number % 5 == 4, sender=maker)
        # The lock would name this process, which runs.
        return Path(shutil.copytree(live, path, ignore=shutil.ignore_patterns("lock")))
