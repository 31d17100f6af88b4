"""What order flow consists of, whoever made it. Amounts in lots, prices in ticks."""

from __future__ import annotations

from typing import NamedTuple

Reference = int | str
"""A flow's own name for one of its orders."""


class Place(NamedTuple):
    """A new resting order."""

    reference: Reference
    is_buy: bool
    lots: int
    ticks: int


class Reduce(NamedTuple):
    """Part of a resting order is taken back."""

    reference: Reference
    lots: int


class Cancel(NamedTuple):
    """All that is left of a resting order is taken back."""

    reference: Reference


class Take(NamedTuple):
    """An order that trades at once, at `ticks` or better, and leaves nothing behind."""

    is_buy: bool
    lots: int
    ticks: int


Instruction = Place | Reduce | Cancel | Take
