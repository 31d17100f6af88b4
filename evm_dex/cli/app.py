"""All commands in one list; each lives in the module of its subject.

A new one is a function in such a module and a line below.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated

import typer

from evm_dex.cli import archive_commands as archive
from evm_dex.cli import chain_commands as chain
from evm_dex.cli import checkpoint_commands as checkpoint
from evm_dex.cli import history_commands as history
from evm_dex.cli import node_command as node
from evm_dex.cli import prune_command as prune
from evm_dex.cli import verify_commands as proving

_HELP = """A Python test chain with a durable on-chain order book.

Begin with the main job, then look at the chain it leaves:

  evm-dex demo

  evm-dex check demo-data/chain

  evm-dex book demo-data/chain WETH

  evm-dex positions demo-data/chain WETH

  evm-dex checkpoint list demo-data/chain

Or serve one to ethers, viem, web3.py, cast and forge:

  evm-dex node --db my-chain

Or send order flow of your own:

  evm-dex replay --format lobster messages.csv --book orderbook.csv --path my-chain
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
checkpoints = typer.Typer(help=checkpoint.HELP, no_args_is_help=True, add_completion=False)
histories = typer.Typer(help=history.HELP, no_args_is_help=True, add_completion=False)


def _add(group: typer.Typer, command: Callable[..., None], name: str | None = None) -> None:
    """Its help is its docstring, whose paragraphs are wrapped to whatever the terminal has."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)
    group.command(name, help=text)(command)


_add(app, chain.demo)
_add(app, node.node)
_add(app, chain.replay)
_add(app, chain.check)
_add(app, chain.book)
_add(app, chain.positions)
_add(app, prune.prune)
app.add_typer(checkpoints, name="checkpoint")
app.add_typer(histories, name="history")

_add(checkpoints, checkpoint.list_all, "list")
_add(checkpoints, checkpoint.create)
_add(checkpoints, proving.verify)
_add(checkpoints, proving.diff)
_add(checkpoints, checkpoint.restore)
_add(checkpoints, checkpoint.pin)
_add(checkpoints, checkpoint.unpin)
_add(checkpoints, checkpoint.prune)
_add(checkpoints, archive.export)
_add(checkpoints, archive.import_, "import")

for told in history.COMMANDS:
    _add(histories, told)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - only for this

        typer.echo(f"evm-dex {version('evm-dex')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """What comes before a command."""
    del version  # its callback has answered


def main() -> None:
    """Entry point of `evm-dex`."""
    app()
