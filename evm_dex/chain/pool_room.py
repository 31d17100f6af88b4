"""Room in a full pool: the cheapest gives way to one that pays more, as in geth.

Source of the rules and their words: go-ethereum, `core/txpool/legacypool`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

import msgspec

from evm_dex.blocks.transaction import Transaction

_MOST_STALE = 1_000
"""Entries of transactions that have left, beyond as many as wait."""

Price = tuple[int, int, int]


def price(transaction: Transaction, base_fee: int) -> Price:
    """Return what the next block gets per gas, below 0 for one that can't pay; then its fees."""
    tip = transaction.effective_gas_price(base_fee) - base_fee
    return tip, transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas


class Waiting(msgspec.Struct, frozen=True):
    """A transaction that waits; `arrival` grows from one to the next."""

    transaction: Transaction
    arrival: int


class Cheapest:
    """Finds the one that pays least; among equals the highest nonce, then the last to come.

    It begins when a pool is full for the first time, is kept up from there in O(log n), and begins
    anew when the base fee has changed: once a block, at most.
    """

    def __init__(self, waits: Callable[[Waiting], bool]) -> None:
        """Leave out those that `waits` does not know any more."""
        self._waits = waits
        self._base_fee: int | None = None
        self._heap: list[tuple[Price, int, int, Waiting]] = []

    def add(self, waiting: Waiting, count: int) -> None:
        """Take in one that came to wait, one of `count`."""
        if len(self._heap) > 2 * count + _MOST_STALE:
            self.forget()
        if self._base_fee is not None:
            heapq.heappush(self._heap, self._entry(waiting, self._base_fee))

    def find(self, base_fee: int, everyone: Iterable[Waiting]) -> Waiting | None:
        """Return the cheapest of `everyone` at a base fee; None of nobody."""
        if base_fee != self._base_fee:
            self._base_fee = base_fee
            self._heap = [self._entry(waiting, base_fee) for waiting in everyone]
            heapq.heapify(self._heap)
        while self._heap:
            waiting = self._heap[0][-1]
            if self._waits(waiting):
                return waiting
            heapq.heappop(self._heap)
        return None

    def forget(self) -> None:
        """Begin anew when it is asked again."""
        self._base_fee = None
        self._heap = []

    @staticmethod
    def _entry(waiting: Waiting, base_fee: int) -> tuple[Price, int, int, Waiting]:
        transaction = waiting.transaction
        return price(transaction, base_fee), -transaction.nonce, -waiting.arrival, waiting
