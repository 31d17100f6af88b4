"""The description of the HTTP interface, derived from the routes and from the update's fields."""

from __future__ import annotations

import re
from enum import IntEnum
from types import UnionType
from typing import Any, get_args, get_type_hints

from evm_dex.history.http.routes import PARAMETERS, ROUTES, UPDATES, Route
from evm_dex.orderlog.balance_update import BalanceUpdate
from evm_dex.orderlog.order_update import AMOUNTS, VERSION, OrderUpdate, Totals

Schema = dict[str, Any]
_AMOUNT: Schema = {"type": "string", "pattern": "^[0-9]+$"}
_NUMBER: Schema = {"type": "integer"}
_BYTES: Schema = {"type": "string", "pattern": "^0x([0-9a-f]{2})*$"}
_TOTAL_AMOUNTS = ("volume", "fees_in_base", "fees_in_quote")


def document() -> Schema:
    """Return the OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "evm-dex order history",
            "version": str(VERSION),
            "description": "Amounts are decimal strings in smallest units; times are seconds.",
        },
        "paths": {
            **{route.path: {"get": _operation(route)} for route in ROUTES},
            UPDATES: {
                "get": {
                    "summary": "WebSocket: every update after an event id, live",
                    "parameters": [_parameter("after", "query"), _parameter("user", "query")],
                    "responses": {"101": {"description": "One document Update per message."}},
                }
            },
            "/health": {"get": _plain("How the service is; 503 while it cannot work", "Health")},
            "/metrics": {"get": _plain("Figures as Prometheus text")},
            "/openapi.json": {"get": _plain("This document")},
        },
        "components": {"schemas": _schemas()},
    }


def _operation(route: Route) -> Schema:
    in_path = re.findall(r"{(\w+)}", route.path)
    return {
        "summary": route.summary,
        "parameters": [
            *(_parameter(name, "path") for name in in_path),
            *(_parameter(name, "query") for name in route.query),
        ],
        "responses": {
            "200": _content("What was asked.", route.schema),
            "400": _content("Something in the query cannot be read.", "Error"),
            "404": _content("There is nothing of that kind.", "Error"),
            "503": _content("The store is away; ask again later.", "Error"),
        },
    }


def _parameter(name: str, where: str) -> Schema:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": PARAMETERS[name],
        "schema": {"type": "string"},
    }


def _plain(summary: str, schema: str | None = None) -> Schema:
    found: Schema = _content(summary, schema) if schema else {"description": summary}
    return {"summary": summary, "responses": {"200": found}}


def _content(description: str, schema: str) -> Schema:
    return {
        "description": description,
        "content": {"application/json": {"schema": _reference(schema)}},
    }


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas() -> Schema:
    updates = {"type": "array", "items": _reference("Update")}
    rows = {"type": "array", "items": _reference("MarketTotals")}
    balances = {"type": "array", "items": _reference("BalanceUpdate")}
    update = _reference("Update")
    text: Schema = {"type": "string"}
    return {
        "Update": _object(_update_fields()),
        "UndoneTotals": _object(_totals()),
        "MarketTotals": _object(
            {"exchange": text, "market": _BYTES, **_totals(), "last_event_id": _NUMBER}
        ),
        "Orders": _object({"version": _NUMBER, "orders": updates}),
        "Page": _object(
            {"version": _NUMBER, "updates": updates, "next": {"type": ["string", "null"]}}
        ),
        "Stream": _object({"version": _NUMBER, "updates": updates, "last": _NUMBER}),
        "Totals": _object({"version": _NUMBER, "statistics": rows}),
        "Order": _object(
            {
                "version": _NUMBER,
                "order": {"anyOf": [update, {"type": "null"}]},
                "changes": updates,
                "fills": updates,
            }
        ),
        "BalanceUpdate": _object(_balance_fields()),
        "Balances": _object({"version": _NUMBER, "balances": balances}),
        "BalancePage": _object(
            {"version": _NUMBER, "updates": balances, "next": {"type": ["string", "null"]}}
        ),
        "Health": {"type": "object"},
        "Error": _object({"error": text}),
    }


def _object(properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _totals() -> Schema:
    return {
        name: _AMOUNT if name in _TOTAL_AMOUNTS else _NUMBER for name in Totals.__struct_fields__
    }


def _update_fields() -> Schema:
    hints = get_type_hints(OrderUpdate)
    shown = {name: _field(name, hints[name]) for name in OrderUpdate.__struct_fields__}
    return {"version": _NUMBER, **shown, "leaves": _AMOUNT, "fee_in_base": {"type": "boolean"}}


def _balance_fields() -> Schema:
    hints = get_type_hints(BalanceUpdate)
    amounts = {"total": {"type": "string", "pattern": "^-?[0-9]+$"}, "hold": _AMOUNT}
    shown = {name: _field(name, hints[name]) for name in BalanceUpdate.__struct_fields__}
    return {"format": _NUMBER, **shown, **amounts}


def _field(name: str, hint: Any) -> Schema:
    kind = getattr(hint, "__supertype__", hint)
    if name in AMOUNTS:
        return _AMOUNT
    if isinstance(kind, UnionType):
        assert Totals in get_args(kind), "one field may be null"
        return {"anyOf": [_reference("UndoneTotals"), {"type": "null"}]}
    if kind is bool:
        return {"type": "boolean"}
    if issubclass(kind, IntEnum):
        return {"type": "string", "enum": [member.name.lower() for member in kind]}
    return _BYTES if kind is bytes else _NUMBER
