"""A fork of a chain on loopback: a call that reads 1,000 slots, cold, then from the store alone."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import evm_dex
from benchmarks.harness import Result
from benchmarks.nodes import Node, own, peers, running
from tests.origin.fake_origin import CONTRACT, SLOTS, SUM, expected_sum

_COLD, _WARM = "≤ 1,500", "≤ 50"


def run(*, quick: bool) -> Iterator[Result]:
    """Milliseconds of opening the fork and calling, and of the call alone where it is warm."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        origins = {"evm-dex": own(directory), **peers(directory)}
        for name, command in origins.items():
            forks = [directory / f"{name}-{number}" for number in range(2 if quick else 5)]
            with running(command) as (node, _):
                _fill(node)
                cold = [_measured(fork, node.url) for fork in forks]
            warm = [_measured(fork, None) for fork in forks]
            yield from _results(f"of {name}, cold", cold, _COLD)
            yield from _results(f"of {name}, warm and the origin gone", warm, _WARM)


def _fill(node: Node) -> None:
    setters = ("anvil_setCode", "anvil_setStorageAt")
    if "Hardhat" in node.ask("web3_clientVersion"):
        setters = ("hardhat_setCode", "hardhat_setStorageAt")
    contract = f"0x{CONTRACT.hex()}"
    node.ask(setters[0], contract, f"0x{SUM.hex()}")
    for slot in range(1, SLOTS + 1):
        node.ask(setters[1], contract, hex(slot), f"0x{7 * slot:064x}")
    node.ask("evm_mine")


def _measured(path: Path, url: str | None) -> list[float]:
    """Return wall and processor milliseconds of opening, and of the call."""
    options: dict[str, Any] = {} if url is None else {"fork": url}
    timings: list[float] = []
    with _timed(lambda: evm_dex.open(path, **options), timings) as dex:
        found = _timed(lambda: dex.call(to=CONTRACT, data=b"\x01", gas=10**7), timings)
    assert int.from_bytes(found) == expected_sum()
    return timings


def _timed(work: Callable[[], Any], timings: list[float]) -> Any:
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    timings += [1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - processor)]
    return result


def _results(case: str, rounds: list[list[float]], target: str) -> Iterator[Result]:
    opened, opened_busy, called, called_busy = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    yield Result("fork", f"open {case}", opened, "ms")
    yield Result("fork", f"open {case}, processor", opened_busy, "ms")
    yield Result("fork", f"1,000 slots {case}", called, "ms", target=target)
    yield Result("fork", f"1,000 slots {case}, processor", called_busy, "ms")
