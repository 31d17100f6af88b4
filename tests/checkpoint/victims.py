"""What runs in processes that are going to be killed or starved of disk."""

from __future__ import annotations

import itertools
import os
import random
import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from checkpoint.errors import StoreError
from checkpoint.manager import CheckpointManager
from checkpoint.restore import restore, restore_to
from checkpoint.rocks import RocksStore, SyncPolicy
from tests.checkpoint.fake_chain import FakeChain

INTERVAL = 4
KEEP = 3
UNDO_WINDOW = 10


def grow(seed: int, height: int) -> tuple[FakeChain, random.Random]:
    """The chain of a seed after the block at `height`, and what makes it go on."""
    chain, rng = FakeChain(), random.Random(seed)
    for _ in range(height + 1):
        chain.random_block(rng)
    return chain, rng


def write_until_killed(path: Path, seed: int, sync: SyncPolicy, told: Connection) -> None:
    """Continue the chain in the store, telling each height once it is written."""
    told.send(None)
    store = RocksStore(path, sync=sync, undo_window=UNDO_WINDOW)
    manager = CheckpointManager(store, interval=INTERVAL, keep=KEEP)
    head = store.head()
    chain, rng = grow(seed, head.height if head else -1)
    if head is not None:
        manager.committed(head)
    while True:
        store.write(chain.random_block(rng))
        assert chain.head is not None
        told.send(chain.height)
        manager.committed(chain.head)


def restore_until_killed(path: Path, height: int, steps: int, target: Path | None = None) -> None:
    """Restore, dying before the given step of those that change what is on disk."""
    count = itertools.count(1)

    def dying(function: Callable[..., Any], every: int) -> Callable[..., Any]:
        calls = itertools.count()

        def counted(*arguments: Any, **options: Any) -> Any:
            if next(calls) % every == 0 and next(count) == steps:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return counted

    for name, every in (("rename", 1), ("mkdir", 1), ("rmdir", 1), ("fsync", 3)):
        setattr(os, name, dying(getattr(os, name), every))
    for name in ("link", "unlink"):
        setattr(os, name, dying(getattr(os, name), 17))
    if target is None:
        restore(path, height)
    else:
        restore_to(path, target, height)


def write_until_the_disk_is_full(path: Path, seed: int, room: int, told: Connection) -> None:
    """Write blocks and checkpoints while files may not grow beyond `room` bytes.

    Tells the heights written, then each error: what the disk refuses first may be a block or a
    checkpoint, which fails no block. There is room again after it, and the block is written then.
    Ends with some more.
    """
    store = RocksStore(path)
    manager = CheckpointManager(store, interval=INTERVAL, keep=KEEP)
    head = store.head()
    chain, rng = grow(seed, head.height if head else -1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    left = None
    while left != 0:
        batch = chain.random_block(rng, 40)
        try:
            store.write(batch)
        except StoreError as error:
            told.send(f"{type(error).__name__}: {error}")
            resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
            store.write(batch)
            left = 3
        told.send(chain.height)
        assert chain.head is not None
        manager.committed(chain.head)
        left = None if left is None else left - 1
    store.close()
    told.close()
