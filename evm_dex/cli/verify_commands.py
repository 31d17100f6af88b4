"""Commands that read checkpoints and the head: proving them, and what differs between two."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from checkpoint.errors import StoreError
from evm_dex.cli.shared import (
    AsJson,
    ChainPath,
    Height,
    explained,
    height_of,
    print_json,
    require,
    row_progress,
    tell_if_held,
)
from evm_dex.terminal.console import console, escape
from evm_dex.terminal.tables import difference_table, table_name

if TYPE_CHECKING:
    from checkpoint.diff import Counts, RowReader
    from checkpoint.manifest import CheckpointInfo
    from checkpoint.verify import VerifyReport
    from precompiles.ledger.storage import RowChange

_Progress = Callable[[int, int], None]
_All = Annotated[bool, typer.Option("--all", help="Every checkpoint there is.")]
_Head = Annotated[bool, typer.Option("--head", help="The live store instead of a checkpoint.")]
_Deep = Annotated[
    bool,
    typer.Option(
        "--deep", help="Also decode every row, hold indexes and invariants, walk the state."
    ),
]
_At = Annotated[str | None, typer.Option("--height", help="The same as HEIGHT.")]
_Limit = Annotated[int, typer.Option(min=0, help="Rows to show; all are counted.")]
_Side = Annotated[str, typer.Argument(help="A height, latest, or head.", show_default=False)]


def verify(
    path: ChainPath,
    height: Height = "latest",
    at: _At = None,
    every: _All = False,
    head: _Head = False,
    deep: _Deep = False,
    as_json: AsJson = False,
) -> None:
    """Prove a checkpoint without touching anything; works while the chain is running.

    evm-dex checkpoint verify my-chain 12000

    evm-dex checkpoint verify my-chain --all --deep

    Its files against its manifest, then rows → digest → storage slot → state root → header →
    block hash; names the first thing that differs.
    """
    from checkpoint.manifest import list_checkpoints  # noqa: PLC0415 - loads the database
    from checkpoint.restore import choose_checkpoint  # noqa: PLC0415 - as above

    wanted = height_of(at or height)
    results: list[dict[str, object]] = []
    with explained(), row_progress() as progress:
        if head:
            tell_if_held(path)
            results.append(_prove_head(require(path), deep, progress))
        else:
            chosen = (
                list_checkpoints(require(path))
                if every
                else (choose_checkpoint(require(path), wanted),)
            )
            results += [_prove(info, deep, progress) for info in chosen]
    _show_results(results, deep, as_json)
    raise typer.Exit(1 if any(result["wrong"] for result in results) else 0)


def diff(
    path: ChainPath, old: _Side, new: _Side, limit: _Limit = 20, as_json: AsJson = False
) -> None:
    """What changed between two states, row by row; works while the chain is running.

    evm-dex checkpoint diff my-chain 12000 13000

    evm-dex checkpoint diff my-chain latest head --limit 100
    """
    from checkpoint import diff as diffing  # noqa: PLC0415 - loads the database
    from checkpoint.snapshot_source import open_snapshot  # noqa: PLC0415 - as above

    counts: dict[int, Counts] = {}
    shown: list[RowChange] = []
    with (
        explained(),
        open_snapshot(require(path), _side(path, old)) as before,
        open_snapshot(path, _side(path, new)) as after,
        row_progress("Comparing") as progress,
    ):
        for change in diffing.differing_rows(before, after, progress):
            diffing.count(counts, change)
            if len(shown) < limit:
                shown.append(change)
        reader = diffing.RowReader(after)
        rows = [_row(reader, change) for change in shown]
    total = sum(sum(asdict(found).values()) for found in counts.values())
    if as_json:
        tables = {table_name(number): asdict(found) for number, found in sorted(counts.items())}
        print_json({"old": old, "new": new, "counts": tables, "rows": rows})
        return
    console().print(difference_table(old, new, counts))
    for row in rows:
        _show_row(row)
    if total > len(rows):
        console().print(f"… and {total - len(rows):,} more; --limit {total} shows them all")


def _prove(info: CheckpointInfo, deep: bool, progress: _Progress) -> dict[str, object]:
    from checkpoint.restore import verify_checkpoint  # noqa: PLC0415 - loads the database

    try:
        return _result(info.height, verify_checkpoint(info, progress=progress, deep=deep))
    except (StoreError, OSError) as error:
        return {"height": info.height, "wrong": str(error)}


def _prove_head(path: Path, deep: bool, progress: _Progress) -> dict[str, object]:
    from checkpoint.rocks.read_only_store import ReadOnlyStore  # noqa: PLC0415 - loads the database
    from checkpoint.verify import verify_store as prove_rows  # noqa: PLC0415 - as above

    with closing(ReadOnlyStore(path)) as store:
        report = prove_rows(store, progress, deep=deep)
    assert report.head is not None or report.difference is not None
    return _result(report.head.height if report.head else None, report)


def _result(height: int | None, report: VerifyReport) -> dict[str, object]:
    return {
        "height": height,
        "block_hash": report.head.block_hash.hex() if report.head else None,
        "rows": {table_name(number): count for number, count in report.rows.items()},
        "seconds": round(report.seconds, 6),
        "wrong": report.difference,
    }


def _show_results(results: list[dict[str, object]], deep: bool, as_json: bool) -> None:
    if as_json:
        print_json(results)
        return
    proven = "files, rows, digest, state root, header, block hash"
    if deep:
        proven += ", every row decoded, indexes, invariants, whole state"
    for result in results:
        wrong = result["wrong"]
        text = f"block {result['height']}: {wrong or proven}"
        mark = "[red]✗[/]" if wrong else "[green]✓[/]"
        console().print(f"{mark} {escape(text)}", highlight=False, soft_wrap=True)
    if not results:
        console().print("there are no checkpoints")


def _side(path: Path, text: str) -> int | None:
    """A height; None for the head."""
    from checkpoint.restore import choose_checkpoint  # noqa: PLC0415 - loads the database

    if text == "head":
        tell_if_held(path)
        return None
    wanted = height_of(text, "latest nor head")
    return choose_checkpoint(path, None).height if wanted is None else wanted


def _row(reader: RowReader, change: RowChange) -> dict[str, object]:
    from checkpoint.diff import kind_of  # noqa: PLC0415 - loads the database

    return {
        "table": table_name(change.table),
        "key": reader.key(change),
        "change": kind_of(change),
        "fields": reader.fields(change),
    }


def _show_row(row: dict[str, object]) -> None:
    marks = {"added": "[green]+[/]", "changed": "[yellow]~[/]", "removed": "[red]-[/]"}
    change, fields = row["change"], row["fields"]
    assert isinstance(fields, dict)
    parts = []
    for name, (old, new) in fields.items():
        value = {"added": f"{new}", "removed": f"{old}"}.get(str(change), f"{old} → {new}")
        parts.append(f"{name} {value}")
    head = f"{marks[str(change)]} {escape(str(row['table']))} {escape(str(row['key']))}"
    console().print(f"{head}: {escape(', '.join(parts))}", highlight=False, soft_wrap=True)
