"""Instructions of order flow, and a generator of them. Amounts in lots, prices in ticks."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

_PERCENT = 100
_PLACING, _CANCELLING, _REDUCING = 50, 85, 90
_WIDTH = 200
"""Resting orders lie within this many ticks of the mid."""
_LARGEST = 50
_REACH = 400
_MIN_MID = 10 * _REACH
_FIRST_MID = 300_000

Reference = int | str
"""A flow's own name for one of its orders."""


class Place(NamedTuple):
    """Place a resting order."""

    reference: Reference
    is_buy: bool
    lots: int
    ticks: int


class Reduce(NamedTuple):
    """Reduce a resting order."""

    reference: Reference
    lots: int


class Remain(NamedTuple):
    """Reduce a resting order to what is left of it in a recording, if that is less."""

    reference: Reference
    lots: int


class Cancel(NamedTuple):
    """Cancel what is left of a resting order."""

    reference: Reference


class Take(NamedTuple):
    """Trade at once, at `ticks` or better, and leave nothing in the book."""

    is_buy: bool
    lots: int
    ticks: int


Instruction = Place | Reduce | Remain | Cancel | Take


def generate(seed: int) -> Iterator[Instruction]:
    """Generate endless orders around a mid price, in ticks, which walks by at most one tick each.

    Half place an order, four tenths cancel or reduce one, a tenth crosses the book.

    The same seed gives the same flow on any machine.
    """
    mid = _FIRST_MID
    random = Random(seed)  # noqa: S311 - flow to trade, not secrets to keep
    live: list[int] = []
    placed = 0
    while True:
        mid = max(_MIN_MID, mid + random.randint(-1, 1))
        kind = random.randrange(_PERCENT)
        if kind < _PLACING or not live:
            placed += 1
            live.append(placed)
            is_buy = bool(random.getrandbits(1))
            distance = random.randint(1, _WIDTH)
            ticks = mid - distance if is_buy else mid + distance
            yield Place(placed, is_buy, random.randint(1, _LARGEST), ticks)
        elif kind < _CANCELLING:
            yield Cancel(live.pop(random.randrange(len(live))))
        elif kind < _REDUCING:
            yield Reduce(random.choice(live), random.randint(1, _LARGEST))
        else:
            is_buy = bool(random.getrandbits(1))
            ticks = mid + _REACH if is_buy else mid - _REACH
            yield Take(is_buy, random.randint(1, 3 * _LARGEST), ticks)
