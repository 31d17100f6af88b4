"""Indexes that find positions, triggers and endangered accounts without a scan.

All three follow their tables through every change, undone ones included, so they need no
journal of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sortedcontainers import SortedList

from precompiles.ledger.perp.records import Position, Trigger
from precompiles.types import Address, PositionKind

_LAST_UNIT = b"\xff" * 21


class _IdsBy:
    """Ids by some key, ascending."""

    __slots__ = ("ids",)

    def __init__(self) -> None:
        self.ids: dict[bytes, SortedList[int]] = {}

    def of(self, key: bytes) -> tuple[int, ...]:
        """Return the ids of a key, ascending."""
        return tuple(self.ids.get(key, ()))

    def add(self, key: bytes, row_id: int) -> None:
        self.ids.setdefault(key, SortedList()).add(row_id)

    def discard(self, key: bytes, row_id: int) -> None:
        ids = self.ids[key]
        ids.remove(row_id)
        if not ids:
            del self.ids[key]


class PositionIndex:
    """Open positions by account and by market."""

    __slots__ = ("by_market", "by_owner", "cross", "netting")

    def __init__(self) -> None:
        self.netting: dict[tuple[Address, Address], int] = {}
        """(owner, asset) → the position that orders change."""
        self.cross = _IdsBy()
        """By owner: those that share the account's cash."""
        self.by_owner = _IdsBy()
        self.by_market = _IdsBy()

    def count(self) -> int:
        """Count the open positions."""
        return sum(len(ids) for ids in self.by_market.ids.values())

    def changed(self, position_id: int, before: Position | None, after: Position | None) -> None:
        """Follow the position table."""
        was_open = before is not None and before.is_open
        is_open = after is not None and after.is_open
        if was_open and not is_open:
            assert before is not None
            self._discard(before)
        elif is_open and not was_open:
            assert after is not None
            self._add(after)
        elif is_open:
            assert before is not None
            assert after is not None
            assert (before.owner, before.asset, before.kind) == (
                after.owner,
                after.asset,
                after.kind,
            ), f"position {position_id} may not change hands"

    def _add(self, position: Position) -> None:
        self.by_owner.add(position.owner, position.id)
        self.by_market.add(position.asset, position.id)
        if position.kind == PositionKind.CROSS:
            self.cross.add(position.owner, position.id)
        if position.kind != PositionKind.STANDALONE:
            self.netting[position.owner, position.asset] = position.id

    def _discard(self, position: Position) -> None:
        self.by_owner.discard(position.owner, position.id)
        self.by_market.discard(position.asset, position.id)
        if position.kind == PositionKind.CROSS:
            self.cross.discard(position.owner, position.id)
        # Rows may be restored in any order: the place may already be another position's.
        name = (position.owner, position.asset)
        if self.netting.get(name) == position.id:
            del self.netting[name]


class TriggerIndex:
    """Waiting triggers by market and price."""

    __slots__ = ("falling", "rising")

    def __init__(self) -> None:
        self.rising: dict[bytes, SortedList[tuple[int, int]]] = {}
        """(price, id): fire at the price or above."""
        self.falling: dict[bytes, SortedList[tuple[int, int]]] = {}
        """(-price, id): fire at the price or below."""

    def changed(self, trigger_id: int, before: Trigger | None, after: Trigger | None) -> None:
        """Follow the trigger table."""
        if before is not None:
            side, key = self._place(before)
            side[before.asset].remove((key, trigger_id))
            if not side[before.asset]:
                del side[before.asset]
        if after is not None:
            side, key = self._place(after)
            side.setdefault(after.asset, SortedList()).add((key, trigger_id))

    def due(self, asset: bytes, lowest: int, highest: int) -> Iterator[int]:
        """Ids of the triggers of a market that all prices from `lowest` to `highest` reach."""
        for side, key in ((self.rising, lowest), (self.falling, -highest)):
            for price, trigger_id in side.get(asset, ()):
                if price > key:
                    break
                yield trigger_id

    def _place(self, trigger: Trigger) -> tuple[dict[bytes, SortedList[tuple[int, int]]], int]:
        if trigger.fires_above:
            return self.rising, trigger.trigger_price
        return self.falling, -trigger.trigger_price


def margin_group_key(position: Position) -> bytes:
    """Key of a position's margin group: its account's cross positions, or itself alone."""
    return position.id.to_bytes(8, "big") if position.has_own_cash else position.owner


class Alarm(NamedTuple):
    """An oracle price at which a margin group must be checked again."""

    asset: bytes
    rings_above: bool
    """True if it rings at this price and above, or at this price and below."""
    price: int


class Watchlist:
    """The margin groups to check in order to find all that can be liquidated.

    Only hints: a group that is not listed here is safe, one that is may be safe too. After a look
    a safe group leaves alarms; whatever changes its rows lists it again. Since being listed too
    often does no harm, nothing here is ever undone.
    """

    __slots__ = ("_alarms", "_falling", "_rising", "touched")

    def __init__(self) -> None:
        self.touched: set[bytes] = set()
        """Margin groups whose rows changed since their last check."""
        self._falling: dict[bytes, SortedList[tuple[int, bytes]]] = {}
        self._rising: dict[bytes, SortedList[tuple[int, bytes]]] = {}
        self._alarms: dict[bytes, list[Alarm]] = {}

    def touch(self, group: bytes) -> None:
        """Mark a margin group whose rows changed."""
        self.touched.add(group)

    def endangered(self, asset: bytes, price: int) -> set[bytes]:
        """Units whose alarm in a market rings at an oracle price."""
        above = self._rising.get(asset, SortedList()).irange(maximum=(price, _LAST_UNIT))
        below = self._falling.get(asset, SortedList()).irange(minimum=(price, b""))
        return {group for _, group in (*above, *below)}

    def watch(self, group: bytes, alarms: list[Alarm]) -> None:
        """Replace a margin group's alarms after a look that found it safe."""
        for alarm in self._alarms.pop(group, ()):
            self._side(alarm)[alarm.asset].remove((alarm.price, group))
        if alarms:
            self._alarms[group] = alarms
        for alarm in alarms:
            self._side(alarm).setdefault(alarm.asset, SortedList()).add((alarm.price, group))
        self.touched.discard(group)

    def _side(self, alarm: Alarm) -> dict[bytes, SortedList[tuple[int, bytes]]]:
        return self._rising if alarm.rings_above else self._falling
