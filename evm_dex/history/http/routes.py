"""Routes of the HTTP interface, declared once for the server and its description."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from evm_dex.history import queries as answers
from evm_dex.history.queries import Page
from evm_dex.history.stores.history_store import PAGE, HistoryStore, replay

Values = Mapping[str, str]
Answer = Callable[[HistoryStore, Values], Page | None]
"""A document from a store and the values of path and query; None where there is nothing."""

PARAMETERS = {
    "user": "Address of an account: 0x and 40 hexadecimal digits.",
    "market": "Address of what is traded.",
    "token": "Address of a token.",
    "exchange": "spot or perp.",
    "status": "Only updates that left the order in it: new, partially_filled, filled, cancelled, "
    "rejected, expired, untriggered or gone.",
    "start": "Block time in seconds, from it on.",
    "end": "Block time in seconds, up to but without it.",
    "before": "What `next` of the page before says.",
    "limit": f"Updates in the answer, from 1 to 1000; {PAGE} by default.",
    "order_id": "Id of an order.",
    "client_order_id": "The id its owner gave an order.",
    "after": "Updates with a higher event id, ascending; 0 by default.",
}
_PAGED = ("exchange", "start", "end", "before", "limit")


class Route(Struct, frozen=True):
    """One route."""

    path: str
    summary: str
    query: tuple[str, ...]
    answer: Answer
    schema: str
    """The name of the answer's form in the description."""


def _open_orders(store: HistoryStore, values: Values) -> Page:
    market, exchange = values.get("market"), values.get("exchange")
    return answers.orders(
        store.open_orders(
            answers.address(values["user"]),
            market=answers.address(market) if market else None,
            exchange=answers.exchange(exchange) if exchange else None,
        )
    )


def _history(store: HistoryStore, values: Values) -> Page:
    asked = answers.parse_query(values)
    return answers.page(store.history(asked), asked.limit)


def _fills(store: HistoryStore, values: Values) -> Page:
    asked = answers.parse_query(values)
    return answers.page(store.fills(asked), asked.limit)


def _statistics(store: HistoryStore, values: Values) -> Page:
    return answers.statistics(store.statistics(answers.address(values["user"])))


def _balances(store: HistoryStore, values: Values) -> Page:
    return answers.balances(store.balances(answers.address(values["user"])))


def _by_client_id(store: HistoryStore, values: Values) -> Page:
    client_order_id = answers.client_id(values["client_order_id"])
    return answers.orders(store.by_client_id(answers.address(values["user"]), client_order_id))


def _order(store: HistoryStore, values: Values) -> Page | None:
    return answers.whole_order(store, answers.number(values["order_id"], "order_id"))


def _stream(store: HistoryStore, values: Values) -> Page:
    after = answers.number(values.get("after", "0"), "after")
    limit = answers.number(values.get("limit", str(PAGE)), "limit")
    start = answers.number(values.get("start", "0"), "start")
    end = answers.number(values["end"], "end") if "end" in values else None
    try:
        return answers.stream(replay(store, start, end, after, limit), after)
    except ValueError as error:
        raise answers.BadQuery(str(error)) from error


ROUTES = (
    Route(
        "/v1/users/{user}/orders",
        "Open orders of a user",
        ("exchange", "market"),
        _open_orders,
        "Orders",
    ),
    Route(
        "/v1/users/{user}/history",
        "Every change of a user's orders, newest first",
        ("market", "status", *_PAGED),
        _history,
        "Page",
    ),
    Route("/v1/users/{user}/fills", "A user's fills", ("market", *_PAGED), _fills, "Page"),
    Route("/v1/users/{user}/statistics", "A user's totals", (), _statistics, "Totals"),
    Route(
        "/v1/users/{user}/balances",
        "A user's balances, where the chain logs them",
        (),
        _balances,
        "Balances",
    ),
    Route(
        "/v1/users/{user}/balances/{exchange}/{token}",
        "Every change of a balance, newest first",
        ("before", "limit"),
        answers.balance_changes,
        "BalancePage",
    ),
    Route(
        "/v1/users/{user}/client-orders/{client_order_id}",
        "Orders that a user gave an id",
        (),
        _by_client_id,
        "Orders",
    ),
    Route(
        "/v1/markets/{market}/history",
        "Every change of a market's orders, newest first",
        ("status", *_PAGED),
        _history,
        "Page",
    ),
    Route("/v1/markets/{market}/fills", "A market's fills", _PAGED, _fills, "Page"),
    Route("/v1/orders/{order_id}", "An order, its changes and fills", (), _order, "Order"),
    Route(
        "/v1/stream",
        "All updates, oldest first",
        ("after", "start", "end", "limit"),
        _stream,
        "Stream",
    ),
)
UPDATES = "/v1/updates"
"""The WebSocket: one JSON document per update from `after` on, as they come."""
