"""Recorded order flow in CSV files that name every order: Bitstamp's events, Databento's MBO.

A resting order is followed by what is left of it, so that what traded here already is not taken
away twice. Formats: obAnalytics and Bitstamp's live orders channel (`created`, `changed`,
`deleted`); Databento's schema `mbo` as CSV (actions A, C, M, T, F, R).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from evm_dex.replay.order_flow import Cancel, Instruction, Place, Remain, Take

_PRICE_PLACES, _SIZE_PLACES = 9, 8
_QUOTE_DECIMALS = 18
_NO_PRICE = (2**63 - 1, 0)


class EventFileError(ValueError):
    """A file is malformed; the message names file, line and column."""


class _Row(NamedTuple):
    """One row, by the names of its columns."""

    where: str
    values: dict[str, str]

    def text(self, *names: str) -> str:
        """Return a column, by the first of its names that there is. Raises EventFileError."""
        for name in names:
            value = self.values.get(name)
            if value is not None:
                return value.strip()
        raise EventFileError(f"{self.where}: there must be a column {' or '.join(names)}")

    def number(self, places: int, *names: str) -> int:
        """Return a column's number times 10**places. Raises EventFileError."""
        text = self.text(*names)
        try:
            scaled = Decimal(text).scaleb(places)
        except InvalidOperation as error:
            raise EventFileError(
                f"{self.where}: {names[0]} must be a number, got {text!r}"
            ) from error
        if not scaled.is_finite() or scaled != int(scaled) or scaled < 0:
            raise EventFileError(
                f"{self.where}: {names[0]} must have at most {places} decimals, got {text!r}"
            )
        return int(scaled)

    def one_of(self, name: str, meanings: dict[str, bool], *names: str) -> bool:
        """Return what a column's text means. Raises EventFileError."""
        text = self.text(*names).lower()
        if text not in meanings:
            raise EventFileError(
                f"{self.where}: {name} must be one of {', '.join(meanings)}, got {text!r}"
            )
        return meanings[text]


def read_bitstamp(path: Path) -> Iterator[Instruction]:
    """Yield the instructions of a file of order events. Raises EventFileError."""
    sides = {"bid": True, "ask": False, "0": True, "1": False}
    for row in _rows(path):
        action = row.text("action", "event").lower().removeprefix("order_")
        reference = row.text("id", "order_id")
        size = row.number(_SIZE_PLACES, "volume", "amount")
        if action == "created":
            is_buy = row.one_of("direction", sides, "direction", "order_type")
            price = row.number(_PRICE_PLACES, "price")
            if size and price:
                yield Place(reference, is_buy, size, price)
        elif action == "changed":
            yield Remain(reference, size)
        elif action == "deleted":
            yield Cancel(reference)
        else:
            raise EventFileError(
                f"{row.where}: action must be created, changed or deleted, got {action!r}"
            )


def read_databento(path: Path) -> Iterator[Instruction]:
    """Yield the instructions of an `mbo` file. Raises EventFileError."""
    left: dict[str, tuple[bool, int, int]] = {}
    for row in _rows(path):
        action, reference = row.text("action").upper(), row.text("order_id")
        size = row.number(0, "size") * 10**_SIZE_PLACES
        match action:
            case "R":
                yield from (Cancel(known) for known in left)
                left.clear()
            case "A" | "M":
                is_buy, price = _side(row), _price(row)
                before = left.get(reference)
                left[reference] = is_buy, price, size
                if before is not None and before[:2] == (is_buy, price) and size <= before[2]:
                    yield Remain(reference, size)
                    continue
                if before is not None:
                    yield Cancel(reference)
                yield Place(reference, is_buy, size, price)
            case "C":
                known = left.pop(reference, None)
                if known is not None and known[2] > size:
                    left[reference] = known[0], known[1], known[2] - size
                    yield Remain(reference, known[2] - size)
                elif known is not None:
                    yield Cancel(reference)
            case "T":
                if row.text("side").upper() in ("A", "B"):
                    yield Take(_side(row), size, _price(row))
            case "F" | "N":
                pass
            case _:
                raise EventFileError(
                    f"{row.where}: action must be A, C, M, T, F, R or N, got {action!r}"
                )


READERS: dict[str, Callable[[Path], Iterator[Instruction]]] = {
    "bitstamp-orders": read_bitstamp,
    "databento-mbo": read_databento,
}


def recorded_market() -> dict[str, Any]:
    """Return a genesis with one market: sizes of eight decimals, prices of nine."""
    return {
        "tokens": [
            {"symbol": "ASSET", "name": "Recorded asset", "decimals": _SIZE_PLACES},
            {"symbol": "USD", "name": "US dollar", "decimals": _QUOTE_DECIMALS},
        ],
        "markets": [
            {
                "base": "ASSET",
                "quote": "USD",
                "tick": 10 ** (_QUOTE_DECIMALS - _PRICE_PLACES),
                "lot": 1,
            }
        ],
    }


def _side(row: _Row) -> bool:
    return row.one_of("side", {"b": True, "a": False}, "side")


def _price(row: _Row) -> int:
    """Return a price in parts of 10**9, given so or with a decimal point."""
    text = row.text("price")
    price = row.number(_PRICE_PLACES if "." in text else 0, "price")
    if price in _NO_PRICE:
        raise EventFileError(f"{row.where}: price must be above 0, got {text!r}")
    return price


def _rows(path: Path) -> Iterator[_Row]:
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            for values in reader:
                yield _Row(f"{path}, line {reader.line_num}", values)
    except OSError as error:
        raise EventFileError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise EventFileError(f"{path}: not a CSV file: {error}") from error
