"""Commands that open a chain: the demo, replaying order flow, checking it, showing its book."""

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
    ChainPath,
    explained,
    looking_at,
    print_json,
    row_progress,
)
from evm_dex.client.market_lookup import perp_market, spot_market
from evm_dex.terminal.console import console, errors, escape
from evm_dex.terminal.perp_tables import (
    open_positions,
    perp_book_table,
    positions_table,
    prices_line,
)
from evm_dex.terminal.tables import book_table, counts_table

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex
    from evm_dex.replay.order_flow import Instruction

_IN_MEMORY = Path("memory")


class FlowFormat(StrEnum):
    """Where order flow comes from."""

    LOBSTER = "lobster"
    GENERATED = "generated"


def demo(
    path: Annotated[Path, typer.Option(help="Directory to work in.")] = Path("demo-data"),
    blocks: Annotated[int, typer.Option(min=50, help="Blocks before the kill.")] = 240,
    seed: Annotated[int, typer.Option(help="Of the order flow.")] = 1,
) -> None:
    """Trade on disk, checkpoint, kill the process hard, reopen, restore, and prove it all.

    evm-dex demo --path my-demo --blocks 500 --seed 7

    The directory is emptied first if an earlier demo made it; anything else is left alone.
    """
    from evm_dex.cli.demo import DemoError, run  # noqa: PLC0415 - loads the whole chain

    with explained(DemoError):
        run(path, blocks=blocks, seed=seed, console=console())


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
    from evm_dex.replay.recorded_market import recorded_market  # noqa: PLC0415 - as above
    from evm_dex.replay.runner import ReplayError  # noqa: PLC0415 - as above

    if flow_format is FlowFormat.GENERATED and (files or book):
        raise typer.BadParameter("generated flow reads no files; --format lobster does")
    store = None if path == _IN_MEMORY else path
    with explained(lobster.LobsterError, ReplayError):
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


def check(path: ChainPath, as_json: AsJson = False) -> None:
    """Prove every row against the head's block, and hold all invariants against them.

    evm-dex check my-chain && echo sound

    Works while another process runs the chain: reads beside it.
    """
    from checkpoint.verify import verify_store as prove_rows  # noqa: PLC0415 - loads the database

    with explained(), looking_at(path) as dex, row_progress() as progress:
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
    path: ChainPath,
    symbol: Annotated[
        str, typer.Argument(help="Token whose market to show: WETH, or its address.")
    ],
    levels: Annotated[int, typer.Option(min=1, max=100, help="On each side.")] = 10,
    perp: Annotated[bool, typer.Option("--perp", help="Of the perpetual market.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a market's order book.

    evm-dex book my-chain WETH --levels 20

    evm-dex book my-chain WETH --perp
    """
    with explained(), looking_at(path) as dex:
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
    """Price and amount of each, as text: they may have more digits than other programs' numbers."""
    return [[str(price), str(amount)] for price, amount in levels]


def positions(
    path: ChainPath,
    symbol: Annotated[str, typer.Argument(help="Perpetual market: its name or address.")],
    as_json: AsJson = False,
) -> None:
    """Show the open positions of a perpetual market.

    evm-dex positions my-chain WETH
    """
    with explained(), looking_at(path) as dex:
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
