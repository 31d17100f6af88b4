"""Interleaved rounds, medians, and ratios to a named floor."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

Work = Callable[[], int]
"""Does something a number of times and returns how often."""


@dataclass(frozen=True, slots=True)
class Result:
    """One measured figure."""

    subject: str
    case: str
    value: float
    unit: str
    floor: str = ""
    """The base that `ratio` compares with."""
    ratio: float | None = None
    target: str = ""

    def as_json(self) -> dict[str, object]:
        """For the file."""
        return asdict(self)


def measure(cases: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """Median microseconds per operation of each case; the cases take turns.

    Processor time of this process, so what else the machine does counts little.
    """
    samples: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, work in cases.items():
            gc.collect()
            started = time.process_time_ns()
            count = work()
            samples[name].append((time.process_time_ns() - started) / 1_000 / count)
    return {name: statistics.median(times) for name, times in samples.items()}


def elapsed(work: Callable[[], object], rounds: int) -> float:
    """Median milliseconds of wall time, for work that waits for the disk."""
    samples = []
    for _ in range(rounds):
        started = time.perf_counter_ns()
        work()
        samples.append((time.perf_counter_ns() - started) / 1_000_000)
    return statistics.median(samples)
