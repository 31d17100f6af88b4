"""The command that runs a scenario for many seeds."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import AsJson, ended_alike, print_json, report_errors
from evm_dex.terminal.console import console, errors, escape, progress_bars

if TYPE_CHECKING:
    from distributed import Client

    from evm_dex.campaign.campaign import CampaignOptions
    from evm_dex.campaign.scenario import Scenario
    from evm_dex.campaign.seed_run import SeedResult

_Target = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        help="Scenario as module:function, or one that ships: price_crash, liquidation_cascade, "
        "funding_weeks, adversarial_makers, vault_flow.",
        show_default=False,
    ),
]
_Seeds = Annotated[
    str,
    typer.Option(
        "--seeds",
        metavar="FROM..TO|SEED",
        help="Seeds to run, TO not among them; or one, which leaves its chain as an archive.",
    ),
]
_Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="tcp://HOST:PORT",
        help="Dask scheduler whose workers run the seeds.",
        show_default="workers on this machine",
    ),
]
_Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-n",
        min=1,
        metavar="N",
        help="Processes on this machine.",
        show_default="one per processor",
    ),
]
_Stop = Annotated[bool, typer.Option("--stop", "-x", help="Stop at the smallest seed that fails.")]
_Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="File of results, .jsonl or .parquet; one that is there is replaced.",
        show_default="FUNCTION.jsonl",
    ),
]
_Archive = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Archive of the chain of a single seed.",
        show_default="FUNCTION-SEED.evmdex",
    ),
]
_MOST_SHOWN = 10


def campaign(
    target: _Target,
    seeds: _Seeds = "0..100",
    scheduler: _Scheduler = None,
    workers: _Workers = None,
    stop: _Stop = False,
    out: _Out = None,
    archive: _Archive = None,
    as_json: AsJson = False,
) -> None:
    """Run a scenario for many seeds, and tell which fail.

      evm-dex campaign price_crash --seeds 0..200
      evm-dex campaign my_tests:storm --seeds 0..10000 --stop --out storm.parquet
      evm-dex campaign my_tests:storm --seeds 0..10000 --scheduler tcp://10.0.0.5:8786
      evm-dex campaign my_tests:storm --seeds 4711

    A scenario is a function of a seed, a chain and a report; it raises where something is wrong.
    Each seed has a chain of its own, and the same blocks wherever it runs. A single seed runs here,
    shows where it fails, and leaves its chain to look into. Exits with 1 where a seed failed.
    """
    asked = _range(seeds)
    with report_errors(ValueError):
        from evm_dex.campaign.campaign import CampaignOptions  # noqa: PLC0415 - loads msgspec
        from evm_dex.campaign.scenario import load_scenario  # noqa: PLC0415 - as above

        found, name = load_scenario(target), target.rpartition(":")[2]
        if len(asked) == 1:
            _run_one(found, name, asked[0], archive, as_json)
            return
        if archive is not None:
            raise typer.BadParameter("--archive is for a single seed: give --seeds SEED")
        options = CampaignOptions(scheduler=scheduler, workers=workers, stops=stop)
        _run_many(target, asked, options, out or Path(f"{name}.jsonl"), as_json)


def _range(text: str) -> range:
    found = re.fullmatch(r"(\d{1,18})(?:\.\.(\d{1,18}))?", text, re.ASCII)
    first = int(found[1]) if found else 0
    seeds = range(first, int(found[2]) if found and found[2] else first + 1)
    if not found or not seeds:
        raise typer.BadParameter(
            f"--seeds must be FROM..TO or one seed, of at most 18 digits, got {text!r}"
        )
    return seeds


def _run_one(found: Scenario, name: str, seed: int, archive: Path | None, as_json: bool) -> None:
    from evm_dex.campaign.seed_run import run_seed  # noqa: PLC0415 - loads msgspec

    file = archive or Path(f"{name}-{seed}.evmdex")
    if file.exists():
        # The chain of an earlier run; exports replace nothing.
        raise ValueError(f"{file} exists: remove it, or choose another --archive")
    with progress_bars() as bar:
        bar.add_task(f"{name}, seed {seed}", total=None)
        result = run_seed(found, seed, file)
    if as_json:
        print_json({**result.row(), "archive": str(file)})
    else:
        if result.traceback:
            console().print(escape(result.traceback.rstrip()), highlight=False, soft_wrap=True)
        said = "[green]passed[/]" if result.passed else f"[red]failed[/]: {escape(result.error)}"
        console().print(
            f"seed {seed} {said}\n  block {result.height} {result.block_hash}",
            highlight=False,
            soft_wrap=True,
        )
        for key, value in result.values.items():
            console().print(f"  {escape(key)} = {escape(str(value))}", highlight=False)
        shown = escape(str(file))
        console().print(
            f"its chain is in {shown}; to look into it:\n"
            f"  evm-dex checkpoint import {shown} --chain {escape(file.stem)}\n"
            f"  evm-dex node --chain {escape(file.stem)}",
            highlight=False,
            soft_wrap=True,
        )
    if not result.passed:
        raise typer.Exit(1)


def _run_many(
    target: str,
    seeds: range,
    options: CampaignOptions,
    path: Path,
    as_json: bool,
) -> None:
    from evm_dex.campaign.campaign import connected  # noqa: PLC0415 - loads msgspec
    from evm_dex.campaign.results_file import results_file  # noqa: PLC0415 - as above

    counts: Counter[bool] = Counter()
    failed: list[SeedResult] = []
    started = time.monotonic()
    try:
        with ended_alike(), results_file(path) as file, connected(options) as client:
            for result in _shown(client, target, seeds, options):
                file.add(result)
                counts[result.passed] += 1
                if not result.passed and len(failed) < _MOST_SHOWN:
                    failed.append(result)
    except KeyboardInterrupt:
        said = f"ended after {counts.total():,} seeds, {counts[False]:,} failed"
        errors().print(f"{said}; results in {escape(str(path))}", highlight=False, soft_wrap=True)
        raise
    seconds = time.monotonic() - started
    if as_json:
        print_json(
            {
                "scenario": target,
                "seeds": counts.total(),
                "passed": counts[True],
                "failed": counts[False],
                "smallest_failing_seed": failed[0].seed if failed else None,
                "error": failed[0].error if failed else None,
                "results": str(path),
                "seconds": round(seconds, 3),
            }
        )
    else:
        _tell(target, counts, failed, path, seconds)
    if failed:
        raise typer.Exit(1)


def _shown(
    client: Client, target: str, seeds: range, options: CampaignOptions
) -> Iterator[SeedResult]:
    """Yield the results, behind a bar that says how many are there and how many failed."""
    from evm_dex.campaign.campaign import run_campaign  # noqa: PLC0415 - loads msgspec

    if client.dashboard_link and find_spec("bokeh") and errors().is_terminal:
        errors().print(f"Dask's dashboard: {client.dashboard_link}", highlight=False)
    failed = 0
    with progress_bars() as bar:
        task = bar.add_task(target, total=len(seeds))
        for result in run_campaign(client, target, seeds, stops=options.stops):
            failed += not result.passed
            said = f"{target}, {failed} failed" if failed else target
            bar.update(task, advance=1, description=escape(said))
            yield result


def _tell(
    target: str, counts: Counter[bool], failed: list[SeedResult], path: Path, seconds: float
) -> None:
    for result in failed:
        console().print(
            f"[red]seed {result.seed}[/]: {escape(result.error.partition(chr(10))[0])}",
            highlight=False,
            soft_wrap=True,
        )
    if counts[False] > len(failed):
        console().print(f"… and {counts[False] - len(failed):,} more", highlight=False)
    mark = "[red]✗[/]" if failed else "[green]✓[/]"
    console().print(
        f"{mark} {counts.total():,} seeds, {counts[False]:,} failed, {seconds:.1f} s; "
        f"results in {escape(str(path))}",
        highlight=False,
        soft_wrap=True,
    )
    if failed:
        again = f"evm-dex campaign {escape(target)} --seeds {failed[0].seed}"
        console().print(
            f"to look into the smallest: {again}",
            highlight=False,
            soft_wrap=True,
        )
