"""Commands that take a chain's whole state out into one file, and make a chain from one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import (
    AsJson,
    ChainPath,
    explained,
    print_json,
    require,
    tell_if_held,
)
from evm_dex.terminal.console import console, escape, progress_bars
from evm_dex.terminal.tables import plain_table, table_name

if TYPE_CHECKING:
    from checkpoint.archive import Summary
    from checkpoint.store import Progress as Report

_Target = Annotated[Path, typer.Argument(help="The file to make.", show_default=False)]
_Height = Annotated[
    int | None, typer.Option(min=0, help="Of a checkpoint.", show_default="the head")
]
_Head = Annotated[bool, typer.Option("--head", help="The head as it is now, as without --height.")]
_Archive = Annotated[Path, typer.Argument(help="A file that was exported.", show_default=False)]
_New = Annotated[Path, typer.Argument(help="A new or empty directory.", show_default=False)]
_BlockHash = Annotated[
    str | None,
    typer.Option(help="The block it must be the state of; refused otherwise.", show_default=False),
]
_HASH_BYTES = 32


class ArchiveFormat(StrEnum):
    """What an export is for."""

    ARCHIVE = "archive"
    JSONL = "jsonl"


_Format = Annotated[
    ArchiveFormat,
    typer.Option("--format", help="archive can be imported; jsonl is for reading by other tools."),
]


def export(
    path: ChainPath,
    target: _Target,
    height: _Height = None,
    head: _Head = False,
    form: _Format = ArchiveFormat.ARCHIVE,
    as_json: AsJson = False,
) -> None:
    """Write the whole state of a chain into one file; works while the chain is running.

    evm-dex checkpoint export my-chain my-chain.evmdex

    evm-dex checkpoint export my-chain state.jsonl --height 12000 --format jsonl

    Accounts, code, storage, every row of the exchange, and the blocks a chain needs to go on; all
    of it proven by the block's hash on the way. The same state gives the same bytes.
    """
    from checkpoint import archive  # noqa: PLC0415 - loads the database
    from evm_dex.chain.block_proof import inspect_block  # noqa: PLC0415 - loads the whole chain

    if head and height is not None:
        raise typer.BadParameter("give --height or --head, not both")
    work = archive.export_archive if form is ArchiveFormat.ARCHIVE else archive.export_json_lines
    started = time.monotonic()
    with explained():
        if height is None:
            tell_if_held(require(path))
        with _bar("Exporting") as progress:
            summary = work(
                require(path), target, inspect=inspect_block, height=height, progress=progress
            )
    _tell("Exported", target, summary, target, time.monotonic() - started, as_json)


def import_(
    archive: _Archive, path: _New, block_hash: _BlockHash = None, as_json: AsJson = False
) -> None:
    """Make a chain from an archive, proving every account and row by the block's hash.

    evm-dex checkpoint import my-chain.evmdex elsewhere

    evm-dex checkpoint import from-somebody.evmdex elsewhere --block-hash 0x69558028…

    The chain appears when all of it is proven and on disk; after a kill, run it again.
    """
    from checkpoint.archive import import_archive  # noqa: PLC0415 - loads the database
    from evm_dex.chain.block_proof import inspect_block  # noqa: PLC0415 - loads the whole chain

    expected, started = _hash(block_hash), time.monotonic()
    with explained(), _bar("Importing") as progress:
        summary = import_archive(
            archive, path, inspect=inspect_block, block_hash=expected, progress=progress
        )
    _tell("Imported", path, summary, archive, time.monotonic() - started, as_json)


def _hash(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != _HASH_BYTES:
        raise typer.BadParameter(f"{text!r} is no block hash: 64 hex digits, with or without 0x")
    return value


@contextmanager
def _bar(description: str) -> Iterator[Report]:
    """A bar that fills where it is known how much there is, and moves where it is not."""
    with progress_bars() as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)


def _tell(
    done: str, place: Path, summary: Summary, file: Path, seconds: float, as_json: bool
) -> None:
    head, size = summary.head, file.stat().st_size
    counts = sorted(head.commitment.counts.items())
    if as_json:
        print_json(
            {
                "path": str(place),
                "chain_id": head.chain_id,
                "height": head.height,
                "block_hash": f"0x{head.block_hash.hex()}",
                "state_root": f"0x{head.state_root.hex()}",
                "blocks": summary.blocks,
                "accounts": summary.accounts,
                "slots": summary.slots,
                "rows": {table_name(number): count for number, count in counts},
                "bytes": size,
                "seconds": round(seconds, 3),
            }
        )
        return
    from rich.filesize import decimal  # noqa: PLC0415 - only for people

    table = plain_table(done, ("what", "count"), right=("count",))
    for name, count in (
        ("blocks", summary.blocks),
        ("accounts", summary.accounts),
        ("storage words", summary.slots),
        *((f"rows: {table_name(number)}", count) for number, count in counts),
    ):
        table.add_row(name, f"{count:,}")
    console().print(table)
    console().print(
        f"[green]✓[/] {escape(str(place))}: {summary.rows:,} rows, {decimal(size)}, "
        f"{seconds:.1f} s\n  block {head.height} 0x{head.block_hash.hex()}",
        highlight=False,
        soft_wrap=True,
    )
