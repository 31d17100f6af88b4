"""Where positions, triggers and endangered accounts are found without a scan.

All three follow their tables through every change, those taken back included, so they need no
journal of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from sortedcontainers import SortedList

from precompiles.ledger.perp_records import Position, Trigger
from precompiles.types import ZERO_ADDRESS, Address, PositionKind

_LAST_ADDRESS = Address(b"\xff" * 20)


class _IdsBy:
    """Ids by some key, ascending."""

    __slots__ = ("ids",)

    def __init__(self) -> None:
        self.ids: dict[bytes, SortedList[int]] = {}

    def of(self, key: bytes) -> tuple[int, ...]:
        """The ids of a key, ascending."""
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
        """(price, id): fire once the mark is at least the price."""
        self.falling: dict[bytes, SortedList[tuple[int, int]]] = {}
        """(-price, id): fire once the mark is at most the price."""

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

    def due(self, asset: bytes, mark: int) -> Iterator[int]:
        """Ids of the triggers of a market that fire at a mark price."""
        for side, key in ((self.rising, mark), (self.falling, -mark)):
            for price, trigger_id in side.get(asset, ()):
                if price > key:
                    break
                yield trigger_id

    def _place(self, trigger: Trigger) -> tuple[dict[bytes, SortedList[tuple[int, int]]], int]:
        if trigger.fires_above:
            return self.rising, trigger.trigger_price
        return self.falling, -trigger.trigger_price


class Watchlist:
    """Which accounts have to be looked at to find all that can be liquidated.

    Only hints: an account that is not listed here is safe, one that is may be safe too. After a
    look an account gives, for each of its positions, the mark prices between which it needs no
    other look; whatever changes its rows lists it again. Since being listed too often does no
    harm, nothing here is ever taken back.
    """

    __slots__ = ("_alarms", "_falling", "_rising", "touched")

    def __init__(self) -> None:
        self.touched: set[Address] = set()
        """Accounts whose rows changed since they were looked at."""
        self._falling: dict[bytes, SortedList[tuple[int, Address]]] = {}
        self._rising: dict[bytes, SortedList[tuple[int, Address]]] = {}
        self._alarms: dict[Address, list[tuple[bytes, bool, int]]] = {}

    def touch(self, user: Address) -> None:
        """An account's rows changed."""
        self.touched.add(user)

    def endangered(self, asset: bytes, mark: int) -> set[Address]:
        """Accounts whose alarm in a market goes off at a mark price."""
        above = self._rising.get(asset, SortedList()).irange(maximum=(mark, _LAST_ADDRESS))
        below = self._falling.get(asset, SortedList()).irange(minimum=(mark, ZERO_ADDRESS))
        return {user for _, user in (*above, *below)}

    def watch(self, user: Address, alarms: list[tuple[bytes, bool, int]]) -> None:
        """Replace an account's alarms: (asset, whether it rings above, price)."""
        for asset, rings_above, price in self._alarms.pop(user, ()):
            self._side(rings_above)[asset].remove((price, user))
        if alarms:
            self._alarms[user] = alarms
        for asset, rings_above, price in alarms:
            self._side(rings_above).setdefault(asset, SortedList()).add((price, user))
        self.touched.discard(user)

    def _side(self, rings_above: bool) -> dict[bytes, SortedList[tuple[int, Address]]]:
        return self._rising if rings_above else self._falling
