"""The command that gives back the disk old states take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import (
    AsJson,
    ChainPath,
    explained,
    print_json,
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
        show_default=False,
        help="How many of the last blocks' states to keep; by default all one can go back to.",
    ),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]


def prune(
    path: ChainPath,
    keep_states: _KeepStates = None,
    dry_run: _DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove states too old to go back to, and give their disk back; proves the head unchanged.

    evm-dex prune my-chain --dry-run

    evm-dex prune my-chain --keep-states 128

    What goes: trie nodes and code that no kept state needs, undo rows below the window, and
    checkpoints beyond those the chain keeps. Blocks, transactions, receipts and logs stay, and so
    do the states of the genesis and the head. The chain must not be running. It can be
    interrupted at any moment and run again. Disk that checkpoints share is free when they go.
    """
    from checkpoint.pruning import prune_states  # noqa: PLC0415 - loads the database

    with explained(), _phases() as progress:
        report = prune_states(
            require(path), keep_states=keep_states, dry_run=dry_run, progress=progress
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
    """One bar that is named for what is being done."""
    with progress_bars() as progress:
        task = progress.add_task("Opening", total=None)

        def show(phase: str, done: int, total: int) -> None:
            progress.update(task, description=phase, completed=done, total=total or None)

        yield show
