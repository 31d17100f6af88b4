"""Tables of the exchanges, checkpoints and the order history for the terminal.

Importing this module loads nothing; the first table loads rich.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evm_dex.blocks.addresses import to_address
from evm_dex.client.market_lookup import market_symbol
from evm_dex.errors import ChainError
from precompiles.types import NATIVE_COIN, Address, PositionKind

if TYPE_CHECKING:
    from rich.table import Table

    from checkpoint.diff import Counts
    from checkpoint.manifest import CheckpointInfo
    from evm_dex.abi.contract_interface import Event
    from evm_dex.blocks.addresses import AddressLike
    from evm_dex.client.dex import Dex
    from evm_dex.history.queries import Page

_BAR_WIDTH = 24
_MOST_COLUMNS = 5


def units(amount: int, decimals: int) -> str:
    """Format an amount of smallest units in whole tokens, without rounding."""
    whole, part = divmod(amount, 10**decimals)
    digits = f"{part:0{decimals}d}".rstrip("0") if part else ""
    return f"{whole:,}.{digits}" if digits else f"{whole:,}"


def plain_table(title: str, columns: Sequence[str], *, right: Iterable[str] = ()) -> Table:
    """Return an empty table in the common style; columns in `right` hold numbers."""
    from rich import box  # noqa: PLC0415 - see above
    from rich.table import Table  # noqa: PLC0415 - see above

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    numbers = set(right)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    return table


def book_table(dex: Dex, asset: AddressLike, symbol: str, levels: int = 8) -> Table:
    """Return the best levels of a market, asks above bids, with bars for their sizes."""
    quote = dex.spot.call("getMarket", asset).quote
    base_decimals, quote_decimals = _decimals(dex, asset), _decimals(dex, quote)
    depth = dex.spot.call("getDepth", asset, levels)
    asks = list(zip(depth.askPrices, depth.askAmounts, strict=True))
    bids = list(zip(depth.bidPrices, depth.bidAmounts, strict=True))
    title = f"Order book {symbol} at block {dex.head.number}"
    return book_ladder(
        title, asks, bids, base_decimals=base_decimals, quote_decimals=quote_decimals
    )


def _decimals(dex: Dex, token: AddressLike) -> int:
    """Return a token's decimals; 0 if it has none."""
    if to_address(token) == NATIVE_COIN:
        return 18
    try:
        return int(dex.contract(token, "TestToken").call("decimals"))
    except (ChainError, ValueError):
        return 0


def book_ladder(
    title: str,
    asks: Sequence[tuple[int, int]],
    bids: Sequence[tuple[int, int]],
    *,
    base_decimals: int,
    quote_decimals: int,
) -> Table:
    """Return a table of levels, given as (price, size), best first: asks above bids."""
    largest = max((size for _, size in (*asks, *bids)), default=1)
    table = plain_table(title, ("side", "price", "amount", "depth"), right=("price", "amount"))
    for name, style, rows in (("ask", "red", asks[::-1]), ("bid", "green", bids)):
        for price, size in rows:
            bar = "█" * max(1, size * _BAR_WIDTH // largest)
            amounts = units(price, quote_decimals), units(size, base_decimals)
            table.add_row(name, *amounts, bar, style=style)
    return table


def trades_table(trades: Sequence[Event], base_decimals: int, quote_decimals: int) -> Table:
    """Return a table of trades, oldest first."""
    columns = ("trade", "taker", "price", "amount", "maker order", "taker order")
    table = plain_table("Last trades", columns, right=("trade", *columns[2:]))
    for trade in trades:
        args = trade.args
        table.add_row(
            str(args["tradeId"]),
            "buys" if args["takerIsBuy"] else "sells",
            units(args["price"], quote_decimals),
            units(args["amount"], base_decimals),
            str(args["makerOrderId"]),
            str(args["takerOrderId"]),
        )
    return table


def table_name(number: int) -> str:
    """Return the name of a ledger table; of an unknown one, its number."""
    from precompiles.ledger.table import TableNumber  # noqa: PLC0415 - loads the ledger

    try:
        return TableNumber(number).name.lower()
    except ValueError:
        return f"table {number}"


def age(made_at: str, now: datetime | None = None) -> str:
    """Format how long ago an ISO 8601 time was, in its largest unit."""
    elapsed = (now or datetime.now(UTC)) - datetime.fromisoformat(made_at)
    seconds = max(int(elapsed.total_seconds()), 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def checkpoints_table(checkpoints: Iterable[CheckpointInfo]) -> Table:
    """Return a table of checkpoints, oldest first; removal frees the `own` bytes."""
    from rich.filesize import decimal  # noqa: PLC0415 - see above

    columns = ("height", "made", "age", "block", "rows", "own", "shared", "state")
    table = plain_table("Checkpoints", columns, right=("height", "age", "rows", "own", "shared"))
    for info in checkpoints:
        manifest, usage = info.manifest, info.usage()
        state = "problem" if info.problem else "pinned" if info.pinned else "ok"
        sizes = decimal(usage.own), decimal(usage.shared)
        if manifest is None:
            table.add_row(str(info.height), "", "", "", "", *sizes, state, style="red")
            continue
        table.add_row(
            str(info.height),
            manifest.made_at[5:16].replace("T", " "),
            age(manifest.made_at),
            manifest.block_hash[:8],
            f"{sum(manifest.rows.values()):,}",
            *sizes,
            state,
            style="red" if info.problem else None,
        )
    return table


def checkpoint_rows_table(checkpoints: Iterable[CheckpointInfo]) -> Table:
    """Return a table of row counts, with a column per checkpoint, of the newest ones."""
    found = [(info.height, info.manifest.rows) for info in checkpoints if info.manifest]
    shown = found[-_MOST_COLUMNS:]
    numbers = sorted({int(number) for _, rows in shown for number in rows})
    heights = [f"block {height}" for height, _ in shown]
    table = plain_table("Rows by table", ("table", *heights), right=heights)
    for number in numbers:
        counts = (f"{rows.get(str(number), 0):,}" for _, rows in shown)
        table.add_row(table_name(number), *counts)
    return table


def difference_table(old: str, new: str, counts: Mapping[int, Counts]) -> Table:
    """Return a table of how many rows differ."""
    columns = ("table", "added", "changed", "removed")
    table = plain_table(f"From {old} to {new}", columns, right=columns[1:])
    for number, found in sorted(counts.items()):
        figures = (found.added, found.changed, found.removed)
        table.add_row(table_name(number), *(f"{figure:,}" for figure in figures))
    return table


def counts_table(dex: Dex) -> Table:
    """Return a table of the ledger's row counts, of the tables that have rows."""
    table = plain_table(f"Rows at block {dex.head.number}", ("table", "rows"), right=("rows",))
    for name, count in dex.counts().items():
        if count:
            table.add_row(name, f"{count:,}")
    return table


def prices_line(dex: Dex, market: Address) -> str:
    """Return mark, oracle price and funding of a perpetual market in words."""
    _, collateral = _perp_decimals(dex, market)
    mark, oracle = dex.perp.call("getMarkPrice", market), dex.perp.call("getOracle", market)
    rate = dex.perp.call("getFunding", market).lastRate
    return (
        f"mark {units(mark, collateral)}, oracle {units(oracle.price, collateral)}, "
        f"funding {rate / 10**10:+.5f} % an hour"
    )


def perp_book_table(dex: Dex, market: Address, symbol: str, levels: int) -> Table:
    """Return the best levels of a perpetual market."""
    depth = dex.perp.call("getDepth", market, levels)
    base, collateral = _perp_decimals(dex, market)
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
    base, collateral = _perp_decimals(dex, market)
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


def _perp_decimals(dex: Dex, market: Address) -> tuple[int, int]:
    """Return the decimals of sizes and of collateral."""
    base_unit = str(dex.perp.call("getMarket", market).baseUnit)
    base = len(base_unit) - 1 if base_unit.strip("0") == "1" else 0
    token = dex.contract(dex.perp.call("collateral"), "TestToken")
    return base, token.call("decimals")


class MarketUnits:
    """Markets by symbol, prices and amounts in whole coins; as they are without a chain to ask."""

    def __init__(self, dex: Dex | None) -> None:
        self._dex = dex
        self._known: dict[tuple[str, str], tuple[str, int, int]] = {}

    def name(self, row: Page) -> str:
        """Return exchange and market of an update or of totals."""
        return f"{row['exchange']} {self._of(row)[0]}"

    def amount(self, row: Page, field: str) -> str:
        """Return an amount of the market's asset."""
        return self._shown(row[field], self._of(row)[1])

    def quote(self, row: Page, field: str) -> str:
        """Return a price, or an amount of what the market is quoted in."""
        return self._shown(row[field], self._of(row)[2])

    def _shown(self, text: Any, decimals: int) -> str:
        return str(text) if self._dex is None else units(int(text), decimals)

    def _of(self, row: Page) -> tuple[str, int, int]:
        """Return symbol, decimals of amounts and of prices."""
        key = (row["exchange"], row["market"])
        if key not in self._known:
            self._known[key] = self._ask(*key)
        return self._known[key]

    def _ask(self, exchange: str, market: str) -> tuple[str, int, int]:
        if self._dex is None:
            return _short(market), 0, 0
        address, is_perp = to_address(market), exchange == "perp"
        symbol = market_symbol(self._dex, address, is_perp=is_perp)
        if is_perp:
            return symbol, *_perp_decimals(self._dex, address)
        quote = self._dex.spot.call("getMarket", address).quote
        return symbol, _decimals(self._dex, address), _decimals(self._dex, quote)


def updates_table(updates: Iterable[Page], market: MarketUnits) -> Table:
    """Return a table with a line per update."""
    table = plain_table(
        "Orders",
        ("event", "time", "order", "what", "status", "side", "price", "filled", "of", "fill"),
        right=("event", "order", "price", "filled", "of", "fill"),
    )
    for update in updates:
        reason = "" if update["reason"] == "none" else f" ({update['reason']})"
        table.add_row(
            str(update["event_id"]),
            datetime.fromtimestamp(update["timestamp"], UTC).strftime("%Y-%m-%d %H:%M:%S"),
            str(update["order_id"]),
            f"{market.name(update)} {update['kind']}",
            update["status"] + reason,
            "buy" if update["is_buy"] else "sell",
            market.quote(update, "price"),
            market.amount(update, "filled_quantity"),
            market.amount(update, "quantity"),
            _fill(update, market) if update["kind"] == "trade" else "",
        )
    return table


def _fill(update: Page, market: MarketUnits) -> str:
    return f"{market.amount(update, 'last_quantity')} at {market.quote(update, 'last_price')}"


def statistics_table(rows: Iterable[Page], market: MarketUnits) -> Table:
    """Return a table with a column per market; amounts in smallest units."""
    from evm_dex.orderlog.order_update import Totals  # noqa: PLC0415 - loads msgspec

    markets = list(rows)
    names = [market.name(row) for row in markets]
    table = plain_table("Totals", ("", *names), right=names)
    for total in Totals.__struct_fields__:
        table.add_row(total.replace("_", " "), *(str(row[total]) for row in markets))
    return table


def _short(address: str) -> str:
    """Shorten an address."""
    return f"{address[:6]}…{address[-4:]}"
