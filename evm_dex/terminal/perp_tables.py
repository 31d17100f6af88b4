"""Tables of the perpetuals exchange for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evm_dex.terminal.chain_tables import book_ladder, plain_table, units
from precompiles.types import Address, PositionKind

if TYPE_CHECKING:
    from rich.table import Table

    from evm_dex.client.dex import Dex


def prices_line(dex: Dex, market: Address) -> str:
    """Return mark, oracle price and funding of a perpetual market in words."""
    _, collateral = _decimals(dex, market)
    mark, oracle = dex.perp.call("getMarkPrice", market), dex.perp.call("getOracle", market)
    rate = dex.perp.call("getFunding", market).lastRate
    return (
        f"mark {units(mark, collateral)}, oracle {units(oracle.price, collateral)}, "
        f"funding {rate / 10**10:+.5f} % an hour"
    )


def perp_book_table(dex: Dex, market: Address, symbol: str, levels: int) -> Table:
    """Return the best levels of a perpetual market."""
    depth = dex.perp.call("getDepth", market, levels)
    base, collateral = _decimals(dex, market)
    asks = list(zip(depth.askPrices, depth.askSizes, strict=True))
    bids = list(zip(depth.bidPrices, depth.bidSizes, strict=True))
    title = f"Perpetual book {symbol}, block {dex.head.number}"
    return book_ladder(title, asks, bids, base_decimals=base, quote_decimals=collateral)


def open_positions(dex: Dex, market: Address) -> list[dict[str, Any]]:
    """Return a market's open positions, oldest first, in IPerp's units."""
    found = []
    for position_id in dex.chain.ledger.perp.open_positions.by_market.of(market):
        position = dex.perp.call("getPosition", position_id)
        worth = dex.perp.call("calculatePnL", position_id)
        kind = PositionKind(dex.perp.call("getPositionState", position_id).kind)
        found.append(
            {
                "id": position_id,
                "account": position.trader,
                "size": position.size if position.isLong else -position.size,
                "entryPrice": position.entryPrice,
                "pnl": worth.pnl,
                "leverage": position.leverage,
                "kind": kind.name.lower(),
                "liquidationPrice": worth.liquidationPrice,
            }
        )
    return found


def positions_table(dex: Dex, market: Address, symbol: str) -> Table:
    """Return a table of a market's open positions, oldest first, valued at mark."""
    base, collateral = _decimals(dex, market)
    numbers = ("id", "size", "entry", "gain", "liquidated")
    table = plain_table(
        f"Open positions in {symbol} at block {dex.head.number}",
        ("id", "account", "size", "entry", "gain", "margin", "liquidated"),
        right=numbers,
    )
    for it in open_positions(dex, market):
        threshold = it["liquidationPrice"]
        table.add_row(
            str(it["id"]),
            f"{it['account'][:6]}…{it['account'][-4:]}",
            ("-" if it["size"] < 0 else "+") + units(abs(it["size"]), base),
            units(it["entryPrice"], collateral),
            ("-" if it["pnl"] < 0 else "+") + units(abs(it["pnl"]), collateral),
            f"{it['leverage']}x {it['kind']}",
            units(threshold, collateral) if threshold else "-",
            style="green" if it["pnl"] >= 0 else "red",
        )
    for column in table.columns:
        column.no_wrap = column.header in ("id", "account", "size", "margin")
        column.overflow = "fold"
    return table


def _decimals(dex: Dex, market: Address) -> tuple[int, int]:
    """Return the decimals of sizes and of collateral."""
    base_unit = str(dex.perp.call("getMarket", market).baseUnit)
    base = len(base_unit) - 1 if base_unit.strip("0") == "1" else 0
    token = dex.contract(dex.perp.call("collateral"), "TestToken")
    return base, token.call("decimals")
