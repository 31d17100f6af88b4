"""Paths of a price, second by second: by a formula, from candles, or from recorded trades."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from evm_dex.market.chance import Chance
from precompiles.hyper.units import COLLATERAL_DECIMALS

SCALE = 10**9
"""Changes are in parts of it."""
_USD = 10**COLLATERAL_DECIMALS


class Shock(Struct, frozen=True):
    """A change that is spread over some seconds."""

    at: int
    """Seconds after the beginning."""
    lasts: int
    change: int
    """In all, in parts of a million: -300_000 is a fall of 30 %."""


class PathFormula(Struct, frozen=True, kw_only=True):
    """A random walk with jumps, drawn back to where it began."""

    volatility: int = 100_000
    """Standard deviation of a second's change, in parts of `SCALE`: 100_000 is a basis point."""
    drift: int = 0
    """Mean change of a second, in parts of `SCALE`."""
    reversion: int = 0
    """Part of the distance to the first price that a second takes back, in parts of a million."""
    jumps: int = 0
    """Jumps in a million seconds."""
    jump_size: int = 5_000
    """Standard deviation of a jump, in parts of a million."""
    shocks: tuple[Shock, ...] = ()


def walk(formula: PathFormula, start: int, chance: Chance) -> Iterator[int]:
    """Yield prices without end; `start` and they are in collateral for one whole unit."""
    price, second = start, 0
    while True:
        second += 1
        change = formula.drift + chance.normal(formula.volatility)
        if formula.reversion:
            change += (start - price) * SCALE // start * formula.reversion // 1_000_000
        if formula.jumps and chance.happens(formula.jumps):
            change += chance.normal(formula.jump_size) * SCALE // 1_000_000
        for shock in formula.shocks:
            if shock.at < second <= shock.at + shock.lasts:
                change += shock.change * SCALE // 1_000_000 // shock.lasts
        price = max(_USD // 10_000, price + price * change // SCALE)
        yield price


def read_candles(path: Path) -> Iterator[int]:
    """Yield a price each second along the closes of a CSV of candles.

    Its columns are `time` (seconds or milliseconds) and `close`, with a heading. Between two
    candles the price goes straight. Raises ValueError that names file and line.
    """
    with path.open(newline="") as file:
        yield from _along(_rows(path, csv.DictReader(file), "close"))


def read_trades(path: Path) -> Iterator[int]:
    """Yield the last price of each second of a CSV of trades: `time` and `price`.

    Raises ValueError that names file and line.
    """
    with path.open(newline="") as file:
        for (time, price), (following, _) in pairwise(_rows(path, csv.DictReader(file), "price")):
            for _ in range(following - time):
                yield price


def _along(points: Iterable[tuple[int, int]]) -> Iterator[int]:
    for (time, price), (following, next_price) in pairwise(points):
        length = following - time
        for second in range(1, length + 1):
            yield price + (next_price - price) * second // length


def _rows(path: Path, rows: csv.DictReader[str], column: str) -> Iterator[tuple[int, int]]:
    """Yield time in seconds, and price; a row of the same second replaces the one before."""
    last: tuple[int, int] | None = None
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        try:
            time, price = int(row["time"]), Decimal(row[column])
        except KeyError as error:
            raise ValueError(f"{where}: its columns must be time and {column}") from error
        except (InvalidOperation, TypeError, ValueError) as error:
            raise ValueError(f"{where}: time must be an integer and {column} a number") from error
        time //= 1_000 if time > 10**11 else 1
        scaled = int(price * _USD)
        if scaled <= 0:
            raise ValueError(f"{where}: {column} must be above 0, got {price}")
        if last is not None and time < last[0]:
            raise ValueError(f"{where}: its time is before that of the line above")
        if last is not None and time > last[0]:
            yield last
        last = time, scaled
    if last is not None:
        yield last
