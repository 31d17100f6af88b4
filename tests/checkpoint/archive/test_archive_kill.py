"""kill -9 of a process that imports an archive: all of the store is there, or nothing."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from checkpoint.rocks import RocksStore
from checkpoint.verify import verify_store
from tests.checkpoint.archive.archives import (
    big,
    export,
    load,
    load_telling,
    load_until_killed,
    moved,
)
from tests.checkpoint.fake_chain import State, contents

KILLS = 200 if os.environ.get("EVM_DEX_PROFILE") == "nightly" else 6


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    """Processes that start fast, from one that has imported everything and opened nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.checkpoint.archive.archives"])
    return context


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, State]:
    path = tmp_path_factory.mktemp("kill") / "archive"
    chain, store = big(12_000)
    export(store, path)
    return path, moved(chain.state)


def whole(path: Path, state: State) -> bool:
    """Whether there is a store; if so it must be complete."""
    if not path.exists():
        return False
    with closing(RocksStore(path)) as store:
        assert moved(contents(store)) == state
        assert verify_store(store).difference is None
    return True


@pytest.mark.slow
def test_killed_before_each_step_that_changes_names(
    processes: multiprocessing.context.ForkServerContext,
    archive: tuple[Path, State],
    tmp_path: Path,
) -> None:
    file, state = archive
    found = []
    for steps in range(1, 100):
        path = tmp_path / f"store-{steps}"
        victim = processes.Process(target=load_until_killed, args=(file, path, steps))
        victim.start()
        victim.join()
        found.append(whole(path, state))
        if not found[-1]:
            load(file, path)
            assert whole(path, state)
        assert not [left for left in tmp_path.iterdir() if left.name.startswith(".")]
        if victim.exitcode == 0:
            break
        assert victim.exitcode == -signal.SIGKILL
    assert found == sorted(found), "once it is there it stays there"
    assert found.count(False) > 5
    assert found.count(True) > 1


@pytest.mark.slow
def test_killed_at_random_moments(
    processes: multiprocessing.context.ForkServerContext,
    archive: tuple[Path, State],
    tmp_path: Path,
) -> None:
    file, state = archive
    rng, left = random.Random(1), 0
    for attempt in range(KILLS):
        path = tmp_path / f"store-{attempt}"
        ours, theirs = processes.Pipe(duplex=False)
        victim = processes.Process(target=load_telling, args=(file, path, theirs))
        victim.start()
        theirs.close()
        for _ in range(rng.randrange(1, 9)):
            ours.recv()
        time.sleep(rng.uniform(0, 0.01))
        victim.kill()
        victim.join()
        left += not whole(path, state)
        if not path.exists():
            load(file, path)
            assert whole(path, state)
    assert left > 0
