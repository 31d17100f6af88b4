"""Kill a process at a single file operation, and take from the disk what was not forced there.

Run as a program with the library of `faults.c` preloaded:
`python -m tests.torture.faults LIBRARY DIRECTORY CASES SEED [never]`, where the last leaves it to
the system when blocks reach the disk. A power loss is the kill, and then each file cut to what was
forced to the disk, and some of the last renames undone that no sync of their directory came after.
Other names stay. Prints one JSON line.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from checkpoint.archive import export_archive
from checkpoint.diff import differing_rows
from checkpoint.manager import CheckpointManager, remove_checkpoints
from checkpoint.manifest import list_checkpoints, usable_heights
from checkpoint.restore import restore, restore_to, verify_checkpoint
from checkpoint.rocks import RocksStore, SyncPolicy
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.snapshot_source import open_snapshot
from checkpoint.verify import verify_store
from tests.checkpoint.archive.archives import inspect
from tests.checkpoint.fake_chain import FakeChain, State, contents

INTERVAL, KEEP, HIGHEST = 2, 3, 14
_WHOLE = 1 << 40
SYNC: list[SyncPolicy] = ["block"]
Tell = Callable[[int], None]
Tree = dict[str, tuple[int, int, int]]


@dataclass
class Report:
    """What all cases came to."""

    kills: Counter[str] = field(default_factory=Counter)
    """By activity."""
    losses: Counter[str] = field(default_factory=Counter)
    renames: int = 0
    """Renames that a power loss took back."""
    differences: list[str] = field(default_factory=list)


class Twin:
    """The chain as it must be at each height; the block of a height is always the same."""

    def __init__(self) -> None:
        chain = FakeChain()
        self.blocks, self.states, self.heads = [], list[State](), []
        for height in range(HIGHEST + 1):
            self.blocks.append(chain.random_block(Random(height), 12))
            self.states.append({family: dict(pairs) for family, pairs in chain.state.items()})
            self.heads.append(chain.head)


TWIN = Twin()


def write(store: Path, tell: Tell) -> None:
    with closing(RocksStore(store, sync=SYNC[0])) as opened:
        manager = CheckpointManager(opened, INTERVAL, KEEP)
        for _ in range(3):
            head = opened.head()
            height = head.height + 1 if head else 0
            if height > HIGHEST:
                break
            opened.write(TWIN.blocks[height])
            tell(height)
            new = opened.head()
            assert new is not None
            manager.committed(new)


def go_back(store: Path, tell: Tell) -> None:
    height = usable_heights(store)[0]
    tell(-height)
    restore(store, height)
    tell(height)


def branch(store: Path, _tell: Tell) -> None:
    restore_to(store, store.with_name("branch"))


def export(store: Path, _tell: Tell) -> None:
    export_archive(store, store.with_name("archive"), inspect=inspect)


def remove(store: Path, _tell: Tell) -> None:
    remove_checkpoints(store, 1)


def look(store: Path, _tell: Tell) -> None:
    with closing(ReadOnlyStore(store)) as opened:
        assert verify_store(opened).difference is None


def prove(store: Path, _tell: Tell) -> None:
    for info in list_checkpoints(store):
        verify_checkpoint(info)


def compare(store: Path, _tell: Tell) -> None:
    with open_snapshot(store, usable_heights(store)[0]) as old, open_snapshot(store, None) as new:
        assert list(differing_rows(old, new)) is not None


ACTIVITIES: dict[str, Callable[[Path, Tell], None]] = {
    "write": write, "look": look, "restore": go_back, "prove": prove, "write on": write,
    "compare": compare, "restore --to": branch, "export": export, "prune": remove,
}  # fmt: skip
RENAMING = ("write", "write on", "restore", "restore --to", "export", "prune")
READING = ("look", "prove", "compare", "export", "restore --to")


class Faults:
    """One store, killed again and again on its way to the highest block, then the next."""

    def __init__(self, library: str, directory: Path, seed: int) -> None:
        self.library = ctypes.CDLL(library)
        self.directory, self.random, self.report = directory, Random(seed), Report()
        self.store, self.height = directory / "store", -1
        self.losing = 0.4
        """Part of the kills in which the power goes too."""
        self.steps = dict.fromkeys(ACTIVITIES, 400)

    def case(self, activity: str) -> None:
        """Kill one activity at one step, maybe with the power gone, and look at what is left."""
        steps = self.random.randrange(1, self.steps[activity] + 1)
        if activity != "write" and not usable_heights(self.store):
            activity, steps = "write", _WHOLE
        is_loss = self.random.random() < self.losing
        before, wrong = tree(self.store), len(self.report.differences)
        after = 0
        if activity in RENAMING and steps < _WHOLE and self.random.random() < 0.5:
            after, steps, is_loss = self.random.randint(1, 4), self.random.randint(1, 3), True
        allowed, killed = self._kill(activity, steps, after)
        name = f"{activity}, rename {after}, step {steps}{', power lost' if is_loss else ''}"
        if not killed:
            if steps < _WHOLE and not after:
                self.steps[activity] = max(5, steps - 1)
        elif is_loss:
            self.report.losses[activity] += 1
            self._lose_power()
        else:
            self.report.kills[activity] += 1
        if activity in READING and tree(self.store) != before:
            self.report.differences.append(f"{name}: reading changed the store")
        self._check(name, allowed)
        for left in (*self.directory.glob("branch"), *self.directory.glob(".*")):
            shutil.rmtree(left, ignore_errors=True)
        for pattern in ("*archive*", "notes*"):
            for left in self.directory.glob(pattern):
                left.unlink()
        if self.height >= HIGHEST or len(self.report.differences) > wrong:
            shutil.rmtree(self.store, ignore_errors=True)
            self.height = -1

    def _kill(self, activity: str, steps: int, after: int) -> tuple[set[int], bool]:
        """Run an activity up to a step, of those after so many renames; whether it got there."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            self._run(activity, steps, after, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = [int(line) for line in pipe.read().split()]
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or status == 0, f"{activity} failed by itself: {status}"
        return self._allowed(told), killed

    def _allowed(self, told: list[int]) -> set[int]:
        """Heights the store may be at: the last that was told, or the one after it."""
        allowed = {self.height, min(self.height + 1, HIGHEST)}
        for number in told:
            if number < 0:
                allowed |= {-number}
            else:
                allowed = {number, min(number + 1, HIGHEST)}
        return allowed

    def _run(self, activity: str, steps: int, after: int, writing: int) -> None:
        def tell(height: int) -> None:
            os.write(writing, b"%d\n" % height)

        status = 1
        try:
            notes = str(self.directory / "notes").encode()
            counts = ctypes.c_long(steps), ctypes.c_long(after)
            self.library.fault_arm(*counts, str(self.directory).encode(), notes)
            ACTIVITIES[activity](self.store, tell)
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)

    def _lose_power(self) -> None:
        """Leave what was forced to the disk; what earlier processes wrote is there."""
        with suppress(FileNotFoundError):
            lines = (self.directory / "notes").read_text().splitlines()
            renames = [line for line in lines if line.startswith("renamed ")]
            numbers = (tuple(map(int, line.split())) for line in lines if line not in renames)
            synced = {(device, inode): length for device, inode, length in numbers}
            lost = self.random.randint(min(1, len(renames)), len(renames))
            for line in reversed(renames[len(renames) - lost :]):
                if not self._take_back(line):
                    break
                self.report.renames += 1
            for path in self.directory.rglob("*"):
                status = path.lstat()
                length = synced.get((status.st_dev, status.st_ino))
                if path.is_file() and length is not None and status.st_size > length:
                    os.truncate(path, length)

    def _take_back(self, line: str) -> bool:
        """Undo a rename, if what it named is still there."""
        numbers, old, new = line.split("\t")
        _, number, stashed = numbers.split()
        if not Path(new).exists():
            return False
        Path(new).rename(old)
        if stashed == "1":
            (self.directory / f"notes.{number}").rename(new)
        return True

    def _check(self, name: str, allowed: set[int]) -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            found = {"height": -1, "wrong": ""}
            try:
                found["height"] = inspect_store(self.store, self.directory / "branch")
            except BaseException as error:
                found["wrong"] = f"{type(error).__name__}: {error}"
            os.write(writing, json.dumps(found).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            found = json.loads(pipe.read())
        os.waitpid(child, 0)
        if found["wrong"] or found["height"] not in allowed:
            self.report.differences.append(f"{name}: {found}, allowed {sorted(allowed)}")
        self.height = found["height"]


def inspect_store(path: Path, branch: Path) -> int:
    """Open it, compare all it holds with the twin, and prove every checkpoint; the height."""
    for place in (path, branch) if branch.exists() else (path,):
        with closing(RocksStore(place)) as store:
            manager = CheckpointManager(store)
            head = store.head()
            height = head.height if head else -1
            if head is not None:
                assert head == TWIN.heads[height]
                assert contents(store) == TWIN.states[height], "another state"
            infos = manager.list()
        for info in infos:
            assert info.problem is None, info.problem
            verify_checkpoint(info)
        if place == path:
            found = height
    return found


def tree(path: Path) -> Tree:
    if not path.exists():
        return {}
    return {
        str(entry): (entry.stat().st_ino, entry.stat().st_size, entry.stat().st_mtime_ns)
        for entry in sorted(path.rglob("*"))
    }


def main(library: str, directory: Path, cases: int, seed: int, sync: str = "block") -> None:
    SYNC[0] = "never" if sync == "never" else "block"
    faults = Faults(library, directory, seed)
    names = ["write"] if sync == "never" else list(ACTIVITIES)
    faults.losing = 1.0 if sync == "never" else 0.4
    for number in range(cases):
        faults.case(names[number % len(names)])
        if number % 100 == 99:
            print(number + 1, vars(faults.report), file=sys.stderr, flush=True)
    print(json.dumps(vars(faults.report)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
