"""Commands on a chain's checkpoints."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape

from evm_dex.cli.shared import (
    AsJson,
    ChainPath,
    console,
    existing,
    explained,
    require,
    row_progress,
)
from evm_dex.tables import checkpoints_table

Height = Annotated[str, typer.Argument(help="A height, or latest.")]


def list_all(path: ChainPath, as_json: AsJson = False) -> None:
    """What can be restored; works while the chain is running."""
    from checkpoint.manifest import list_checkpoints  # noqa: PLC0415 - loads the database

    with explained():
        found = list_checkpoints(require(path))
    if as_json:
        rows = [
            {
                "height": info.height,
                "problem": info.problem,
                "pinned": info.pinned,
                "block_hash": info.manifest.block_hash if info.manifest else None,
                "made_at": info.manifest.made_at if info.manifest else None,
            }
            for info in found
        ]
        typer.echo(json.dumps(rows))
    else:
        console.print(checkpoints_table(found))


def create(path: ChainPath) -> None:
    """Make a checkpoint of the head now."""
    with explained(), existing(path) as dex:
        info = dex.create_checkpoint()
    console.print(f"[green]✓[/] checkpoint of block {info.height} at {escape(str(info.path))}")


def verify(path: ChainPath, height: Height = "latest") -> None:
    """Prove a checkpoint without touching anything; works while the chain is running.

    evm-dex checkpoint verify my-chain 12000
    """
    from checkpoint import restore as restoring  # noqa: PLC0415 - loads the database

    wanted = _height(height)
    with explained(), row_progress() as progress:
        info = restoring.choose_checkpoint(require(path), wanted)
        restoring.prove(info, progress=progress)
    console.print(
        f"[green]✓[/] block {info.height}: files, rows, digest, state root, header, block hash"
    )


def restore(path: ChainPath, height: Height = "latest") -> None:
    """Make a checkpoint the live store, after proving it.

    evm-dex checkpoint restore my-chain 12000
    """
    from checkpoint import restore as restoring  # noqa: PLC0415 - loads the database

    wanted = _height(height)
    with explained(), row_progress() as progress:
        info = restoring.restore(require(path), wanted, progress=progress)
    console.print(f"[green]✓[/] restored block {info.height}")


def _height(text: str) -> int | None:
    """None for the latest."""
    if text != "latest" and not (text.isascii() and text.isdecimal()):
        raise typer.BadParameter(f"{text!r} is neither a height nor latest")
    return None if text == "latest" else int(text)
