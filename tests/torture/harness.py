"""Kill a process hard, again and again, and compare what is left with a twin never killed.

Run as a program of its own: `python -m tests.torture.harness DIRECTORY KILLS SEED`. It forks with
everything imported, so that a kill costs milliseconds, and never opens a store itself, since
RocksDB's threads do not survive a fork. Prints one JSON line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random

import evm_dex
from evm_dex.cli.demo import flow
from tests.torture.inspector import look
from tests.torture.victims import (
    ACTIVITIES,
    BEGIN,
    END,
    MESSAGE_BYTES,
    NEED_CHECKPOINTS,
    Victim,
    run,
)

BLOCKS = 500
ROOM = 60
"""Blocks before the end of the flow at which the next store begins."""
LONGEST = {"checkpoint": 0.03, "prune": 0.01, "restore": 0.06, "rollback": 0.0006}
"""Seconds a victim may live after it began what it is killed for: a little longer than that takes,
so that most kills come in the middle of it. Others:"""
OTHERS = 0.12
EARLY = 0.15
"""Part of the victims that may be killed before that."""
TWICE = 0.3
"""Part of the kills after which recovery is killed too."""
THOROUGH = 0.15
"""Part of the looks that prove every checkpoint too."""


@dataclass
class Report:
    """What all kills came to."""

    kills: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    """Kills that came in the middle of an activity, by activity."""
    between: int = 0
    """Those that came while none was going on."""
    in_full: int = 0
    """Openings after a kill that read every row; the others left out those that had ended."""
    heights: list[int] = field(default_factory=list)
    proven: int = 0
    """Checkpoints and second stores that were proven from row to block hash."""
    differences: list[str] = field(default_factory=list)


def twin(seed: int, blocks: int) -> list[tuple[bytes, bytes]]:
    """(raw transaction, state root) of each block from 1 on, as it must be."""
    expected = []
    with evm_dex.open() as dex:
        steps = flow(dex, seed)
        while dex.head.number < blocks:
            next(steps)
            head = dex.head
            expected.append((dex.transaction(head.transactions[0]).raw, head.state_root))
    return expected


def forked(work: Callable[[int], None]) -> tuple[int, int]:
    """Run `work` in a child that is given a pipe's end to write to: its id, and the other end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.close(reading)
        work(writing)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


class Torture:
    """Stores one after the other, each killed many times on its way to the end of the flow."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory, self.random = directory, Random(seed)
        self.expected = twin(seed, BLOCKS)
        self.raw = [raw for raw, _ in self.expected]
        self.roots = {n: root.hex() for n, (_, root) in enumerate(self.expected, 1)}
        self.report = Report()
        self.store, self.rounds, self.height, self.checkpoints = directory / "0", 0, 0, 0

    def round(self, activity: str) -> None:
        """One kill during an activity, at times one more during recovery, and a look."""
        if self.height == 0 or (activity in NEED_CHECKPOINTS and not self.checkpoints):
            activity = "write" if self.height == 0 else "checkpoint"
        allowed = self._kill(activity, {self.height})
        if self.random.random() < TWICE:
            self._kill("open", allowed)
        self._compare(activity, allowed, self._look())
        if self.height > BLOCKS - ROOM:
            self.rounds, self.height, self.checkpoints = self.rounds + 1, 0, 0
            self.store = self.directory / str(self.rounds)

    def _kill(self, activity: str, allowed: set[int]) -> set[int]:
        """Let a victim go on for a moment; the heights the store may be at then."""
        store, raw, height = self.store, self.raw, self.height
        child, reading = forked(lambda told: run(activity, Victim(store, raw, told), height))
        first = b"" if self.random.random() < EARLY else until_begun(reading, activity)
        time.sleep(self.random.random() * LONGEST.get(activity, OTHERS))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        told = first + drain(reading)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed, f"{activity} at block {self.height} stopped by itself: {status}"
        self.report.kills += 1
        reached = self._note(told, allowed)
        # Opening moves no head; it tells the height known before an earlier kill.
        return allowed if activity == "open" else reached

    def _note(self, told: bytes, allowed: set[int]) -> set[int]:
        """Count what was hit; the heights that the messages leave possible."""
        going_on = None
        for at in range(0, len(told) // MESSAGE_BYTES * MESSAGE_BYTES, MESSAGE_BYTES):
            what, number, height = told[at : at + 1], told[at + 1], told[at + 2 : at + 6]
            reached = int.from_bytes(height, "big")
            going_on = None if what == END else ACTIVITIES[number]
            allowed = {reached} if what == END else allowed | {reached}
        if going_on is None:
            self.report.between += 1
        else:
            self.report.hits[going_on] += 1
        return allowed

    def _look(self) -> dict[str, object]:
        thorough = self.random.random() < THOROUGH
        child, reading = forked(lambda told: look(self.store, told, thorough=thorough))
        found = drain(reading)
        _, status = os.waitpid(child, 0)
        assert status == 0, f"the store could not be opened again: {status}"
        answer: dict[str, object] = json.loads(found)
        return answer

    def _compare(self, activity: str, allowed: set[int], found: dict[str, object]) -> None:
        height, checkpoints = found["height"], found["checkpoints"]
        assert isinstance(height, int)
        assert isinstance(checkpoints, int)
        wrong = [str(found["wrong"])] if found["wrong"] else []
        if height not in allowed:
            wrong.append(f"reopened at {height}, not at one of {sorted(allowed)}")
        roots = found["roots"]
        assert isinstance(roots, dict)
        for at, root in [*roots.items(), (height, found["root"])]:
            if int(at) and root != self.roots[int(at)]:
                wrong.append(f"another state root at {at}")
        kill = f"kill {self.report.kills} ({activity}) of store {self.rounds}"
        self.report.differences += [f"{kill}: {what}" for what in wrong]
        proven = found["proven"]
        assert isinstance(proven, int)
        self.report.proven += proven
        self.report.in_full += bool(found["in_full"])
        self.report.heights.append(height)
        self.height, self.checkpoints = height, checkpoints


def until_begun(reading: int, activity: str) -> bytes:
    """What is told until the activity begins, that included."""
    wanted, told = BEGIN + bytes((ACTIVITIES.index(activity),)), b""
    while message := os.read(reading, MESSAGE_BYTES):
        told += message
        if message.startswith(wanted):
            break
    return told


def drain(reading: int) -> bytes:
    parts = []
    while part := os.read(reading, 65536):
        parts.append(part)
    os.close(reading)
    return b"".join(parts)


def main(directory: Path, kills: int, seed: int) -> None:
    torture = Torture(directory, seed)
    for activity in cycle(ACTIVITIES):
        torture.round(activity)
        if torture.report.kills >= kills:
            break
    report = torture.report
    print(json.dumps(vars(report) | {"hits": dict(report.hits)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
