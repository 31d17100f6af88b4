"""Commands that create, list, pin, remove and restore checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import (
    AsJson,
    ChainDirectory,
    DryRun,
    Height,
    height_of,
    open_exclusive,
    print_json,
    report_errors,
    require,
    row_progress,
)
from evm_dex.terminal.console import console, escape
from evm_dex.terminal.tables import checkpoint_rows_table, checkpoints_table, table_name

if TYPE_CHECKING:
    from checkpoint.manifest import CheckpointInfo

HELP = """Create, verify, compare, restore and export checkpoints.

A checkpoint is the whole state of a chain at one block, kept on disk.

List the checkpoints, and prove each against its block hash:

  evm-dex checkpoint list --chain my-chain
  evm-dex checkpoint verify --all --deep --chain my-chain

Create one, keep one for good, remove the oldest:

  evm-dex checkpoint create --chain my-chain
  evm-dex checkpoint pin 12000 --chain my-chain
  evm-dex checkpoint remove --keep 3 --dry-run --chain my-chain

Show every row that changed since:

  evm-dex checkpoint diff 12000 head --chain my-chain

Restore one in place, or as a new chain:

  evm-dex checkpoint restore 12000 --chain my-chain
  evm-dex checkpoint restore 12000 --to what-if --chain my-chain

Export the whole state to one file, and create a chain from it:

  evm-dex checkpoint export my-chain.evmdex --chain my-chain
  evm-dex checkpoint import my-chain.evmdex --chain elsewhere

list, verify, diff, pin, unpin, export and restore --to work while the chain is running.
"""

_Kept = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        show_default="as the chain keeps by itself",
        help="Number of checkpoints to keep.",
    ),
]
_Target = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Create a new chain here instead; must be empty or not exist.",
        show_default=False,
    ),
]


def list_all(chain: ChainDirectory, as_json: AsJson = False) -> None:
    """List the checkpoints with their rows and their size on disk.

      evm-dex checkpoint list --chain my-chain
      evm-dex checkpoint list --json --chain my-chain

    Removing a checkpoint frees the bytes under `own`; those under `shared` are in files that the
    live chain or other checkpoints also use. Works while the chain is running.
    """
    from checkpoint.manifest import list_checkpoints  # noqa: PLC0415 - loads the database

    with report_errors():
        found = list_checkpoints(require(chain))
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


def create(chain: ChainDirectory, as_json: AsJson = False) -> None:
    """Create a checkpoint of the head.

      evm-dex checkpoint create --chain my-chain

    The chain must not be running.
    """
    with report_errors(), open_exclusive(chain) as dex:
        info = dex.create_checkpoint()
    _report(info, f"checkpoint of block {info.height} at {info.path}", as_json)


def pin(height: Height, chain: ChainDirectory, as_json: AsJson = False) -> None:
    """Pin a checkpoint, so that it is never removed.

      evm-dex checkpoint pin 12000 --chain my-chain

    Works while the chain is running.
    """
    _set_pinned(chain, height, True, as_json)


def unpin(height: Height, chain: ChainDirectory, as_json: AsJson = False) -> None:
    """Unpin a checkpoint, so that it can be removed again.

      evm-dex checkpoint unpin 12000 --chain my-chain

    Works while the chain is running.
    """
    _set_pinned(chain, height, False, as_json)


def remove(
    chain: ChainDirectory, keep: _Kept = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Remove all but the newest checkpoints.

      evm-dex checkpoint remove --keep 3 --dry-run --chain my-chain

    Pinned checkpoints stay and are not counted. The chain must not be running.
    """
    from checkpoint import manager  # noqa: PLC0415 - loads the database

    with report_errors():
        gone = manager.remove_checkpoints(require(chain), keep, dry_run=dry_run)
    if as_json:
        print_json({"removed": [info.height for info in gone], "dry_run": dry_run})
        return
    for info in gone:
        console().print(f"{'would remove' if dry_run else 'removed'} {escape(str(info.path))}")
    if not gone:
        console().print("nothing to remove")


def restore(
    chain: ChainDirectory, height: Height = "latest", to: _Target = None, as_json: AsJson = False
) -> None:
    """Restore a checkpoint in place, or as a new chain.

      evm-dex checkpoint restore 12000 --chain my-chain
      evm-dex checkpoint restore 12000 --to what-if --chain my-chain

    The checkpoint is proven first. If the command is interrupted, the chain has the old state or
    the new one: run it again. With --to it works while the chain is running.
    """
    from checkpoint import restore as restoring  # noqa: PLC0415 - loads the database

    wanted = height_of(height)
    with report_errors(), row_progress() as progress:
        if to is None:
            info = restoring.restore(require(chain), wanted, progress=progress)
        else:
            info = restoring.restore_to(require(chain), to, wanted, progress=progress)
    where = "" if to is None else f" to {to}"
    _report(info, f"restored block {info.height}{where}", as_json)


def _set_pinned(chain: Path, height: str, pinned: bool, as_json: bool) -> None:
    from checkpoint.manager import set_pinned  # noqa: PLC0415 - loads the database
    from checkpoint.manifest import read_checkpoint  # noqa: PLC0415 - as above
    from checkpoint.restore import choose_checkpoint  # noqa: PLC0415 - as above

    wanted = height_of(height)
    with report_errors():
        info = choose_checkpoint(require(chain), wanted)
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
