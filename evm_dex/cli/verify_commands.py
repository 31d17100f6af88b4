"""Commands that verify checkpoints and the head, and compare two states."""

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
    ChainDirectory,
    Height,
    height_of,
    print_json,
    report_errors,
    require,
    row_progress,
    warn_if_locked,
)
from evm_dex.terminal.console import console, escape
from evm_dex.terminal.tables import difference_table, table_name

if TYPE_CHECKING:
    from checkpoint.diff import Counts, RowDecoder
    from checkpoint.manifest import CheckpointInfo
    from checkpoint.verify import VerifyReport
    from precompiles.ledger.storage import RowChange

_Progress = Callable[[int, int], None]
_All = Annotated[bool, typer.Option("--all", help="Verify every checkpoint.")]
_Head = Annotated[
    bool, typer.Option("--head", help="Verify the live store instead of a checkpoint.")
]
_Deep = Annotated[
    bool,
    typer.Option(
        "--deep",
        help="Also decode every row, check indexes and invariants, and walk the state trie.",
    ),
]
_At = Annotated[str | None, typer.Option("--height", hidden=True)]
_Limit = Annotated[
    int, typer.Option(min=0, metavar="N", help="Number of rows to show; all are counted.")
]
_Side = Annotated[
    str, typer.Argument(help="Height of a checkpoint, latest, or head.", show_default=False)
]


def verify(
    chain: ChainDirectory,
    height: Height = "latest",
    at: _At = None,
    every: _All = False,
    head: _Head = False,
    deep: _Deep = False,
    as_json: AsJson = False,
) -> None:
    """Prove a checkpoint against its block hash.

      evm-dex checkpoint verify 12000 --chain my-chain
      evm-dex checkpoint verify --all --deep --chain my-chain

    Checks the files against the manifest, then rows → digest → storage slot → state root →
    header → block hash, and names the first difference. Changes nothing. Exits with 1 if anything
    is wrong. Works while the chain is running.
    """
    from checkpoint.manifest import list_checkpoints  # noqa: PLC0415 - loads the database
    from checkpoint.restore import choose_checkpoint  # noqa: PLC0415 - as above

    wanted = height_of(at or height)
    results: list[dict[str, object]] = []
    with report_errors(), row_progress() as progress:
        if head:
            warn_if_locked(chain)
            results.append(_prove_head(require(chain), deep, progress))
        else:
            chosen = (
                list_checkpoints(require(chain))
                if every
                else (choose_checkpoint(require(chain), wanted),)
            )
            results += [_prove(info, deep, progress) for info in chosen]
    _show_results(results, deep, as_json)
    raise typer.Exit(1 if any(result["wrong"] for result in results) else 0)


def diff(
    old: _Side, new: _Side, chain: ChainDirectory, limit: _Limit = 20, as_json: AsJson = False
) -> None:
    """Show every row that differs between two states.

      evm-dex checkpoint diff 12000 13000 --chain my-chain
      evm-dex checkpoint diff latest head --limit 100 --chain my-chain

    Works while the chain is running.
    """
    from checkpoint import diff as diffing  # noqa: PLC0415 - loads the database
    from checkpoint.snapshot_source import open_snapshot  # noqa: PLC0415 - as above

    counts: dict[int, Counts] = {}
    shown: list[RowChange] = []
    with (
        report_errors(),
        open_snapshot(require(chain), _side(chain, old)) as before,
        open_snapshot(chain, _side(chain, new)) as after,
        row_progress("Comparing") as progress,
    ):
        for change in diffing.differing_rows(before, after, progress):
            diffing.count(counts, change)
            if len(shown) < limit:
                shown.append(change)
        reader = diffing.RowDecoder(after)
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
    from evm_dex.chain.block_proof import inspect_block  # noqa: PLC0415 - loads the whole chain

    try:
        report = verify_checkpoint(info, progress=progress, deep=deep, inspect=inspect_block)
        return _result(info.height, report)
    except (StoreError, OSError) as error:
        return {"height": info.height, "wrong": str(error)}


def _prove_head(path: Path, deep: bool, progress: _Progress) -> dict[str, object]:
    from checkpoint.rocks.read_only_store import ReadOnlyStore  # noqa: PLC0415 - loads the database
    from checkpoint.verify import verify_store as prove_rows  # noqa: PLC0415 - as above
    from evm_dex.chain.block_proof import inspect_block  # noqa: PLC0415 - loads the whole chain

    with closing(ReadOnlyStore(path)) as store:
        report = prove_rows(store, progress, deep=deep, inspect=inspect_block)
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
    """Return the height of a checkpoint; None for the head."""
    from checkpoint.restore import choose_checkpoint  # noqa: PLC0415 - loads the database

    if text == "head":
        warn_if_locked(path)
        return None
    wanted = height_of(text, "latest or head")
    return choose_checkpoint(path, None).height if wanted is None else wanted


def _row(reader: RowDecoder, change: RowChange) -> dict[str, object]:
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
