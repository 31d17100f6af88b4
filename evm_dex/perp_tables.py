"""Tables of the perpetuals exchange for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evm_dex.tables import book_ladder, plain_table, units
from precompiles.types import Address, PositionKind

if TYPE_CHECKING:
    from rich.table import Table

    from evm_dex.dex import Dex


def prices_line(dex: Dex, market: Address) -> str:
    """Mark, oracle and funding of a perpetual market in words."""
    _, collateral = _decimals(dex, market)
    mark, oracle = dex.perp.call("getMarkPrice", market), dex.perp.call("getOracle", market)
    rate = dex.perp.call("getFunding", market).lastRate
    return (
        f"mark {units(mark, collateral)}, oracle {units(oracle.price, collateral)}, "
        f"funding {rate / 10**10:+.5f} % an hour"
    )


def perp_book_table(dex: Dex, market: Address, symbol: str, levels: int) -> Table:
    """The best levels of a perpetual market."""
    depth = dex.perp.call("getDepth", market, levels)
    base, collateral = _decimals(dex, market)
    asks = list(zip(depth.askPrices, depth.askSizes, strict=True))
    bids = list(zip(depth.bidPrices, depth.bidSizes, strict=True))
    title = f"Perpetual book {symbol}, block {dex.head.number}"
    return book_ladder(title, asks, bids, base_decimals=base, quote_decimals=collateral)


def positions_table(dex: Dex, market: Address, symbol: str) -> Table:
    """Open positions in a market, oldest first, with what each is worth at mark."""
    base, collateral = _decimals(dex, market)
    numbers = ("id", "size", "entry", "gain", "liquidated")
    table = plain_table(
        f"Open positions in {symbol} at block {dex.head.number}",
        ("id", "account", "size", "entry", "gain", "margin", "liquidated"),
        right=numbers,
    )
    for position_id in dex.chain.ledger.perp.open_positions.by_market.of(market):
        position = dex.perp.call("getPosition", position_id)
        worth = dex.perp.call("calculatePnL", position_id)
        kind = PositionKind(dex.perp.call("getPositionState", position_id).kind)
        threshold = worth.liquidationPrice
        table.add_row(
            str(position_id),
            f"{position.trader[:6]}…{position.trader[-4:]}",
            ("+" if position.isLong else "-") + units(position.size, base),
            units(position.entryPrice, collateral),
            ("-" if worth.pnl < 0 else "+") + units(abs(worth.pnl), collateral),
            f"{position.leverage}x {kind.name.lower()}",
            units(threshold, collateral) if threshold else "-",
            style="green" if worth.pnl >= 0 else "red",
        )
    for column in table.columns:
        column.no_wrap = column.header in ("id", "account", "size", "margin")
        column.overflow = "fold"
    return table


def _decimals(dex: Dex, market: Address) -> tuple[int, int]:
    """Of sizes, where the base unit is a power of ten, and of collateral."""
    base_unit = str(dex.perp.call("getMarket", market).baseUnit)
    base = len(base_unit) - 1 if base_unit.strip("0") == "1" else 0
    token = dex.contract(dex.perp.call("collateral"), "TestToken")
    return base, token.call("decimals")
