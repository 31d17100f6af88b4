"""Commands that export a chain's whole state to one file, and import it."""

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
    ChainDirectory,
    print_json,
    report_errors,
    require,
    warn_if_locked,
)
from evm_dex.terminal.console import console, escape, progress_bars
from evm_dex.terminal.tables import plain_table, table_name

if TYPE_CHECKING:
    from checkpoint.archive import Summary
    from checkpoint.store import Progress as Report

_Target = Annotated[Path, typer.Argument(help="File to create.", show_default=False)]
_Height = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="N", help="Height of the checkpoint to export.", show_default="the head"
    ),
]
_Head = Annotated[bool, typer.Option("--head", help="Export the head (the default).")]
_Archive = Annotated[
    Path, typer.Argument(help="Archive or JSON Lines to import.", show_default=False)
]
_NewChain = Annotated[
    Path,
    typer.Option(
        "--chain",
        metavar="DIR",
        help="Directory of the new chain; must be empty or not exist.",
        show_default=False,
    ),
]
_BlockHash = Annotated[
    str | None,
    typer.Option(metavar="HASH", help="Refuse an archive of any other block.", show_default=False),
]
_HASH_BYTES = 32


class ArchiveFormat(StrEnum):
    """Formats of an export."""

    ARCHIVE = "archive"
    JSONL = "jsonl"


_Format = Annotated[
    ArchiveFormat,
    typer.Option("--format", help="archive is compact; jsonl is for other tools."),
]


def export(
    chain: ChainDirectory,
    target: _Target,
    height: _Height = None,
    head: _Head = False,
    form: _Format = ArchiveFormat.ARCHIVE,
    as_json: AsJson = False,
) -> None:
    """Export the whole state of a chain to one file.

      evm-dex checkpoint export my-chain.evmdex --chain my-chain
      evm-dex checkpoint export state.jsonl --format jsonl --height 12000 --chain my-chain

    The file has accounts, code, storage, every row of the exchanges, and the blocks that the
    chain needs to continue. All of it is proven against the block's hash on the way. The same
    state always gives the same bytes. Works while the chain is running.
    """
    from checkpoint import archive  # noqa: PLC0415 - loads the database
    from evm_dex.chain.block_proof import inspect_block  # noqa: PLC0415 - loads the whole chain

    if head and height is not None:
        raise typer.BadParameter("give --height or --head, not both")
    work = archive.export_archive if form is ArchiveFormat.ARCHIVE else archive.export_json_lines
    started = time.monotonic()
    with report_errors():
        if height is None:
            warn_if_locked(require(chain))
        with _bar("Exporting") as progress:
            summary = work(
                require(chain), target, inspect=inspect_block, height=height, progress=progress
            )
    _tell("Exported", target, summary, target, time.monotonic() - started, as_json)


def import_(
    archive: _Archive, chain: _NewChain, block_hash: _BlockHash = None, as_json: AsJson = False
) -> None:
    """Create a chain from an archive, proven against its block hash.

      evm-dex checkpoint import my-chain.evmdex --chain elsewhere
      evm-dex checkpoint import received.evmdex --chain elsewhere --block-hash 0x69558028…
      evm-dex checkpoint import state.jsonl --chain elsewhere

    The chain appears only when every account and row is proven and on disk. If the command is
    interrupted, run it again.
    """
    from checkpoint.archive import import_archive  # noqa: PLC0415 - loads the database
    from evm_dex.chain.block_proof import inspect_block  # noqa: PLC0415 - loads the whole chain

    expected, started = _hash(block_hash), time.monotonic()
    with report_errors(), _bar("Importing") as progress:
        summary = import_archive(
            archive, chain, inspect=inspect_block, block_hash=expected, progress=progress
        )
    _tell("Imported", chain, summary, archive, time.monotonic() - started, as_json)


def _hash(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != _HASH_BYTES:
        raise typer.BadParameter(f"must be a block hash of 64 hex digits, got {text!r}")
    return value


@contextmanager
def _bar(description: str) -> Iterator[Report]:
    """Show a progress bar, which only moves while the total is unknown."""
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
