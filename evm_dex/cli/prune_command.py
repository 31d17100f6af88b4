"""The command that frees the disk space of old states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import (
    AsJson,
    ChainDirectory,
    DryRun,
    print_json,
    report_errors,
    require,
)
from evm_dex.terminal.console import console, progress_bars
from evm_dex.terminal.tables import plain_table

if TYPE_CHECKING:
    from checkpoint.pruning import PruneReport

_KeepStates = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        show_default="as far as a rollback can go",
        help="Number of newest blocks whose states to keep.",
    ),
]


def prune(
    chain: ChainDirectory,
    keep_states: _KeepStates = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove old states, and free their disk space.

      evm-dex prune --dry-run --chain my-chain
      evm-dex prune --keep-states 128 --chain my-chain

    Removes trie nodes and code that no kept state needs, the undo rows of those states, and
    checkpoints beyond the number that the chain keeps. Blocks, transactions, receipts and logs
    stay, and so do the states of the genesis and the head, which is proven unchanged.

    The chain must not be running. If the command is interrupted, run it again. Space that
    checkpoints share is free when they are removed.
    """
    from checkpoint.pruning import prune_states  # noqa: PLC0415 - loads the database

    with report_errors(), _phases() as progress:
        report = prune_states(
            require(chain), keep_states=keep_states, dry_run=dry_run, progress=progress
        )
    if as_json:
        sizes = {"before": asdict(report.before), "after": asdict(report.after)}
        head = {"height": report.head.height, "state_root": report.head.state_root.hex()}
        print_json({"dry_run": dry_run, "states": report.states, **head, **sizes})
        return
    _print(report, dry_run)


def _print(report: PruneReport, dry_run: bool) -> None:
    title = f"Block {report.head.height}, {report.states} states kept"
    columns = ("", "before", "would be left" if dry_run else "after")
    table = plain_table(title, columns, right=columns[1:])
    before, after = asdict(report.before), asdict(report.after)
    if dry_run:
        after.pop("disk_bytes")
    for name in after:
        table.add_row(name.replace("_", " "), f"{before[name]:,}", f"{after[name]:,}")
    console().print(table)
    if not dry_run:
        root = report.head.state_root.hex()[:16]
        console().print(f"[green]✓[/] state root {root}… and every row proven before and after")


@contextmanager
def _phases() -> Iterator[Callable[[str, int, int], None]]:
    """Show one progress bar, named after the current phase."""
    with progress_bars() as progress:
        task = progress.add_task("Opening", total=None)

        def show(phase: str, done: int, total: int) -> None:
            progress.update(task, description=phase, completed=done, total=total or None)

        yield show
