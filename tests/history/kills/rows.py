"""Totals and orders from the chain alone: its rows, and the trades in the logs of every block."""

from __future__ import annotations

from collections import defaultdict

from checkpoint.store import StoreReader
from precompiles.ledger.perp.records import PerpOrder, Trigger
from precompiles.ledger.spot import Order
from precompiles.ledger.table import TableNumber
from tests.history.kills.facts import PERP, SPOT, Kind, facts_of_block
from tests.history.kills.model import NUMBERS, Key

_FILLED, _WAITS = 3, 7
_COUNTED = {4: "cancelled", 5: "rejected", 6: "expired"}

Row = tuple[bytes, int, int, int]
"""User, status, filled, filled quote."""


class Rows:
    """Every order and trigger there is, and what users did in each market."""

    def __init__(self, chain: StoreReader) -> None:
        self.orders: dict[int, Row] = {}
        self.totals: dict[Key, list[int]] = defaultdict(lambda: [0] * len(NUMBERS))
        self._keys: dict[int, tuple[Key, bool]] = {}
        for _, value in chain.rows(TableNumber.ORDERS):
            self._take(SPOT, Order.decode(value))
        for _, value in chain.rows(TableNumber.PERP_ORDERS):
            self._take(PERP, PerpOrder.decode(value))
        for _, value in chain.rows(TableNumber.TRIGGERS):
            self._take(PERP, Trigger.decode(value))
        self._take_trades(chain)

    def _take(self, exchange: int, row: Order | PerpOrder | Trigger) -> None:
        assert row.id not in self.orders, f"order {row.id} has two rows"
        quote = 0
        if isinstance(row, Trigger):
            self.orders[row.id] = (row.owner, _WAITS, 0, 0)
        else:
            quote = row.filled_quote
            self.orders[row.id] = (row.owner, row.status, row.filled, quote)
        key = (row.owner, exchange, row.asset)
        self._keys[row.id] = (key, row.is_buy)
        self._add(key, "orders", 1)
        self._add(key, "volume", quote)
        counted = _COUNTED.get(self.orders[row.id][1])
        if counted:
            self._add(key, counted, 1)

    def _take_trades(self, chain: StoreReader) -> None:
        """The last trade of an order that is filled completed it, all others are partial."""
        head = chain.head()
        assert head is not None, "the chain has begun"
        trades: dict[int, int] = defaultdict(int)
        for height in range(1, head.height + 1):
            for fact in facts_of_block(chain, height):
                if fact.kind == Kind.TRADE:
                    trades[fact.order_id] += 1
                    key, is_buy = self._keys[fact.order_id]
                    in_base = fact.exchange == SPOT and is_buy
                    self._add(key, "fees_in_base" if in_base else "fees_in_quote", fact.fee)
        for order_id, count in trades.items():
            is_filled = self.orders[order_id][1] == _FILLED
            self._add(self._keys[order_id][0], "filled", int(is_filled))
            self._add(self._keys[order_id][0], "partial_fills", count - is_filled)

    def _add(self, key: Key, name: str, amount: int) -> None:
        self.totals[key][NUMBERS.index(name)] += amount
