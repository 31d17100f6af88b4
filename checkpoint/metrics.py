"""Figures on what recovery and checkpoints cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(frozen=True, slots=True)
class RecoveryMetrics:
    """Figures on opening the chain."""

    seconds: float = 0.0
    """Reading, hashing and indexing rows."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """Rows at that head by table."""
    repairs: tuple[str, ...] = ()
    """Entries of the active index that were wrong, in words."""
    in_full: bool = True
    """True if every row was read; False if rows of ended orders and positions were skipped."""


@dataclass(frozen=True, slots=True)
class CheckpointMetrics:
    """Figures on checkpoints since the store was opened."""

    made: int = 0
    removed: int = 0
    seconds: float = 0.0
    """All together."""
    last_seconds: float = 0.0
    last_height: int | None = None
    last_rows: int = 0
    failed: int = 0
    """Times one was due and could not be made; it is made up for later."""
    last_failure: str | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """Since this process opened the chain."""

    recovery: RecoveryMetrics
    checkpoints: CheckpointMetrics


@dataclass(slots=True)
class Stopwatch:
    """Seconds between entering and leaving `stopwatch`; so far, while inside."""

    started: float = field(default_factory=perf_counter)
    stopped: float | None = None

    @property
    def seconds(self) -> float:
        """Wall time."""
        return (perf_counter() if self.stopped is None else self.stopped) - self.started


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measure what happens inside."""
    watch = Stopwatch()
    try:
        yield watch
    finally:
        watch.stopped = perf_counter()
