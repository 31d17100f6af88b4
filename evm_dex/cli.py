"""The command line: `evm-dex --help` teaches it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

import evm_dex
from checkpoint.errors import StoreError
from evm_dex.chain.errors import ChainError
from evm_dex.tables import book_table, checkpoints_table, counts_table
from precompiles.ledger.storage import UntrustedStorage

if TYPE_CHECKING:
    from evm_dex.contract import Contract
    from evm_dex.dex import Dex
    from evm_dex.replay.flow import Instruction

_HELP = """A Python test chain with a durable on-chain order book.

Begin with the main job, then look at the chain it leaves:

  evm-dex demo

  evm-dex check demo-data/chain

  evm-dex book demo-data/chain WETH

  evm-dex checkpoint list demo-data/chain

Or send order flow of your own:

  evm-dex replay --format lobster messages.csv --book orderbook.csv --path my-chain
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
checkpoints_app = typer.Typer(
    help="Checkpoints of a chain on disk.", no_args_is_help=True, add_completion=False
)
app.add_typer(checkpoints_app, name="checkpoint")
console = Console()
errors = Console(stderr=True)

ChainPath = Annotated[
    Path, typer.Argument(help="Directory of a chain on disk.", show_default=False)
]
Height = Annotated[str, typer.Argument(help="A height, or latest.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for other programs.")]


_IN_MEMORY = Path("memory")


class FlowFormat(StrEnum):
    """Where order flow comes from."""

    LOBSTER = "lobster"
    GENERATED = "generated"


@app.command()
def demo(
    path: Annotated[Path, typer.Option(help="Directory to work in.")] = Path("demo-data"),
    blocks: Annotated[int, typer.Option(min=50, help="Blocks before the kill.")] = 240,
    seed: Annotated[int, typer.Option(help="Of the order flow.")] = 1,
) -> None:
    """Trade on disk, checkpoint, kill the process hard, reopen, restore, and prove it all.

    evm-dex demo --path my-demo --blocks 500 --seed 7

    The directory is emptied first if an earlier demo made it; anything else is left alone.
    """
    from evm_dex.demo import DemoError, run  # noqa: PLC0415 - loads the whole chain

    with _explained(DemoError):
        run(path, blocks=blocks, seed=seed, console=console)


@app.command()
def replay(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Message files.", show_default=False)
    ] = None,
    flow_format: Annotated[FlowFormat, typer.Option("--format")] = FlowFormat.LOBSTER,
    book: Annotated[
        Path | None, typer.Option(help="Order book file, whose first row the book begins with.")
    ] = None,
    path: Annotated[
        Path, typer.Option(help="Directory of a chain on disk, made if need be, or memory.")
    ] = _IN_MEMORY,
    count: Annotated[int, typer.Option(help="Instructions to generate.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of generated flow.")] = 1,
) -> None:
    """Send order flow through the exchange, one transaction each.

    evm-dex replay --format lobster messages.csv --book orderbook.csv

    evm-dex replay --format generated --count 5000 --path my-chain
    """
    from evm_dex.replay import lobster  # noqa: PLC0415 - loads the whole chain
    from evm_dex.replay.generator import generate  # noqa: PLC0415 - as above
    from evm_dex.replay.market import recorded_market  # noqa: PLC0415 - as above
    from evm_dex.replay.runner import ReplayError  # noqa: PLC0415 - as above

    if flow_format is FlowFormat.GENERATED and (files or book):
        raise typer.BadParameter("generated flow reads no files; --format lobster does")
    store = None if path == _IN_MEMORY else path
    with _explained(lobster.LobsterError, ReplayError):
        flow: list[Instruction | None] = []
        if flow_format is FlowFormat.GENERATED:
            flow += islice(generate(seed), count)
            with evm_dex.open(store) as dex:
                _replay(dex, "WETH", flow)
            return
        messages = [message for file in files or [] for message in lobster.read_messages(file)]
        if not messages:
            raise lobster.LobsterError("no messages: give at least one message file")
        if book is not None:
            flow += lobster.opening(lobster.read_book(book)[0], messages[0])
        flow += lobster.instructions(messages)
        with evm_dex.open(store, genesis=recorded_market()) as dex:
            _replay(dex, "ASSET", flow)


def _replay(dex: Dex, symbol: str, flow: list[Instruction | None]) -> None:
    from evm_dex.replay.runner import Replay, deposit  # noqa: PLC0415 - loads the whole chain

    asset = _token(dex, symbol)
    for account in dex.accounts[:2]:
        for _ in deposit(dex, account):
            pass
    runner = Replay(dex, asset, maker=dex.accounts[0], taker=dex.accounts[1])
    sent = 0
    with Progress(console=errors) as progress:
        for instruction in progress.track(flow, description="Replaying"):
            sent += instruction is not None and runner.apply(instruction) is not None
    console.print(f"{sent} transactions for {len(flow)} instructions.", highlight=False)
    console.print(book_table(dex, asset, symbol))


@app.command()
def check(path: ChainPath, as_json: AsJson = False) -> None:
    """Prove every row against the head's block, and hold all invariants against them.

    evm-dex check my-chain && echo sound
    """
    from checkpoint.rocks.reader import RocksReader  # noqa: PLC0415 - loads the database
    from checkpoint.verify import verify as prove_rows  # noqa: PLC0415 - as above

    with _explained(), _existing(path) as dex:
        violations = dex.self_check()
        head, counts, repairs = dex.head, dex.counts(), dex.repairs
        table = counts_table(dex)
    with _explained(), closing(RocksReader(path / "db")) as reader:
        report = prove_rows(reader)
    if report.difference is not None:
        violations.append(report.difference)
    if as_json:
        root = head.state_root.hex()
        found = {"height": head.number, "state_root": root, "rows": counts}
        found |= {"repaired": repairs, "wrong": violations}
        typer.echo(json.dumps(found))
    else:
        console.print(table)
        for repair in repairs:
            console.print(f"[yellow]repaired:[/] {escape(repair)}")
        for violation in violations:
            console.print(f"[red]✗[/] {escape(violation)}")
        if not violations:
            console.print(f"[green]✓[/] block {head.number}: rows, digest, state root, invariants")
    raise typer.Exit(1 if violations else 0)


@app.command()
def book(
    path: ChainPath,
    symbol: Annotated[str, typer.Argument(help="Token whose market to show, WETH for example.")],
    levels: Annotated[int, typer.Option(min=1, max=100, help="On each side.")] = 10,
) -> None:
    """Show a market's order book.

    evm-dex book my-chain WETH --levels 20
    """
    with _explained(), _existing(path) as dex:
        console.print(book_table(dex, _token(dex, symbol), symbol, levels))


@checkpoints_app.command("list")
def list_all(path: ChainPath, as_json: AsJson = False) -> None:
    """What can be restored; works while the chain is running."""
    from checkpoint.manifest import list_checkpoints  # noqa: PLC0415 - loads the database

    with _explained():
        found = list_checkpoints(_require(path))
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


@checkpoints_app.command()
def create(path: ChainPath) -> None:
    """Make a checkpoint of the head now."""
    with _explained(), _existing(path) as dex:
        info = dex.create_checkpoint()
    console.print(f"[green]✓[/] checkpoint of block {info.height} at {escape(str(info.path))}")


@checkpoints_app.command()
def verify(path: ChainPath, height: Height = "latest") -> None:
    """Prove a checkpoint without touching anything; works while the chain is running.

    evm-dex checkpoint verify my-chain 12000
    """
    from checkpoint import restore as restoring  # noqa: PLC0415 - loads the database

    wanted = _height(height)
    with _explained(), _row_progress() as progress:
        info = restoring.choose_checkpoint(_require(path), wanted)
        restoring.prove(info, progress=progress)
    console.print(
        f"[green]✓[/] block {info.height}: files, rows, digest, state root, header, block hash"
    )


@checkpoints_app.command()
def restore(path: ChainPath, height: Height = "latest") -> None:
    """Make a checkpoint the live store, after proving it.

    evm-dex checkpoint restore my-chain 12000
    """
    from checkpoint import restore as restoring  # noqa: PLC0415 - loads the database

    wanted = _height(height)
    with _explained(), _row_progress() as progress:
        info = restoring.restore(_require(path), wanted, progress=progress)
    console.print(f"[green]✓[/] restored block {info.height}")


def _height(text: str) -> int | None:
    """None for the latest."""
    if text != "latest" and not (text.isascii() and text.isdecimal()):
        raise typer.BadParameter(f"{text!r} is neither a height nor latest")
    return None if text == "latest" else int(text)


@contextmanager
def _row_progress() -> Iterator[Callable[[int, int], None]]:
    with Progress(console=errors) as progress:
        task = progress.add_task("Verifying", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _token(dex: Dex, symbol: str) -> Contract:
    token = dex.tokens.get(symbol)
    if token is None:
        raise ChainError(f"no token {symbol} here; there are {', '.join(dex.tokens)}")
    return token


def _require(path: Path) -> Path:
    """A path that has a chain, so that a mistyped one is not made into an empty chain."""
    if not (path / "db").is_dir():
        raise ChainError(f"there is no chain at {path}; `evm-dex replay --path {path}` makes one")
    return path


@contextmanager
def _existing(path: Path) -> Iterator[Dex]:
    """A chain to look at; opened with the defaults it would be pruned to ten checkpoints."""
    with evm_dex.open(
        _require(path), checkpoint_interval=sys.maxsize, keep_checkpoints=sys.maxsize
    ) as dex:
        yield dex


@contextmanager
def _explained(*expected: type[Exception]) -> Iterator[None]:
    """What can go wrong becomes one line, not a traceback."""
    kinds: tuple[type[Exception], ...] = (StoreError, ChainError, UntrustedStorage, OSError)
    try:
        yield
    except (*kinds, *expected) as error:
        errors.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def main() -> None:
    """Entry point of `evm-dex`."""
    app()
