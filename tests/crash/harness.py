"""Kill a writer hard, again and again, and compare what is left with a twin never killed.

Run as a program of its own: `python -m tests.crash.harness DIRECTORY KILLS SEED`. It forks with
everything imported, so that a kill costs milliseconds, and never opens a store itself, since
RocksDB's threads do not survive a fork. Prints one JSON line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import evm_dex
from evm_dex.demo import flow

BLOCKS = 500
INTERVAL = 20
LONGEST = 0.12
"""Seconds a writer may live after its first block."""
EARLY = 0.2
"""Part of the writers that may be killed before it."""


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
    finally:
        os._exit(status)


def write(store: Path, expected: list[tuple[bytes, bytes]], report: int) -> None:
    with evm_dex.open(store, checkpoint_interval=INTERVAL, keep_checkpoints=2) as dex:
        for raw, _ in expected[dex.head.number :]:
            dex.send_raw(raw)
            os.write(report, dex.head.number.to_bytes(4, "big"))


def inspect(store: Path, report: int) -> None:
    with evm_dex.open(store, checkpoint_interval=INTERVAL, keep_checkpoints=2) as dex:
        found = {
            "height": dex.head.number,
            "root": dex.head.state_root.hex(),
            "wrong": dex.self_check(),
            "repairs": dex.repairs,
        }
    os.write(report, json.dumps(found).encode())


def kill_once(store: Path, expected: list[tuple[bytes, bytes]], height: int, random: Random) -> int:
    """Let a writer go on from `height` for a moment; the last height it got to as far as we know.

    One in five is killed without regard to whether it has opened the store yet.
    """
    child, reading = forked(lambda report: write(store, expected, report))
    first = b"" if random.random() < EARLY else os.read(reading, 4)
    time.sleep(random.random() * LONGEST)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    rest = _drain(reading)
    reported = first + rest
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed, f"the writer stopped by itself: {status}"
    complete = len(reported) // 4 * 4
    return int.from_bytes(reported[complete - 4 : complete], "big") if complete else height


def look(store: Path) -> dict[str, object]:
    child, reading = forked(lambda report: inspect(store, report))
    found = _drain(reading)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the store could not be opened again: {status}"
    answer: dict[str, object] = json.loads(found)
    return answer


def main(directory: Path, kills: int, seed: int) -> None:
    random = Random(seed)
    expected = twin(seed, BLOCKS)
    differences: list[str] = []
    heights: list[int] = []
    store, rounds, height = directory / "0", 0, 0
    for number in range(kills):
        noted = kill_once(store, expected, height, random)
        found = look(store)
        assert isinstance(found["height"], int)
        height = found["height"]
        heights.append(height)
        if height not in (noted, noted + 1):
            differences.append(f"kill {number}: block {noted} was reported, reopened at {height}")
        if height and found["root"] != expected[height - 1][1].hex():
            differences.append(f"kill {number}: another state root at {height}")
        if found["wrong"] or found["repairs"]:
            differences.append(f"kill {number}: {found}")
        if height > BLOCKS - 100:
            rounds, height = rounds + 1, 0
            store = directory / str(rounds)
    print(json.dumps({"kills": kills, "heights": heights, "differences": differences}))


def _drain(reading: int) -> bytes:
    parts = []
    while part := os.read(reading, 65536):
        parts.append(part)
    os.close(reading)
    return b"".join(parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
