"""What events lead to, worked out one after the other with rules of its own.

A rollback is undone step by step from notes of every change, not by what its event says.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from tests.history.kills.facts import SPOT, Event, Kind

Key = tuple[bytes, int, bytes]
"""User, exchange, market."""
NUMBERS = (
    *("orders", "filled", "cancelled", "rejected", "expired"),
    *("partial_fills", "volume", "fees_in_base", "fees_in_quote"),
)
_PLACE = {name: place for place, name in enumerate(NUMBERS)}
_GONE = 0
_OPEN = (1, 2, 7)
"""New, partially filled, a trigger that waits."""
_ENDED = {4: "cancelled", 5: "rejected", 6: "expired"}
_REMEMBERED = 100
"""Blocks; rollbacks go back a few."""


class OrderState(NamedTuple):
    """An order after an event."""

    event_id: int
    user: bytes
    status: int
    filled: int
    filled_quote: int

    @property
    def is_open(self) -> bool:
        """Whether it rests or waits."""
        return self.status in _OPEN


class _Note(NamedTuple):
    """What one event changed, to be undone."""

    before: OrderState | None
    key: Key
    added: tuple[tuple[int, int], ...]
    """Which number of the totals, and by how much."""
    fill: tuple[int, int] | None


class Model:
    """All tables of a history as dictionaries."""

    def __init__(self) -> None:
        self.applied = 0
        self.orders: dict[int, OrderState] = {}
        self.fills: dict[tuple[int, int], int] = {}
        """By order and trade, the event."""
        self.totals: dict[Key, list[int]] = defaultdict(lambda: [0] * len(NUMBERS))
        self.differences: list[str] = []
        self._notes: dict[int, dict[int, list[_Note]]] = {}
        """By block and order, of the last blocks."""

    def apply(self, event: Event) -> None:
        """The event after the last one."""
        self.applied += 1
        if event.kind == Kind.ROLLED_BACK:
            self._take_back(event)
            return
        before = self.orders.get(event.order_id)
        added = [("orders", 1)] if before is None else []
        fill = None
        if event.kind == Kind.TRADE:
            fill = (event.order_id, event.trade_id)
            if fill in self.fills:
                self._differs(event, "fills once more")
            self.fills[fill] = self.applied
            added += self._added_by(event)
            if before is None or before.filled + event.last_quantity != event.filled:
                self._differs(event, "its fill does not add up")
        elif event.kind == Kind.CLOSED:
            added.append((_ENDED[event.status], 1))
        key = (event.user, event.exchange, event.market)
        changes = tuple((_PLACE[name], amount) for name, amount in added)
        self._add(key, changes, 1)
        self._note(event, _Note(before, key, changes, fill))
        self.orders[event.order_id] = self._state(event)

    @staticmethod
    def _added_by(trade: Event) -> list[tuple[str, int]]:
        fee = "fees_in_base" if trade.exchange == SPOT and trade.is_buy else "fees_in_quote"
        fills = "filled" if trade.filled == trade.quantity else "partial_fills"
        return [(fills, 1), ("volume", trade.last_quote), (fee, trade.fee)]

    def _note(self, event: Event, note: _Note) -> None:
        if event.block not in self._notes:
            self._notes[event.block] = {}
            self._notes.pop(event.block - _REMEMBERED, None)
        self._notes[event.block].setdefault(event.order_id, []).append(note)

    def _take_back(self, event: Event) -> None:
        order_id = event.order_id
        state = self.orders.get(order_id)
        for block in sorted((n for n in self._notes if n > event.block), reverse=True):
            for note in reversed(self._notes[block].pop(order_id, [])):
                self._add(note.key, note.added, -1)
                if note.fill:
                    del self.fills[note.fill]
                state = note.before
        if (state.status if state else _GONE) != event.status:
            self._differs(event, "was not what it goes back to")
        if state is None:
            self.orders.pop(order_id, None)
            return
        if state[2:] != self._state(event)[2:]:
            self._differs(event, "was not filled as far as it goes back to")
        self.orders[order_id] = self._state(event)

    def _add(self, key: Key, changes: tuple[tuple[int, int], ...], sign: int) -> None:
        numbers = self.totals[key]
        for place, amount in changes:
            numbers[place] += sign * amount

    def _state(self, event: Event) -> OrderState:
        return OrderState(self.applied, event.user, event.status, event.filled, event.filled_quote)

    def _differs(self, event: Event, what: str) -> None:
        self.differences.append(f"event {self.applied}: order {event.order_id} {what}")
