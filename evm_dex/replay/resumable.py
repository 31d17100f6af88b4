"""A replay step by step, which goes on where a kill stopped it if its chain is on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol, TypeVar

from evm_dex.chain.chain import Chain
from evm_dex.replay.progress_file import ProgressFile, Settings, resume

StepT = TypeVar("StepT")
StepT_contra = TypeVar("StepT_contra", contravariant=True)
Told = Callable[[int], object]

_BEGINNING = -1


class Steps(Protocol[StepT_contra]):
    """A kind of replay: it takes steps, and takes in those made before a kill."""

    def begin(self) -> None:
        """Make the blocks that the first step needs."""

    def apply(self, step: StepT_contra, /) -> object:
        """Take a step. The blocks it makes follow from the chain and the steps before."""

    def order_id(self, step: StepT_contra, /) -> int:
        """Return the order that the step just taken placed; 0 if none."""

    def recall(self, step: StepT_contra, order_id: int | None, /) -> None:
        """Take in what a step did, without its blocks; `order_id` is None if it made none."""

    def report(self) -> list[str]:
        """Return what came of all, a sentence each."""


def replay_in_memory(replay: Steps[StepT], steps: Sequence[StepT], told: Told) -> list[str]:
    """Take all steps; what came of them. `told` hears how many are done."""
    replay.begin()
    told(0)
    for number, step in enumerate(steps):
        replay.apply(step)
        told(number + 1)
    return replay.report()


def replay_on_disk(
    replay: Steps[StepT],
    steps: Sequence[StepT],
    told: Told,
    *,
    chain: Chain,
    directory: Path,
    settings: Settings,
) -> list[str]:
    """Take all steps that were not taken yet, on the chain in a directory; what came of all.

    `settings` are what the steps follow from. One that ended is not replayed again. Raises
    ReplayError, see `resume`.
    """
    progress, report = resume(directory, settings, chain)
    if progress is None:
        told(len(steps))
        return report
    with closing(progress):
        report = _go_on(replay, steps, told, chain, progress)
        progress.end(report)
    return report


def _go_on(
    replay: Steps[StepT],
    steps: Sequence[StepT],
    told: Told,
    chain: Chain,
    progress: ProgressFile,
) -> list[str]:
    taken = progress.applied
    if _BEGINNING not in taken:
        replay.begin()
        progress.add(_BEGINNING, 0, chain.head)
    following = max(taken, default=_BEGINNING) + 1
    for number in range(following):
        replay.recall(steps[number], taken[number].order_id if number in taken else None)
    told(following)
    for number in range(following, len(steps)):
        replay.apply(steps[number])
        progress.add(number, replay.order_id(steps[number]), chain.head)
        told(number + 1)
    return replay.report()
