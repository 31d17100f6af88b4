"""Tables of order updates and totals for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.table import Table

from evm_dex.history.queries import Page
from evm_dex.orderlog.order_update import Totals
from evm_dex.terminal.chain_tables import plain_table


def updates_table(updates: Iterable[Page]) -> Table:
    """Return a table with a line per update; amounts in smallest units."""
    table = plain_table(
        "Orders",
        ("event", "time", "order", "what", "status", "side", "price", "filled", "of", "fill"),
        right=("event", "order", "price", "filled", "of", "fill"),
    )
    for update in updates:
        is_fill = update["kind"] == "trade"
        reason = "" if update["reason"] == "none" else f" ({update['reason']})"
        table.add_row(
            str(update["event_id"]),
            datetime.fromtimestamp(update["timestamp"], UTC).strftime("%Y-%m-%d %H:%M:%S"),
            str(update["order_id"]),
            f"{update['exchange']} {short(update['market'])} {update['kind']}",
            update["status"] + reason,
            "buy" if update["is_buy"] else "sell",
            *(update[name] for name in ("price", "filled_quantity", "quantity")),
            f"{update['last_quantity']} at {update['last_price']}" if is_fill else "",
        )
    return table


def statistics_table(rows: Iterable[Page]) -> Table:
    """Return a table with a column per market."""
    markets = list(rows)
    names = [f"{row['exchange']} {short(row['market'])}" for row in markets]
    table = plain_table("Totals", ("", *names), right=names)
    for total in Totals.__struct_fields__:
        table.add_row(total.replace("_", " "), *(str(row[total]) for row in markets))
    return table


def short(address: str) -> str:
    """Shorten an address."""
    return f"{address[:6]}…{address[-4:]}"
