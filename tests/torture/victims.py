"""What a process does until it is killed: one activity after another, telling each.

Every activity says the height it leads to before it begins and when it has ended. So whoever
reads along knows at the moment of a kill what was going on, and which heights are allowed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import evm_dex
from checkpoint.archive.exporter import export_archive
from checkpoint.archive.importer import import_archive
from checkpoint.manager import remove_checkpoints
from checkpoint.manifest import usable_heights
from checkpoint.pruning import prune_states
from checkpoint.restore import restore, restore_to
from evm_dex.chain.block_proof import inspect_block
from evm_dex.client.dex import Dex

INTERVAL = 20
KEEP = 3
KEPT_STATES = 60
"""More than rollbacks go back before there are as many blocks again."""
MESSAGE_BYTES = 6
BEGIN, END = b"B", b"E"


@dataclass(frozen=True, slots=True)
class Victim:
    """A child process: its store, the flow it replays, and where it tells what it does."""

    store: Path
    raw: list[bytes]
    """The one transaction of each block from 1 on."""
    report: int

    @contextmanager
    def doing(self, activity: str, height: int) -> Iterator[None]:
        """An activity after which the store is at `height`."""
        number = ACTIVITIES.index(activity)
        self._tell(BEGIN, number, height)
        yield
        self._tell(END, number, height)

    def _tell(self, what: bytes, activity: int, height: int) -> None:
        os.write(self.report, what + bytes((activity,)) + height.to_bytes(4, "big"))


def opened(store: Path) -> Dex:
    return evm_dex.open(store, checkpoint_interval=INTERVAL, keep_checkpoints=KEEP)


def write_on(victim: Victim, dex: Dex, blocks: int) -> None:
    height = dex.head.number
    for number, raw in enumerate(victim.raw[height : height + blocks], height + 1):
        with victim.doing("write", number):
            dex.send_raw(raw)


def opening(victim: Victim, height: int) -> None:
    """Recovery, over and over."""
    while True:
        with victim.doing("open", height):
            opened(victim.store).close()


def writing(victim: Victim, height: int) -> None:
    with opened(victim.store) as dex:
        assert dex.head.number == height
        write_on(victim, dex, len(victim.raw))


def checkpointing(victim: Victim, height: int) -> None:
    with opened(victim.store) as dex:
        while dex.head.number < len(victim.raw):
            height = dex.head.number
            with victim.doing("checkpoint", height):
                dex.create_checkpoint()
            write_on(victim, dex, 1)


def pruning(victim: Victim, height: int) -> None:
    """Four more checkpoints than are kept, and then none."""
    while True:
        with opened(victim.store) as dex:
            height = dex.head.number
            for _ in range(4):
                write_on(victim, dex, 1)
                dex.create_checkpoint()
            height = dex.head.number
        with victim.doing("prune", height):
            remove_checkpoints(victim.store, 1)


def pruning_states(victim: Victim, height: int) -> None:
    """More blocks, and then the nodes that only older ones need go."""
    while True:
        with opened(victim.store) as dex:
            write_on(victim, dex, 3)
            height = dex.head.number
        with victim.doing("prune states", height):
            prune_states(victim.store, keep_states=KEPT_STATES, progress=lambda *_: None)


def restoring(victim: Victim, _height: int) -> None:
    """To one checkpoint after the other."""
    for checkpoint in cycle(usable_heights(victim.store)):
        with victim.doing("restore", checkpoint):
            restore(victim.store, checkpoint)


def branching(victim: Victim, height: int) -> None:
    """A second store, made again and again; this one stays."""
    branch = branch_of(victim.store)
    while True:
        discard(branch)
        with victim.doing("restore --to", height):
            restore_to(victim.store, branch)


def exporting(victim: Victim, height: int) -> None:
    """The head into a file, again and again."""
    archive = archive_of(victim.store)
    while True:
        archive.unlink(missing_ok=True)
        with victim.doing("export", height):
            export_archive(victim.store, archive, inspect=inspect_block)


def importing(victim: Victim, height: int) -> None:
    """The head's archive into a second store, again and again."""
    archive, branch = archive_of(victim.store), branch_of(victim.store)
    archive.unlink(missing_ok=True)
    export_archive(victim.store, archive, inspect=inspect_block)
    while True:
        discard(branch)
        with victim.doing("import", height):
            import_archive(archive, branch, inspect=inspect_block)


def rolling_back(victim: Victim, _height: int) -> None:
    """A few blocks back and on again."""
    with opened(victim.store) as dex:
        for back in cycle((1, 3, 7)):
            target = max(1, dex.head.number - back)
            with victim.doing("rollback", target):
                dex.rollback(target)
            write_on(victim, dex, back + 1)


def discard(store: Path) -> None:
    """Remove a second store; one half removed is not under its name."""
    gone = store.with_name(f"{store.name}-gone")
    shutil.rmtree(gone, ignore_errors=True)
    if store.exists():
        store.rename(gone)
        shutil.rmtree(gone)


def branch_of(store: Path) -> Path:
    """Where `branching` makes its second store."""
    return store.with_name(f"{store.name}-branch")


def archive_of(store: Path) -> Path:
    """Where `exporting` writes its file."""
    return store.with_name(f"{store.name}.archive")


Activity = Callable[[Victim, int], None]
VICTIMS: dict[str, Activity] = {
    "open": opening,
    "write": writing,
    "checkpoint": checkpointing,
    "prune": pruning,
    "prune states": pruning_states,
    "restore": restoring,
    "restore --to": branching,
    "export": exporting,
    "import": importing,
    "rollback": rolling_back,
}
ACTIVITIES = tuple(VICTIMS)
NEED_CHECKPOINTS = ("restore", "restore --to")


def run(activity: str, victim: Victim, height: int) -> None:
    """Do it until killed; those that come to an end wait there."""
    VICTIMS[activity](victim, height)
    time.sleep(60)
