"""Parses queries from text, and formats their results as JSON documents.

The command line and the HTTP interface say the same, since both take it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evm_dex.blocks.addresses import to_address
from evm_dex.history.stores.history_store import (
    PAGE,
    HistoryStore,
    PageCursor,
    Query,
    Statistics,
)
from evm_dex.orderlog.balance_update import VERSION as BALANCE_VERSION
from evm_dex.orderlog.balance_update import BalanceUpdate
from evm_dex.orderlog.order_update import VERSION, Exchange, OrderUpdate, as_json
from precompiles.types import OrderStatus

Page = dict[str, Any]
LARGEST = 2**63 - 1
"""Largest id or time of a query: the largest integer of the databases."""
_LARGEST_CLIENT_ID = 2**128 - 1


class BadQuery(ValueError):  # noqa: N818 - says what was asked
    """A query is malformed; the message says what to write."""


def address(text: str) -> Any:
    """Parse an address: 0x and 40 hexadecimal digits. Raises BadQuery."""
    try:
        return to_address(text)
    except (ValueError, TypeError) as error:
        raise BadQuery(f"an address must be 0x and 40 hex digits, got {text!r}") from error


def number(text: str, name: str, most: int = LARGEST) -> int:
    """Parse a whole number of at least zero. Raises BadQuery."""
    if not (text.isascii() and text.isdecimal()):
        raise BadQuery(f"{name} must be a whole number, got {text!r}")
    if len(text) > len(str(most)) or int(text) > most:
        raise BadQuery(f"{name} must be a whole number of at most {most}, got {text[:80]}")
    return int(text)


def client_id(text: str) -> int:
    """Parse a client order id. Raises BadQuery."""
    return number(text, "client_order_id", _LARGEST_CLIENT_ID)


def exchange(text: str) -> Exchange:
    """Parse the name of an exchange: spot or perp. Raises BadQuery."""
    return Exchange(_named(Exchange, text, "exchange"))


def status(text: str) -> OrderStatus:
    """Parse the name of a status. Raises BadQuery."""
    return OrderStatus(_named(OrderStatus, text, "status"))


def parse_cursor(text: str) -> PageCursor:
    """Parse the cursor that a page ends with. Raises BadQuery."""
    timestamp, _, event_id = text.partition("-")
    return PageCursor(number(timestamp, "before"), number(event_id, "before"))


_READERS: dict[str, Any] = {
    "user": address,
    "market": address,
    "exchange": exchange,
    "status": status,
    "start": lambda text: number(text, "start"),
    "end": lambda text: number(text, "end"),
    "before": parse_cursor,
    "limit": lambda text: number(text, "limit"),
}


def parse_query(fields: Mapping[str, str]) -> Query:
    """Parse a query from the text of its fields. Raises BadQuery."""
    unknown = set(fields) - set(_READERS)
    if unknown:
        raise BadQuery(
            f"fields must be among {', '.join(_READERS)}, got {', '.join(sorted(unknown))}"
        )
    asked = Query(**{name: _READERS[name](text) for name, text in fields.items()})
    try:
        asked.check()
    except ValueError as error:
        raise BadQuery(str(error)) from error
    return asked


def page(updates: list[OrderUpdate], limit: int = PAGE) -> Page:
    """Format a page of updates; `next` is the cursor of the page after it, or null."""
    more = None
    if len(updates) == limit:
        more = f"{updates[-1].timestamp}-{updates[-1].event_id}"
    return {"version": VERSION, "updates": [as_json(update) for update in updates], "next": more}


def orders(updates: list[OrderUpdate]) -> Page:
    """Format orders by their last updates."""
    return {"version": VERSION, "orders": [as_json(update) for update in updates]}


def whole_order(store: HistoryStore, order_id: int) -> Page | None:
    """Format an order with its changes and fills; None if the store has no such order."""
    changes = store.changes(order_id)
    if not changes:
        return None
    last = store.order(order_id)
    return {
        "version": VERSION,
        "order": as_json(last) if last else None,
        "changes": [as_json(update) for update in changes],
        "fills": [as_json(update) for update in store.order_fills(order_id)],
    }


def statistics(rows: list[Statistics]) -> Page:
    """Format totals by market."""
    return {
        "version": VERSION,
        "statistics": [
            {
                "exchange": row.exchange.name.lower(),
                "market": "0x" + row.market.hex(),
                **row.totals.as_json(),
                "last_event_id": row.last_event_id,
            }
            for row in rows
        ],
    }


def balances(updates: list[BalanceUpdate]) -> Page:
    """Format balances by their last updates."""
    return {"version": BALANCE_VERSION, "balances": [update.as_json() for update in updates]}


def balance_changes(store: HistoryStore, fields: Mapping[str, str]) -> Page:
    """Format updates of one balance, newest first; `next` is the version before which they go on.

    Raises BadQuery.
    """
    before = number(fields["before"], "before") if "before" in fields else None
    limit = number(fields.get("limit", str(PAGE)), "limit")
    owner = (address(fields["user"]), exchange(fields["exchange"]), address(fields["token"]))
    try:
        updates = store.balance_changes(*owner, before=before, limit=limit)
    except ValueError as error:
        raise BadQuery(str(error)) from error
    more = str(updates[-1].version) if len(updates) == limit else None
    found = [update.as_json() for update in updates]
    return {"version": BALANCE_VERSION, "updates": found, "next": more}


def stream(updates: list[OrderUpdate], after: int) -> Page:
    """Format updates in order; `last` is the update to continue after."""
    last = updates[-1].event_id if updates else after
    return {"version": VERSION, "updates": [as_json(update) for update in updates], "last": last}


def _named(kind: Any, text: str, name: str) -> Any:
    try:
        return kind[text.upper()]
    except KeyError:
        names = ", ".join(member.name.lower() for member in kind)
        raise BadQuery(f"{name} must be one of {names}, got {text!r}") from None
