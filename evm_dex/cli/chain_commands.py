"""Commands on a chain: the demo, checking the state, showing the book."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

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
from evm_dex.terminal.console import console, escape
from evm_dex.terminal.tables import (
    book_table,
    counts_table,
    open_positions,
    perp_book_table,
    positions_table,
    prices_line,
)


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
