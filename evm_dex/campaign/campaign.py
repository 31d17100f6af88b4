"""Seeds of a scenario spread over Dask's workers, and their results in order."""

from __future__ import annotations

import heapq
import itertools
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evm_dex.campaign.scenario import ScenarioError, load_scenario
from evm_dex.campaign.seed_run import SeedResult, run_seed

if TYPE_CHECKING:
    from distributed import Client, Future

_AT_LEAST_IN_WORK = 8
_PER_THREAD = 4
"""Tasks that a worker's thread has waiting, so that it never waits for one."""
_SECONDS_TO_CONNECT = 5
_SECONDS_FOR_A_WORKER = 10
_SECONDS_PER_COUNT = 2.0
_SECONDS_PER_TASK = 0.25
"""A task is as many seeds as take so long: each task costs the scheduler some milliseconds."""
_MOST_PER_TASK = 64
_MOST_AHEAD = 100_000
"""Results that are kept while an earlier seed is still running."""
_SECONDS_WITHOUT_WORKERS = 120.0
"""After which a campaign ends; workers that died are started again by then."""
_SECONDS_PER_LOOK = 0.01
_MOST_WORKERS_LOST = 10
"""Workers that one task may take along before it is given up."""


class SchedulerLost(ValueError):  # noqa: N818 - says what happened
    """A scheduler that went away, or has had no workers for long; results so far hold."""


class CampaignOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a campaign."""

    scheduler: str | None = None
    """Address of a Dask scheduler; None for workers of its own on this machine."""
    workers: int | None = None
    """Number of its own workers; None for one per processor."""
    stops: bool = False
    """True ends it at the smallest seed that fails, False runs all."""


@contextmanager
def connected(options: CampaignOptions) -> Iterator[Client]:
    """Connect to the workers of a campaign, which end with it if they are its own.

    Raises ScenarioError where Dask is not installed, or its scheduler does not answer or has no
    workers.
    """
    try:
        import dask  # noqa: PLC0415 - of an extra
        from distributed import Client, LocalCluster  # noqa: PLC0415 - as above
    except ImportError:
        raise ScenarioError("campaigns need Dask: pip install 'evm-dex[campaign]'") from None
    with ExitStack() as stack:
        stack.enter_context(
            dask.config.set(
                {
                    "distributed.scheduler.allowed-failures": _MOST_WORKERS_LOST,
                    "distributed.worker.profile.enabled": False,
                }
            )
        )
        if options.scheduler is None:
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=options.workers,
                    threads_per_worker=1,
                    # Its dashboard is there where bokeh is; by default on a port that may be taken.
                    dashboard_address="127.0.0.1:0",
                    silence_logs="CRITICAL",
                    preload=["evm_dex.campaign.own_worker"],
                )
            )
            yield stack.enter_context(Client(cluster))
            return
        try:
            client = stack.enter_context(Client(options.scheduler, timeout=_SECONDS_TO_CONNECT))
        except (OSError, TimeoutError, ValueError) as error:
            raise ScenarioError(
                f"the Dask scheduler {options.scheduler} does not answer: {error}"
            ) from error
        try:
            client.wait_for_workers(1, timeout=_SECONDS_FOR_A_WORKER)
        except TimeoutError:
            raise ScenarioError(
                f"the Dask scheduler {options.scheduler} has no workers: start some by "
                f"`dask worker {options.scheduler}`"
            ) from None
        yield client


def run_campaign(
    client: Client, target: str, seeds: range, *, stops: bool = False
) -> Iterator[SeedResult]:
    """Yield what came of each seed, in order; with `stops`, up to the smallest that fails.

    A seed whose worker is lost runs on another one; its result comes once. Raises ScenarioError,
    and SchedulerLost where none of the rest can run.
    """
    load_scenario(target)  # fails here rather than on a worker
    digest = "" if client.cluster is not None else _bring(client, target.rpartition(":")[0])
    yield from _Run(client, target, seeds, digest, stops=stops).results()


def _bring(client: Client, module: str) -> str:
    """Bring a module of this directory to the workers, also to those that come later.

    Return its digest, empty for one that is installed there. Raises ScenarioError.
    """
    from evm_dex.campaign.brought_modules import gathered  # noqa: PLC0415 - of an extra

    brought = gathered(module, Path.cwd())
    if brought is None:
        return ""
    try:
        client.register_plugin(brought, name=brought.name)
    except Exception as error:  # whatever it raises there
        raise ScenarioError(
            f"{module} can't be loaded by the workers of {client.scheduler.address}: "
            f"{type(error).__name__}: {error}; what it imports must be installed there"
        ) from None
    return brought.digest


class _Run:
    """The seeds in work."""

    def __init__(
        self, client: Client, target: str, seeds: range, digest: str, *, stops: bool
    ) -> None:
        from distributed import as_completed  # noqa: PLC0415 - of an extra

        self._client = client
        self._target = target
        self._digest = digest
        self._stops = stops
        self._name = uuid.uuid4().hex
        self._waiting = iter(seeds)
        self._alone: list[int] = []
        """Seeds to run again, each in a task of its own."""
        self._seconds = _SECONDS_PER_TASK
        """Seconds that recent seeds took, on average."""
        self._end = seeds.stop
        self._in_work: dict[Future, tuple[int, ...]] = {}
        self._done: list[tuple[int, SeedResult]] = []
        """Those that can't be told yet, a heap."""
        self._completed = as_completed()
        self._seeds = seeds
        self._last_worker_at = time.monotonic()
        self._counts_at = 0.0
        self._counted = 0

    def results(self) -> Iterator[SeedResult]:
        try:
            for seed in self._seeds:
                if seed >= self._end:
                    break
                while not self._done or self._done[0][0] != seed:
                    self._submit()
                    future = self._next_completed()
                    seeds = self._in_work.pop(future, None)
                    if seeds is not None:
                        self._take(seeds, future)
                yield heapq.heappop(self._done)[1]
        finally:
            self._client.cancel(list(self._in_work))

    def _next_completed(self) -> Future:
        """Wait for a task. Raises SchedulerLost."""
        while not self._completed.has_ready():
            if self._threads():
                self._last_worker_at = time.monotonic()
            elif time.monotonic() - self._last_worker_at > _SECONDS_WITHOUT_WORKERS:
                raise SchedulerLost(
                    f"the scheduler {self._client.scheduler.address} has had no workers for "
                    f"{_SECONDS_WITHOUT_WORKERS:.0f} s: start some, and run the seeds that are left"
                )
            time.sleep(_SECONDS_PER_LOOK)
        return next(self._completed)

    def _take(self, seeds: tuple[int, ...], future: Future) -> None:
        for result in self._results(seeds, future):
            heapq.heappush(self._done, (result.seed, result))
            if self._stops and not result.passed:
                self._end = min(self._end, result.seed + 1)
        future.release()
        unwanted = [each for each, at in self._in_work.items() if at[0] >= self._end]
        for each in unwanted:
            del self._in_work[each]
        if unwanted:
            self._client.cancel(unwanted)

    def _threads(self) -> int:
        """Return how many seeds run at once, as of a few seconds ago: workers come and go."""
        now = time.monotonic()
        if now >= self._counts_at:
            self._counts_at = now + _SECONDS_PER_COUNT
            try:
                self._counted = sum(self._client.nthreads().values())
            except OSError as error:
                raise self._lost() from error
        return self._counted

    def _submit(self) -> None:
        room = max(_AT_LEAST_IN_WORK, _PER_THREAD * self._threads()) - len(self._in_work)
        if len(self._done) >= _MOST_AHEAD:
            room = 0 if self._in_work else 1
        for _ in range(room):
            seeds = self._next_seeds()
            if not seeds or seeds[0] >= self._end:
                break
            future = self._client.submit(
                _run_on_worker,
                self._target,
                seeds,
                version("evm-dex"),
                self._digest,
                stops=self._stops,
                # Dask keeps statistics for each first part of a key.
                key=(f"{self._target}-{self._name}", *seeds[:1], len(seeds)),
                pure=False,
            )
            self._in_work[future] = seeds
            self._completed.add(future)
        assert self._in_work, "a seed that is asked for is in work or done"

    def _next_seeds(self) -> tuple[int, ...]:
        if self._alone:
            return (self._alone.pop(),)
        count = min(_MOST_PER_TASK, max(1, int(_SECONDS_PER_TASK / self._seconds)))
        return tuple(itertools.islice(self._waiting, count))

    def _lost(self) -> SchedulerLost:
        return SchedulerLost(
            "the Dask scheduler went away: start it again, and run the seeds that are left"
        )

    def _results(self, seeds: tuple[int, ...], future: Future) -> list[SeedResult]:
        from distributed import KilledWorker  # noqa: PLC0415 - of an extra

        try:
            found, seconds = future.result()
        except CancelledError as cancelled:  # by nobody here
            raise self._lost() from cancelled
        except KilledWorker:
            if len(seeds) > 1:
                self._alone += seeds
                return []
            error = f"WorkerLost: {_MOST_WORKERS_LOST} workers and more ended while they ran it"
            return [
                SeedResult(
                    seed=seeds[0], passed=False, error=error, height=0, block_hash="", values={}
                )
            ]
        self._seconds = (3 * self._seconds + seconds / len(found)) / 4
        results: list[SeedResult] = found
        return results


def _run_on_worker(
    target: str, seeds: tuple[int, ...], wanted: str, digest: str, *, stops: bool
) -> tuple[list[SeedResult], float]:
    """Run seeds where Dask sends them; what came of each, and the seconds that they took.

    `wanted` is the version of evm-dex, `digest` that of a module that was brought. With `stops`
    the first that fails is the last.
    """
    here = version("evm-dex")
    if here != wanted:
        raise ScenarioError(
            f"a worker has evm-dex {here}, the campaign {wanted}: install the same on both"
        )
    if digest:
        from evm_dex.campaign.brought_modules import check_brought  # noqa: PLC0415 - of an extra

        check_brought(target.rpartition(":")[0], digest)
    began, scenario = time.monotonic(), load_scenario(target)
    results: list[SeedResult] = []
    for seed in seeds:
        results.append(run_seed(scenario, seed))
        if stops and not results[-1].passed:
            break
    return results, time.monotonic() - began
