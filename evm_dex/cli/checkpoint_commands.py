"""Commands that make, keep, list and remove checkpoints, and go back to one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import (
    AsJson,
    ChainPath,
    Height,
    existing,
    explained,
    height_of,
    print_json,
    require,
    row_progress,
)
from evm_dex.terminal.console import console, escape
from evm_dex.terminal.tables import checkpoint_rows_table, checkpoints_table, table_name

if TYPE_CHECKING:
    from checkpoint.manifest import CheckpointInfo

HELP = """Checkpoints of a chain on disk: kept states that can be proven and gone back to.

See what there is, and prove it against the blocks' hashes:

  evm-dex checkpoint list my-chain

  evm-dex checkpoint verify my-chain --all --deep

Keep one for good, make another, drop the oldest:

  evm-dex checkpoint pin my-chain 12000

  evm-dex checkpoint create my-chain

  evm-dex checkpoint prune my-chain --keep 3 --dry-run

What happened since, row by row:

  evm-dex checkpoint diff my-chain 12000 head

Go back, here or in a new chain beside this one:

  evm-dex checkpoint restore my-chain 12000 --to what-if

Take the whole state elsewhere in one file, and make a chain of it there:

  evm-dex checkpoint export my-chain my-chain.evmdex

  evm-dex checkpoint import my-chain.evmdex elsewhere

list, verify, diff, pin, unpin, export and restore --to work while the chain is running.
"""

_Kept = Annotated[
    int | None,
    typer.Option(
        min=1,
        show_default=False,
        help="How many of the newest to keep; by default as many as the chain keeps by itself.",
    ),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]
_Target = Annotated[
    Path | None,
    typer.Option(help="A new chain in an empty or new directory; this one stays as it is."),
]


def list_all(path: ChainPath, as_json: AsJson = False) -> None:
    """What can be restored, and what it takes on disk; works while the chain is running.

    Bytes under `own` are freed when the checkpoint goes; those under `shared` are in files that
    the live chain or other checkpoints have too.
    """
    from checkpoint.manifest import list_checkpoints  # noqa: PLC0415 - loads the database

    with explained():
        found = list_checkpoints(require(path))
    if as_json:
        print_json([_as_json(info) for info in found])
        return
    console().print(checkpoints_table(found))
    for info in found:
        if info.problem:
            said = f"block {info.height}: {info.problem}"
            console().print(said, style="red", highlight=False, markup=False, soft_wrap=True)
    if any(info.manifest for info in found):
        console().print(checkpoint_rows_table(found))


def create(path: ChainPath, as_json: AsJson = False) -> None:
    """Make a checkpoint of the head now.

    evm-dex checkpoint create my-chain
    """
    with explained(), existing(path) as dex:
        info = dex.create_checkpoint()
    _report(info, f"checkpoint of block {info.height} at {info.path}", as_json)


def pin(path: ChainPath, height: Height, as_json: AsJson = False) -> None:
    """Keep a checkpoint from being pruned; works while the chain is running.

    evm-dex checkpoint pin my-chain 12000
    """
    _set_pinned(path, height, True, as_json)


def unpin(path: ChainPath, height: Height, as_json: AsJson = False) -> None:
    """Let a checkpoint be pruned again; works while the chain is running.

    evm-dex checkpoint unpin my-chain 12000
    """
    _set_pinned(path, height, False, as_json)


def prune(
    path: ChainPath, keep: _Kept = None, dry_run: _DryRun = False, as_json: AsJson = False
) -> None:
    """Remove all but the newest checkpoints; pinned ones stay and are not counted.

    evm-dex checkpoint prune my-chain --keep 3 --dry-run
    """
    from checkpoint import manager  # noqa: PLC0415 - loads the database

    with explained():
        gone = manager.prune_checkpoints(require(path), keep, dry_run=dry_run)
    if as_json:
        print_json({"removed": [info.height for info in gone], "dry_run": dry_run})
        return
    for info in gone:
        console().print(f"{'would remove' if dry_run else 'removed'} {escape(str(info.path))}")
    if not gone:
        console().print("nothing to remove")


def restore(
    path: ChainPath, height: Height = "latest", to: _Target = None, as_json: AsJson = False
) -> None:
    """Make a checkpoint the live store, or a new chain of its own, after proving it.

    evm-dex checkpoint restore my-chain 12000

    evm-dex checkpoint restore my-chain 12000 --to what-if

    A kill at any moment leaves the old state or the new one; then run it again.
    """
    from checkpoint import restore as restoring  # noqa: PLC0415 - loads the database

    wanted = height_of(height)
    with explained(), row_progress() as progress:
        if to is None:
            info = restoring.restore(require(path), wanted, progress=progress)
        else:
            info = restoring.restore_to(require(path), to, wanted, progress=progress)
    where = "" if to is None else f" to {to}"
    _report(info, f"restored block {info.height}{where}", as_json)


def _set_pinned(path: Path, height: str, pinned: bool, as_json: bool) -> None:
    from checkpoint.manager import set_pinned  # noqa: PLC0415 - loads the database
    from checkpoint.manifest import read_checkpoint  # noqa: PLC0415 - as above
    from checkpoint.restore import choose_checkpoint  # noqa: PLC0415 - as above

    wanted = height_of(height)
    with explained():
        info = choose_checkpoint(require(path), wanted)
        set_pinned(info, pinned)
    done = "pinned" if pinned else "no longer pinned"
    _report(read_checkpoint(info.path), f"block {info.height} is {done}", as_json)


def _report(info: CheckpointInfo, text: str, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(info))
    else:
        console().print(f"[green]✓[/] {escape(text)}", highlight=False, soft_wrap=True)


def _as_json(info: CheckpointInfo) -> dict[str, object]:
    manifest, usage = info.manifest, info.usage()
    rows = (
        {table_name(int(number)): count for number, count in manifest.rows.items()}
        if manifest
        else {}
    )
    return {
        "height": info.height,
        "path": str(info.path),
        "problem": info.problem,
        "pinned": info.pinned,
        "block_hash": manifest.block_hash if manifest else None,
        "state_root": manifest.state_root if manifest else None,
        "made_at": manifest.made_at if manifest else None,
        "rows": rows,
        "own_bytes": usage.own,
        "shared_bytes": usage.shared,
    }
