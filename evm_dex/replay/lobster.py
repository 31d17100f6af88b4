"""Recorded order flow in LOBSTER's format: message and order book files.

A message is `time,type,order id,size,price,direction`: price in ten-thousandths of a dollar,
direction 1 for a buy order and -1 for a sell. An order book row is ask price, ask size, bid price,
bid size for each level, after the message of the same row. Format: LOBSTER, output description.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

from evm_dex.replay.order_flow import Cancel, Instruction, Place, Reduce, Take

_FIELDS = ("time", "type", "order id", "size", "price", "direction")
_LEVEL_FIELDS = ("ask price", "ask size", "bid price", "bid size")
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_INTEGER = re.compile(r"-?[0-9]{1,30}")
_NO_ASK, _NO_BID = 9_999_999_999, -9_999_999_999


class LobsterError(ValueError):
    """A file is malformed; the message names file, line and field."""


class MessageType(IntEnum):
    """The type of a message."""

    NEW = 1
    PARTIAL_CANCEL = 2
    DELETE = 3
    EXECUTION = 4
    HIDDEN_EXECUTION = 5
    CROSS_TRADE = 6
    HALT = 7


class Message(NamedTuple):
    """One row of a message file."""

    type: MessageType
    order_id: int
    size: int
    price: int
    is_buy: bool
    """Whether the resting order the message is about buys."""


class BookRow(NamedTuple):
    """One row of an order book file: (price, size) pairs, best first."""

    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


def read_messages(path: Path) -> list[Message]:
    """Read all messages of a file. Raises LobsterError."""
    return [_message(path, line, row) for line, row in _rows(path)]


def read_book(path: Path) -> list[BookRow]:
    """Read all rows of an order book file. Raises LobsterError."""
    return [_book_row(path, line, row) for line, row in _rows(path)]


def opening(row: BookRow, first: Message) -> Iterator[Place]:
    """Return the orders that make the book before the first message, from the row after it.

    They have no ids of their own in the data; there is one for each level.
    """
    for is_buy, levels in ((True, row.bids), (False, row.asks)):
        for price, size in levels:
            is_first = (first.type, first.is_buy, first.price) == (MessageType.NEW, is_buy, price)
            before = size - first.size if is_first else size
            if before > 0:
                yield Place(unnamed(is_buy, price), is_buy, before, price)


def unnamed(is_buy: bool, price: int) -> str:
    """Return the reference of a level's orders from before the recording."""
    return f"{'bid' if is_buy else 'ask'} {price}"


def instructions(messages: list[Message]) -> Iterator[Instruction | None]:
    """Translate messages to instructions; None for one that leaves the visible book alone.

    An execution is an incoming order of the other side. What is taken back from an order that was
    placed before the recording is taken from its level.
    """
    named: set[int] = set()
    for message in messages:
        known = message.order_id in named
        reference = message.order_id if known else unnamed(message.is_buy, message.price)
        match message.type:
            case MessageType.NEW:
                named.add(message.order_id)
                yield Place(message.order_id, message.is_buy, message.size, message.price)
            case MessageType.PARTIAL_CANCEL:
                yield Reduce(reference, message.size)
            case MessageType.DELETE:
                yield Cancel(reference) if known else Reduce(reference, message.size)
            case MessageType.EXECUTION:
                yield Take(not message.is_buy, message.size, message.price)
            case _:
                yield None


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    line = 0
    try:
        with path.open(newline="") as file:
            for line, row in enumerate(csv.reader(file), start=1):
                yield line, row
    except OSError as error:
        raise LobsterError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise LobsterError(f"{path}, line {line + 1}: not a CSV file: {error}") from error
    if line == 0:
        raise LobsterError(f"{path}: the file is empty")


def _message(path: Path, line: int, row: list[str]) -> Message:
    if len(row) != len(_FIELDS):
        raise LobsterError(
            f"{path}, line {line}: {len(row)} fields, expected {len(_FIELDS)}: {', '.join(_FIELDS)}"
        )
    if not _SECONDS.fullmatch(row[0]):
        raise LobsterError(
            f"{path}, line {line}: time is {row[0]!r}, expected seconds after midnight"
        )
    kind, order_id, size, price, direction = (
        _number(path, line, name, text) for name, text in zip(_FIELDS[1:], row[1:], strict=True)
    )
    if not MessageType.NEW <= kind <= MessageType.HALT:
        raise LobsterError(f"{path}, line {line}: type {kind}, expected 1 to 7")
    if direction not in (1, -1):
        raise LobsterError(f"{path}, line {line}: direction {direction}, expected 1 or -1")
    if kind <= MessageType.EXECUTION and (size <= 0 or price <= 0):
        raise LobsterError(f"{path}, line {line}: size {size}, price {price}, expected above 0")
    return Message(MessageType(kind), order_id, size, price, direction == 1)


def _book_row(path: Path, line: int, row: list[str]) -> BookRow:
    if not row or len(row) % 4:
        raise LobsterError(f"{path}, line {line}: {len(row)} fields, expected four for each level")
    names = (
        f"{name} of level {level}"
        for level in range(1, len(row) // 4 + 1)
        for name in _LEVEL_FIELDS
    )
    numbers = [_number(path, line, name, text) for name, text in zip(names, row, strict=True)]
    asks = [pair for pair in zip(numbers[::4], numbers[1::4], strict=True) if pair[0] != _NO_ASK]
    bids = [pair for pair in zip(numbers[2::4], numbers[3::4], strict=True) if pair[0] != _NO_BID]
    return BookRow(bids, asks)


def _number(path: Path, line: int, name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise LobsterError(f"{path}, line {line}: {name} is {text!r}, expected a number")
    return int(text)


def recorded_market() -> dict[str, Any]:
    """Return a genesis with one market whose units are those of the recording.

    One lot is one share, one tick is a ten-thousandth of a dollar.
    """
    return {
        "tokens": [
            {"symbol": "ASSET", "name": "Recorded asset", "decimals": 0},
            {"symbol": "USD", "name": "US dollar", "decimals": 4},
        ],
        "markets": [{"base": "ASSET", "quote": "USD", "tick": 1, "lot": 1}],
    }
