"""What an account did in one market, in numbers that one update after the other adds to."""

from __future__ import annotations

from msgspec import Struct


class Totals(Struct, frozen=True, gc=False):
    """Counts and sums over an account's orders in one market, none below zero.

    Volume and fees are in smallest units; the fee of a spot buyer is in the market's asset, any
    other in its quote token.
    """

    orders: int = 0
    filled: int = 0
    cancelled: int = 0
    rejected: int = 0
    expired: int = 0
    partial_fills: int = 0
    """Fills that left something open."""
    volume: int = 0
    fees_in_base: int = 0
    fees_in_quote: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(a + b for a, b in zip(_values(self), _values(other), strict=True)))

    def __sub__(self, other: Totals) -> Totals:
        return Totals(*(a - b for a, b in zip(_values(self), _values(other), strict=True)))

    def as_json(self) -> dict[str, object]:
        """Counts as numbers, amounts as decimal strings, which no JSON reader rounds."""
        amounts = ("volume", "fees_in_base", "fees_in_quote")
        return {
            name: str(value) if name in amounts else value
            for name, value in zip(self.__struct_fields__, _values(self), strict=True)
        }


def _values(totals: Totals) -> tuple[int, ...]:
    return (
        totals.orders,
        totals.filled,
        totals.cancelled,
        totals.rejected,
        totals.expired,
        totals.partial_fills,
        totals.volume,
        totals.fees_in_base,
        totals.fees_in_quote,
    )


NOTHING = Totals()
