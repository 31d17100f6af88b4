"""Commands on a chain: the demo, replaying order flow, checking the state, showing the book."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import evm_dex
from evm_dex.blocks.addresses import checksum
from evm_dex.cli.shared import (
    AsJson,
    ChainDirectory,
    open_readonly,
    print_json,
    report_errors,
    row_progress,
)
from evm_dex.client.market_lookup import perp_market, spot_market
from evm_dex.terminal.console import console, errors, escape
from evm_dex.terminal.tables import (
    book_table,
    counts_table,
    open_positions,
    perp_book_table,
    positions_table,
    prices_line,
)

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex
    from evm_dex.replay.order_flow import Instruction

_IN_MEMORY = Path("memory")


class FlowFormat(StrEnum):
    """Sources of order flow."""

    LOBSTER = "lobster"
    GENERATED = "generated"
    HYPERLIQUID = "hyperliquid"
    DATABENTO = "databento-mbo"
    BITSTAMP = "bitstamp-orders"


def demo(
    path: Annotated[Path, typer.Option(metavar="DIR", help="Directory to work in.")] = Path(
        "demo-data"
    ),
    blocks: Annotated[
        int, typer.Option(min=50, metavar="N", help="Number of blocks before the kill.")
    ] = 240,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the order flow.")] = 1,
) -> None:
    """Trade, checkpoint, kill the process, reopen, restore, prove.

      evm-dex demo
      evm-dex demo --path my-demo --blocks 500 --seed 7

    Empties the directory if an earlier demo created it, and refuses any other that has files.
    """
    from evm_dex.cli.demo import DemoError, run  # noqa: PLC0415 - loads the whole chain

    with report_errors(DemoError):
        run(path, blocks=blocks, seed=seed, console=console())


def replay(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILES",
            help="Message files of LOBSTER, order statuses of Hyperliquid's node, or CSV files.",
            show_default=False,
        ),
    ] = None,
    flow_format: Annotated[
        FlowFormat, typer.Option("--format", help="Source of the order flow.")
    ] = FlowFormat.LOBSTER,
    book: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The book to start from: first row of LOBSTER's order book file, or the node's "
            "snapshot of all orders.",
        ),
    ] = None,
    diffs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Raw book diffs of Hyperliquid's node, to compare the book with."
        ),
    ] = None,
    chain: Annotated[
        Path,
        typer.Option(
            "--chain", metavar="DIR", help="Directory of the chain, created if missing; or memory."
        ),
    ] = _IN_MEMORY,
    count: Annotated[
        int, typer.Option(metavar="N", help="Number of instructions to generate.")
    ] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of generated order flow.")] = 1,
) -> None:
    """Replay order flow on the spot exchange, a transaction each.

      evm-dex replay messages.csv --book orderbook.csv
      evm-dex replay --format generated --count 5000 --chain my-chain
      evm-dex replay --format databento-mbo mbo.csv
      evm-dex replay --format hyperliquid order_statuses --book snapshot.json --diffs diffs

    Message and order book files are those of LOBSTER (lobsterdata.com). A recording of
    Hyperliquid's node is replayed by an account for each user, and compared.
    """
    from evm_dex.replay import lobster  # noqa: PLC0415 - loads the whole chain
    from evm_dex.replay.order_flow import generate  # noqa: PLC0415 - as above
    from evm_dex.replay.runner import ReplayError  # noqa: PLC0415 - as above

    if flow_format in (FlowFormat.DATABENTO, FlowFormat.BITSTAMP):
        _replay_events(flow_format, files or [], None if chain == _IN_MEMORY else chain)
        return
    if flow_format is FlowFormat.HYPERLIQUID:
        _replay_node(files or [], book, diffs, None if chain == _IN_MEMORY else chain)
        return
    if flow_format is FlowFormat.GENERATED and (files or book):
        raise typer.BadParameter(
            "--format generated reads no files: leave them out, or use --format lobster"
        )
    store = None if chain == _IN_MEMORY else chain
    with report_errors(lobster.LobsterError, ReplayError):
        flow: list[Instruction | None] = []
        if flow_format is FlowFormat.GENERATED:
            flow += islice(generate(seed), count)
            with evm_dex.open(store) as dex:
                _replay(dex, "WETH", flow)
            return
        messages = [message for file in files or [] for message in lobster.read_messages(file)]
        if not messages:
            raise lobster.LobsterError("there are no messages: give at least one message file")
        if book is not None:
            flow += lobster.opening(lobster.read_book(book)[0], messages[0])
        flow += lobster.instructions(messages)
        with evm_dex.open(store, genesis=lobster.recorded_market()) as dex:
            _replay(dex, "ASSET", flow)


def _replay_events(flow_format: FlowFormat, files: list[Path], store: Path | None) -> None:
    from evm_dex.replay import order_events  # noqa: PLC0415 - loads the whole chain
    from evm_dex.replay.runner import ReplayError  # noqa: PLC0415 - as above

    if not files:
        raise typer.BadParameter(f"give at least one CSV file of {flow_format.value}")
    with report_errors(order_events.EventFileError, ReplayError):
        read = order_events.READERS[flow_format.value]
        flow: list[Instruction | None] = [it for file in files for it in read(file)]
        with evm_dex.open(store, genesis=order_events.recorded_market()) as dex:
            _replay(dex, "ASSET", flow)


def _replay_node(
    files: list[Path], snapshot: Path | None, diffs: Path | None, store: Path | None
) -> None:
    from rich.progress import Progress  # noqa: PLC0415 - only when it is shown

    from evm_dex.replay import node_files  # noqa: PLC0415 - loads the whole chain
    from evm_dex.replay.node_replay import NodeReplay  # noqa: PLC0415 - as above

    if not files:
        raise typer.BadParameter("give at least one order status file of Hyperliquid's node")
    with report_errors(node_files.NodeFileError, ValueError):
        events = list(node_files.read_snapshot(snapshot)) if snapshot else []
        events += [event for file in files for event in node_files.read_statuses(file)]
        with evm_dex.open(store, profile="hyperevm") as dex:
            replay = NodeReplay(dex)
            with Progress(console=errors()) as progress:
                for event in progress.track(events, description="Replaying"):
                    replay.apply(event)
            for diff in node_files.read_diffs(diffs) if diffs else ():
                replay.note(diff)
            found = replay.finish()
    shown = console()
    shown.print(f"{found.submitted} orders submitted, {found.left_out} left out.", highlight=False)
    for name, alike, count in (
        ("filled as far as recorded", found.fills_alike, found.fills),
        ("refused as recorded", found.refused_alike, found.refused),
        ("resting as recorded", found.book_alike, found.book),
    ):
        shown.print(f"{alike} of {count} {name}.", highlight=False)


def _replay(dex: Dex, symbol: str, flow: list[Instruction | None]) -> None:
    from rich.progress import Progress  # noqa: PLC0415 - only when it is shown

    from evm_dex.replay.runner import Replay, deposit  # noqa: PLC0415 - loads the whole chain

    asset = dex.contract(spot_market(dex, symbol), "TestToken")
    for account in dex.accounts[:2]:
        for _ in deposit(dex, account):
            pass
    runner = Replay(dex, asset, maker=dex.accounts[0], taker=dex.accounts[1])
    sent = 0
    with Progress(console=errors()) as progress:
        for instruction in progress.track(flow, description="Replaying"):
            sent += instruction is not None and runner.apply(instruction) is not None
    console().print(f"{sent} transactions for {len(flow)} instructions.", highlight=False)
    console().print(book_table(dex, asset, symbol))


def check(chain: ChainDirectory, as_json: AsJson = False) -> None:
    """Prove every row against the head block, and check invariants.

      evm-dex check --chain my-chain && echo sound

    Exits with 1 if anything is wrong. Works while the chain is running.
    """
    from checkpoint.verify import verify_store as prove_rows  # noqa: PLC0415 - loads the database

    with report_errors(), open_readonly(chain) as dex, row_progress() as progress:
        report = prove_rows(dex.store, progress)
        violations = dex.self_check()
        head, counts, repairs = dex.head, dex.counts(), dex.repairs
        table = counts_table(dex)
    if report.difference is not None:
        violations.append(report.difference)
    if as_json:
        root = head.state_root.hex()
        found = {"height": head.number, "state_root": root, "rows": counts}
        found |= {"repaired": repairs, "wrong": violations}
        typer.echo(json.dumps(found))
    else:
        console().print(table)
        for repair in repairs:
            console().print(f"[yellow]repaired:[/] {escape(repair)}")
        for violation in violations:
            console().print(f"[red]✗[/] {escape(violation)}")
        if not violations:
            console().print(
                f"[green]✓[/] block {head.number}: rows, digest, state root, invariants"
            )
    raise typer.Exit(1 if violations else 0)


def book(
    symbol: Annotated[
        str, typer.Argument(help="Symbol or address of the market, for example WETH.")
    ],
    chain: ChainDirectory,
    levels: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Number of price levels on each side.")
    ] = 10,
    perp: Annotated[
        bool, typer.Option("--perp", help="Show the perpetual market instead of the spot market.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a market's order book.

      evm-dex book WETH --chain my-chain
      evm-dex book WETH --perp --levels 20 --chain my-chain

    Works while the chain is running.
    """
    with report_errors(), open_readonly(chain) as dex:
        market = perp_market(dex, symbol) if perp else spot_market(dex, symbol)
        if as_json:
            depth = (dex.perp if perp else dex.spot).call("getDepth", market, levels)
            bids, asks = zip(depth[0], depth[1], strict=True), zip(depth[2], depth[3], strict=True)
            found = {"height": dex.head.number, "market": checksum(market)}
            print_json(found | {"bids": _texts(bids), "asks": _texts(asks)})
        elif perp:
            console().print(perp_book_table(dex, market, symbol, levels))
            console().print(prices_line(dex, market), highlight=False)
        else:
            console().print(book_table(dex, market, symbol, levels))


def _texts(levels: Iterable[tuple[int, int]]) -> list[list[str]]:
    """Return price and amount as text, since JSON readers may round numbers of that many digits."""
    return [[str(price), str(amount)] for price, amount in levels]


def positions(
    symbol: Annotated[
        str, typer.Argument(help="Symbol or address of a perpetual market, for example WETH.")
    ],
    chain: ChainDirectory,
    as_json: AsJson = False,
) -> None:
    """Show the open positions of a perpetual market.

      evm-dex positions WETH --chain my-chain

    Works while the chain is running.
    """
    with report_errors(), open_readonly(chain) as dex:
        market = perp_market(dex, symbol)
        if as_json:
            amounts = ("size", "entryPrice", "pnl", "liquidationPrice")
            found = open_positions(dex, market)
            texts = [it | {name: str(it[name]) for name in amounts} for it in found]
            height, address = dex.head.number, checksum(market)
            print_json({"height": height, "market": address, "positions": texts})
            return
        console().print(positions_table(dex, market, symbol))
        console().print(prices_line(dex, market), highlight=False)
