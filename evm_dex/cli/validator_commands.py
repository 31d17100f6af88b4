"""Commands of validators: making, starting and looking at them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import AsJson, print_json, report_errors
from evm_dex.errors import ChainError
from evm_dex.terminal.console import console, errors, escape
from evm_dex.terminal.tables import plain_table

if TYPE_CHECKING:
    from evm_dex.validator.home import Home
    from evm_dex.validator.pair import Tell

HELP = """Run a chain on several validators.

It survives losing one of four. Make four on this machine, start them, and look at them from
another terminal:

  evm-dex validator init my-network --validators 4
  evm-dex validator start my-network
  evm-dex validator status my-network

CometBFT orders the transactions; it is made by Go (see `evm-dex validator init --help`).
"""

_Homes = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR…",
        help="Directory of a validator, or one that holds several.",
        show_default=False,
    ),
]
_NewNetwork = Annotated[
    Path, typer.Argument(metavar="DIR", help="Directory to create.", show_default=False)
]
_Validators = Annotated[
    int, typer.Option(min=1, max=100, metavar="N", help="Number of validators.")
]
_Machines = Annotated[
    list[str] | None,
    typer.Option(
        "--machine",
        metavar="ADDRESS",
        help="Address of the machine of one validator, in place of --validators; can be repeated.",
        show_default="all on this machine",
    ),
]
_Genesis = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Genesis file of the chain, in TOML or JSON.",
        show_default="that of evm-dex node",
    ),
]
_ChainId = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Chain id of the chain.", show_default="31337"),
]
_KeepLimit = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="Triggers and liquidations that the keeper may execute per block.",
        show_default="as the genesis says",
    ),
]
_Port = Annotated[
    int,
    typer.Option(
        "--port",
        "-p",
        min=1,
        max=65_000,
        metavar="PORT",
        help="Port of the first one's JSON-RPC; each next one has the port after it.",
    ),
]
_PeerPort = Annotated[
    int,
    typer.Option(
        min=1,
        max=64_000,
        metavar="PORT",
        help="First port of the engines, which take two of every ten from there on.",
    ),
]
_Interval = Annotated[
    int,
    typer.Option(
        "--checkpoint-interval",
        min=1,
        metavar="N",
        help="Number of blocks between checkpoints, which are offered to those who join.",
    ),
]

_Idle = Annotated[
    int,
    typer.Option(
        "--idle-seconds",
        min=0,
        max=30,
        metavar="N",
        help="Seconds that a validator waits for a transaction before it proposes an empty block; "
        "the same on all.",
    ),
]
_Trust = Annotated[
    str,
    typer.Option(
        metavar="HEIGHT:HASH",
        help="A block that you know is on the chain, as `evm-dex validator status` tells it.",
        show_default=False,
    ),
]
_Servers = Annotated[
    list[str],
    typer.Option(
        "--from",
        metavar="URL",
        help="RPC of a validator's engine, to fetch from; can be repeated.",
        show_default=False,
    ),
]


def init(
    directory: _NewNetwork,
    validators: _Validators = 4,
    machine: _Machines = None,
    genesis: _Genesis = None,
    chain_id: _ChainId = None,
    keep_limit: _KeepLimit = 0,
    port: _Port = 8545,
    peer_port: _PeerPort = 26650,
    checkpoint_interval: _Interval = 1_000,
    idle_seconds: _Idle = 0,
) -> None:
    """Make the directories of validators who begin a chain together.

      evm-dex validator init my-network --validators 4
      evm-dex validator init my-network --machine 10.0.0.1 --machine 10.0.0.2 --machine 10.0.0.3

    Each has its settings in config/validator.toml, and the same config/genesis.json, which has all
    that changes results. With --machine, copy each directory to its machine. The chain goes on
    while more than two thirds are there: without one of four, or two of seven. The engine is
    CometBFT 0.38; with Go installed, this makes it: `go install
    github.com/cometbft/cometbft/cmd/cometbft@v0.38.26`
    """
    from evm_dex.validator.new_network import Network, make_network  # noqa: PLC0415 - loads the whole chain

    machines = tuple(machine or ())
    network = Network(
        validators=len(machines) or validators,
        machines=machines,
        genesis=genesis,
        chain_id=chain_id,
        keep_limit=keep_limit,
        port=port,
        peer_port=peer_port,
        checkpoint_interval=checkpoint_interval,
        idle_seconds=idle_seconds,
    )
    with report_errors():
        homes = make_network(directory, network)
        name = homes[0].genesis().chain_id
    where = escape(str(directory))
    console().print(
        f"[green]✓[/] {where}: {len(homes)} validators of {name}\n"
        f"  next: evm-dex validator start {where}{'' if not machines else '/VALIDATOR'}",
        highlight=False,
        soft_wrap=True,
    )


def join(
    directory: _NewNetwork,
    trust: _Trust,
    server: _Servers,
    port: _Port = 8545,
    peer_port: _PeerPort = 26650,
    checkpoint_interval: _Interval = 1_000,
    idle_seconds: _Idle = 0,
) -> None:
    """Make the directory of one more, who follows the others.

      evm-dex validator status my-network
      evm-dex validator join fifth --trust 1200:D784…2B --from http://127.0.0.1:26651 --port 8549
      evm-dex validator start fifth

    It fetches the state of a checkpoint from its peers and proves it by the block that you trust,
    then the blocks since. It has no vote before the validators give it one: `evm-dex validator
    add`. Where no checkpoint is offered yet, it fetches and executes all blocks.
    """
    from evm_dex.validator.joining import Joining, make_joining  # noqa: PLC0415 - loads the whole chain
    from evm_dex.validator.voting import candidate_text, member_of  # noqa: PLC0415 - as above

    height, block_hash = _trusted(trust)
    joining = Joining(
        height=height,
        block_hash=block_hash,
        servers=tuple(each.rstrip("/") for each in server),
        port=port,
        peer_port=peer_port,
        checkpoint_interval=checkpoint_interval,
        idle_seconds=idle_seconds,
    )
    with report_errors():
        home, snapshot = make_joining(directory, joining)
        candidate = candidate_text(member_of(home))
    where = escape(str(directory))
    begins = "with block 1" if snapshot is None else f"with the state of block {snapshot} or later"
    console().print(
        f"[green]✓[/] {where} begins {begins}\n  next: evm-dex validator start {where}\n"
        f"  once it is at the head, the others may vote for it: evm-dex validator add {candidate} "
        "DIR",
        highlight=False,
        soft_wrap=True,
    )


def _trusted(text: str) -> tuple[int, str]:
    height, _, block_hash = text.partition(":")
    if not re.fullmatch("[0-9]{1,18}:[0-9A-Fa-f]{64}", text):
        raise typer.BadParameter(
            f"--trust must be HEIGHT:HASH with 64 hex digits, as `evm-dex validator status` tells "
            f"it, got {text!r}"
        )
    return int(height), block_hash


def start(directories: _Homes) -> None:
    """Run validators until Ctrl-C.

      evm-dex validator start my-network
      evm-dex validator start my-network/validator2

    Clients connect to each one's JSON-RPC as to `evm-dex node`; every block is final. Each has two
    processes, the engine and the application, which are started again together if one ends; what
    they say is in engine.log and application.log.
    """
    import asyncio  # noqa: PLC0415 - commands that only answer need none

    from evm_dex.validator.home import homes_in  # noqa: PLC0415 - loads the whole chain

    with report_errors():
        homes = homes_in(directories)
        if not asyncio.run(_run(homes)):
            raise typer.Exit(1)


async def _run(homes: list[Home]) -> bool:
    """Run validators until a signal; False where all of them stopped by themselves."""
    import asyncio  # noqa: PLC0415 - as above
    import signal  # noqa: PLC0415 - as above

    from evm_dex.validator.pair import Pair  # noqa: PLC0415 - loads the whole chain

    def teller(name: str) -> Tell:
        return lambda line: console().print(f"{name}: {line}", highlight=False, markup=False)

    async def run(pair: Pair) -> None:
        try:
            await pair.run()
        except ChainError as error:
            name = escape(pair.home.path.name)
            errors().print(f"[red]{name} stopped:[/] {escape(str(error))}", highlight=False)

    pairs = [Pair(home, teller(home.path.name)) for home in homes]
    running = [asyncio.create_task(run(pair)) for pair in pairs]
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    ending = asyncio.create_task(asyncio.wait(running))
    await asyncio.wait((stopping, ending), return_when=asyncio.FIRST_COMPLETED)
    for task in (*running, stopping, ending):
        task.cancel()
    await asyncio.gather(*running, stopping, ending, return_exceptions=True)
    return stop.is_set()


def status(directories: _Homes, as_json: AsJson = False) -> None:
    """Show how validators are: their heads, peers and votes.

      evm-dex validator status my-network
      evm-dex validator status my-network/validator2 --json

    The last line names a recent block, for `evm-dex validator join --trust` if you trust who says
    so. Exits with 1 where one is not running.
    """
    import msgspec  # noqa: PLC0415 - other commands need none

    from evm_dex.validator.home import homes_in  # noqa: PLC0415 - loads the whole chain
    from evm_dex.validator.status import status_of  # noqa: PLC0415 - as above

    with report_errors():
        found = [status_of(home) for home in homes_in(directories)]
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        columns = ("validator", "state", "block", "peers", "votes", "JSON-RPC")
        table = plain_table("Validators", columns, right=("block", "peers", "votes"))
        for each in found:
            state = "not running" if not each.is_running else "running"
            numbers = (each.height, each.peers, each.votes)
            table.add_row(
                each.name,
                "catching up" if each.is_catching_up else state,
                *("" if number is None else str(number) for number in numbers),
                each.url,
            )
        console().print(table)
        told = [each for each in found if each.trusted]
        if told:
            each = told[0]
            said = f"--trust {each.trusted} --from {each.engine_url}"
            console().print(f"{each.name}: {said}", highlight=False, soft_wrap=True)
    if not all(each.is_running for each in found):
        raise typer.Exit(1)
