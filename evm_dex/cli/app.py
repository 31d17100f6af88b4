"""The list of all commands; each is a function in the module of its subject."""

from __future__ import annotations

from typing import Annotated

import typer

from evm_dex.cli import archive_commands as archive
from evm_dex.cli import campaign_command as campaign
from evm_dex.cli import chain_commands as chain
from evm_dex.cli import checkpoint_commands as checkpoint
from evm_dex.cli import contract_commands as contract
from evm_dex.cli import follow_command as following
from evm_dex.cli import history_commands as history
from evm_dex.cli import history_queries as queries
from evm_dex.cli import membership_commands as membership
from evm_dex.cli import node_command as node
from evm_dex.cli import prune_command as prune
from evm_dex.cli import validator_commands as validator
from evm_dex.cli import verify_commands as verification
from evm_dex.cli.command import SecondWordCommand, add_command, layout
from evm_dex.cli.replay_command import replay

_HELP = """A Python test chain with a durable on-chain order book.

Run the demo, then look at the chain that it leaves:

  evm-dex demo
  evm-dex check --chain demo-data/chain
  evm-dex book WETH --chain demo-data/chain
  evm-dex positions WETH --chain demo-data/chain
  evm-dex checkpoint list --chain demo-data/chain

Serve a chain to ethers, viem, web3.py, cast and forge:

  evm-dex node --chain my-chain

Answer reads in its place, on another machine:

  evm-dex follow http://10.0.0.5:8545 --chain follower

Replay recorded order flow:

  evm-dex replay messages.csv --book orderbook.csv --chain my-chain

Run a scenario for many seeds:

  evm-dex campaign price_crash --seeds 0..200

`evm-dex COMMAND --help` has examples of each command.
"""


def _group(text: str) -> typer.Typer:
    return typer.Typer(
        help=layout(text),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # rich would double the time until the help is there
        context_settings={"max_content_width": 100},
    )


app = _group(_HELP)
checkpoints = _group(checkpoint.HELP)
histories = _group(history.HELP)
contracts = _group(contract.HELP)
validators = _group(validator.HELP)

add_command(app, chain.demo)
add_command(app, node.node)
add_command(app, following.follow)
add_command(app, replay)
add_command(app, campaign.campaign)
add_command(app, chain.check)
add_command(app, chain.book)
add_command(app, chain.positions)
add_command(app, prune.prune)
app.add_typer(checkpoints, name="checkpoint")
app.add_typer(histories, name="history")
app.add_typer(contracts, name="contracts")
app.add_typer(validators, name="validator")

add_command(checkpoints, checkpoint.list_all, "list")
add_command(checkpoints, checkpoint.create)
add_command(checkpoints, verification.verify)
add_command(checkpoints, verification.diff)
add_command(checkpoints, checkpoint.restore)
add_command(checkpoints, checkpoint.pin)
add_command(checkpoints, checkpoint.unpin)
add_command(checkpoints, checkpoint.remove)
add_command(checkpoints, checkpoint.remove, "prune", hidden=True)  # its former name
add_command(checkpoints, archive.export)
add_command(checkpoints, archive.import_, "import", cls=SecondWordCommand)

add_command(validators, validator.init)
add_command(validators, validator.join)
add_command(validators, validator.start)
add_command(validators, validator.status)
add_command(validators, membership.members)
add_command(validators, membership.add)
add_command(validators, membership.remove)

add_command(contracts, contract.path)
add_command(contracts, contract.remapping)

add_command(histories, history.serve)
add_command(histories, queries.orders)
add_command(histories, queries.order)
add_command(histories, queries.fills)
add_command(histories, queries.stats)
add_command(histories, queries.stream)
add_command(histories, history.verify)
add_command(histories, history.rebuild)
add_command(histories, history.consumers)
add_command(histories, history.balances)


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
    """Options that come before a command."""
    del version  # its callback has answered


def main() -> None:
    """Entry point of `evm-dex`."""
    app()
