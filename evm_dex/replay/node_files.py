"""Files of Hyperliquid's node: order statuses, raw book diffs, and snapshots of all orders (L4).

Each line of a file is one event, or with `--batch-by-block` all events of a block under `events`.
A snapshot is a JSON list of coins, each with its bids and asks, each of those a list of orders
with their users; it may come behind its height. Format: hyperliquid-dex/node, README, and what
order_book_server reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

_Decimal = Annotated[str, Meta(pattern=r"^[0-9]{1,24}(\.[0-9]{1,12})?$")]


class NodeFileError(ValueError):
    """A file is malformed; the message names file, line and field."""


class NodeOrder(Struct, frozen=True, rename="camel"):
    """An order as the node writes it."""

    coin: str
    side: Annotated[str, Meta(pattern="^[AB]$")]
    limit_px: _Decimal
    sz: _Decimal
    oid: int
    orig_sz: _Decimal = "0"
    is_trigger: bool = False
    trigger_px: str = "0"
    reduce_only: bool = False
    order_type: str = "Limit"
    tif: str | None = "Gtc"

    @property
    def is_buy(self) -> bool:
        """Whether it buys."""
        return self.side == "B"


class OrderStatusEvent(Struct, frozen=True):
    """The status of an order at a time."""

    user: str
    status: str
    order: NodeOrder


class BookDiff(Struct, frozen=True):
    """A change of one order in the book."""

    user: str
    oid: int
    coin: str
    px: _Decimal
    raw_book_diff: str | dict[str, Any]
    side: str = ""

    @property
    def size(self) -> str | None:
        """The size that is left; None for an order that is gone."""
        if not isinstance(self.raw_book_diff, dict):
            return None
        for kind, field in (("new", "sz"), ("update", "newSz"), ("modified", "sz")):
            change = self.raw_book_diff.get(kind)
            if isinstance(change, dict) and isinstance(change.get(field), str):
                return str(change[field])
        return None


def read_statuses(path: Path) -> Iterator[OrderStatusEvent]:
    """Yield the events of an order status file. Raises NodeFileError."""
    for line, content in _events(path):
        yield _converted(path, line, content, OrderStatusEvent)


def read_diffs(path: Path) -> Iterator[BookDiff]:
    """Yield the events of a book diff file. Raises NodeFileError."""
    for line, content in _events(path):
        yield _converted(path, line, content, BookDiff)


def read_snapshot(path: Path) -> Iterator[OrderStatusEvent]:
    """Yield the orders of a snapshot as ones that are open, oldest first. Raises NodeFileError."""
    try:
        content = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise NodeFileError(f"{path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise NodeFileError(f"{path}: not JSON: {error}") from error
    if isinstance(content, list) and len(content) == 2 and isinstance(content[0], int):
        content = content[1]
    found = [
        _converted(path, 1, {"user": user, "status": "open", "order": order}, OrderStatusEvent)
        for user, order in _snapshot_orders(path, content)
    ]
    yield from sorted(found, key=lambda event: event.order.oid)


def _snapshot_orders(path: Path, content: Any) -> Iterator[tuple[Any, Any]]:
    try:
        for _, sides in content:
            for side in sides:
                for entry in side:
                    if isinstance(entry, dict):
                        yield entry["user"], entry.get("order", entry)
                    else:
                        user, order = entry
                        yield user, order
    except (TypeError, ValueError, KeyError) as error:
        raise NodeFileError(
            f"{path}: expected coins, each with bids and asks, each with [user, order]"
        ) from error


def _events(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        with path.open("rb") as file:
            for line, text in enumerate(file, start=1):
                if not text.strip():
                    continue
                try:
                    content = msgspec.json.decode(text)
                except msgspec.DecodeError as error:
                    raise NodeFileError(f"{path}, line {line}: not JSON: {error}") from error
                events = content.get("events") if isinstance(content, dict) else None
                for event in [content] if events is None else events:
                    yield line, event
    except OSError as error:
        raise NodeFileError(f"{path}: {error.strerror}") from error


def _converted(path: Path, line: int, content: Any, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise NodeFileError(f"{path}, line {line}: {error}") from error
