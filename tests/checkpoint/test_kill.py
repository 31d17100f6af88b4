"""kill -9 of a process that writes blocks and makes checkpoints."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from checkpoint.families import Family, height_of
from checkpoint.manager import CheckpointManager
from checkpoint.restore import choose_checkpoint, copy_verified
from checkpoint.rocks import RocksStore, SyncPolicy
from tests.checkpoint.fake_chain import contents
from tests.checkpoint.victims import INTERVAL, KEEP, UNDO_WINDOW, grow, write_until_killed

STORES = 20 if os.environ.get("EVM_DEX_PROFILE") == "nightly" else 1
LIVES = 5
"""How often each store is killed."""


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    """Processes that start fast, from one that has imported everything and opened nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.checkpoint.victims"])
    return context


def kill_at_random(
    victim: multiprocessing.process.BaseProcess, pipe: Connection, rng: random.Random
) -> list[int]:
    """Kill while it opens the store, or some moments after a block; the heights it told."""
    told: list[int] = []
    blocks = rng.choice((0, 1, 2, 5, 9, 14))
    if blocks == 0:
        time.sleep(rng.uniform(0, 0.2))
    try:
        while len(told) < blocks:
            told.append(pipe.recv())
        time.sleep(rng.uniform(0, 0.02))
        victim.kill()
        while True:
            told.append(pipe.recv())
    except EOFError:
        victim.join()
        return told


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(STORES))
@pytest.mark.parametrize("sync", ["never", "block", 3])
def test_killed_store_is_at_the_last_block_told_or_the_next(
    processes: multiprocessing.context.ForkServerContext,
    tmp_path: Path,
    sync: SyncPolicy,
    seed: int,
) -> None:
    rng, height = random.Random(f"{sync} {seed}"), -1
    for _ in range(LIVES):
        ours, theirs = processes.Pipe(duplex=False)
        victim = processes.Process(target=write_until_killed, args=(tmp_path, seed, sync, theirs))
        victim.start()
        theirs.close()
        assert ours.recv() is None
        told = kill_at_random(victim, ours, rng)
        height = max([height, *told])
        with closing(RocksStore(tmp_path, undo_window=UNDO_WINDOW)) as store:
            head = store.head()
            at = head.height if head else -1
            assert at in (height, height + 1)
            twin, _ = grow(seed, at)
            assert head == twin.head
            undo = twin.state[Family.UNDO].items()
            twin.state[Family.UNDO] = {k: v for k, v in undo if height_of(k) > at - UNDO_WINDOW}
            assert contents(store) == twin.state
            manager = CheckpointManager(store)
            assert [info.problem for info in manager.list()] == [None] * len(manager.list())
            assert {path.name[0] for path in manager.directory.iterdir()} <= {"0"}
        height = at
    with closing(RocksStore(tmp_path)) as store:
        manager = CheckpointManager(store, INTERVAL, KEEP)
        if head is not None:
            manager.committed(head)
        # Made up for where a kill prevented it, at the last by now.
        newest = [info.height for info in manager.list()][-1:]
    assert newest == ([height // INTERVAL * INTERVAL] if height >= INTERVAL else [])
    if newest:
        copy_verified(choose_checkpoint(tmp_path, None), tmp_path / "proof")
