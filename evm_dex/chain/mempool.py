"""Transactions that wait for a block: by sender and nonce, best paid first.

A block takes what pays its coinbase most per gas, among equals what arrived first, and each
sender's in order of nonce. One whose nonce is ahead of its sender's next waits until the gap is
closed ("queued", as geth calls it; the others are "pending"). In a full pool the cheapest gives way
to one that pays more (`pool_room.py`). The order follows from the operations alone.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec

from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.pool_room import Cheapest, Waiting, price
from evm_dex.errors import TransactionRejected, UnknownTransaction
from precompiles.types import Address

NonceOf = Callable[[Address], int]
"""The nonce of an account's next transaction, by a state."""

_BUMP_PERCENT = 10
"""Percentage that a replacement must pay more, like geth's price bump."""


class Dropped(msgspec.Struct, frozen=True):
    """A transaction that was waiting and can't be mined any more."""

    transaction_hash: bytes
    reason: str


class PoolLimits(msgspec.Struct, frozen=True):
    """Most transactions that may wait."""

    transactions: int = 20_000
    of_one_sender: int = 5_000


class _SenderQueue:
    """One sender's transactions by nonce, and how far they follow on from its next."""

    __slots__ = ("_end", "_start", "by_nonce")

    def __init__(self) -> None:
        self.by_nonce: dict[int, Waiting] = {}
        self._start = self._end = 0

    def run(self, start: int) -> range:
        """Return the nonces from `start` on without a gap."""
        if not self._start <= start <= self._end:
            self._end = start
        self._start = start
        while self._end in self.by_nonce:
            self._end += 1
        return range(start, self._end)

    def remove(self, nonce: int) -> None:
        del self.by_nonce[nonce]
        if self._start <= nonce < self._end:
            self._end = nonce


class Mempool:
    """Waiting transactions of any number of senders; a chain may have several."""

    def __init__(self, nonce_of: NonceOf, limits: PoolLimits | None = None) -> None:
        """`nonce_of` is that of the head's state."""
        self._nonce_of = nonce_of
        self._limits = limits or PoolLimits()
        self._by_hash: dict[bytes, Transaction] = {}
        """Iterate in order of arrival."""
        self._senders: dict[Address, _SenderQueue] = {}
        self._arrivals = itertools.count()
        self._cheapest = Cheapest(self._waits)
        self._version = 0
        self._additions: list[Transaction] = []
        """The last changes, as far as they added transactions and did nothing else."""

    def __len__(self) -> int:
        return len(self._by_hash)

    def __contains__(self, transaction_hash: bytes) -> bool:
        return transaction_hash in self._by_hash

    def __iter__(self) -> Iterator[Transaction]:
        """Yield all that waits, in order of arrival."""
        return iter(tuple(self._by_hash.values()))

    @property
    def version(self) -> int:
        """A number that grows with each change."""
        return self._version

    # Reading

    def added_since(self, version: int) -> list[Transaction] | None:
        """Return what was added since a version; None where anything else changed too."""
        count = self._version - version
        return self._additions[-count:] if 0 < count <= len(self._additions) else None

    def get(self, transaction_hash: bytes) -> Transaction | None:
        """Return a transaction that waits; None where there is none of that hash."""
        return self._by_hash.get(transaction_hash)

    def at_nonce(self, sender: Address, nonce: int) -> Transaction | None:
        """Return a sender's transaction with a nonce; None where none waits."""
        queue = self._senders.get(sender)
        waiting = queue and queue.by_nonce.get(nonce)
        return waiting.transaction if waiting else None

    def check_gone(self, transaction_hash: bytes) -> None:
        """Raise UnknownTransaction for one that waits, and so has no receipt yet."""
        if transaction_hash in self._by_hash:
            name = f"0x{transaction_hash.hex()}"
            raise UnknownTransaction(f"{name} waits for a block: mine() makes one")

    def next_nonce(self, sender: Address) -> int:
        """Return the nonce after a sender's pending transactions: the first that is missing."""
        start, queue = self._nonce_of(sender), self._senders.get(sender)
        return start if queue is None else queue.run(start).stop

    def pending(self) -> Iterator[Transaction]:
        """Yield those whose turn can come now, by sender and nonce."""
        for sender, queue in self._senders.items():
            for nonce in queue.run(self._nonce_of(sender)):
                yield queue.by_nonce[nonce].transaction

    def queued(self) -> Iterator[Transaction]:
        """Yield those that wait for earlier ones of their sender, by sender and nonce."""
        for sender, queue in self._senders.items():
            run = queue.run(self._nonce_of(sender))
            for nonce in sorted(queue.by_nonce):
                if nonce not in run:
                    yield queue.by_nonce[nonce].transaction

    def best_first(
        self, base_fee: int, nonce_of: NonceOf, fits: Callable[[Transaction], bool]
    ) -> Iterator[Transaction]:
        """Yield what a block takes, in its order, while the block is filled with it.

        `nonce_of` is by the state of the block in work. One that does not fit, can't pay the base
        fee, or is not its sender's next holds back the later ones of its sender.
        """
        heap: list[tuple[int, int, Transaction]] = []

        def offer(queue: _SenderQueue, nonce: int) -> None:
            waiting = queue.by_nonce.get(nonce)
            if waiting is not None and waiting.transaction.max_fee_per_gas >= base_fee:
                tip = waiting.transaction.effective_gas_price(base_fee) - base_fee
                heapq.heappush(heap, (-tip, waiting.arrival, waiting.transaction))

        for sender, queue in self._senders.items():
            offer(queue, nonce_of(sender))
        while heap:
            transaction = heapq.heappop(heap)[-1]
            sender, nonce = transaction.sender, transaction.nonce
            if nonce_of(sender) == nonce and fits(transaction):
                yield transaction
                offer(self._senders[sender], nonce + 1)

    # Changing

    def add(self, transaction: Transaction, base_fee: int) -> tuple[Transaction, ...]:
        """Let an admitted transaction wait, in place of one with its nonce.

        Where as many wait as may, the cheapest at the next block's base fee gives way to it.
        Returns those whose turn can come by that: it, and those that waited for it; none where it
        waits for earlier ones itself. Raises TransactionRejected where a replacement pays too
        little, and where there is no room.
        """
        sender, nonce = transaction.sender, transaction.nonce
        start, queue = self._nonce_of(sender), self._senders.get(sender)
        old = None if queue is None else queue.by_nonce.get(nonce)
        if old is not None:
            _check_replacement(old.transaction, transaction)
            del self._by_hash[old.transaction.hash]
            self._changed()
        else:
            self._make_room(transaction, base_fee, 0 if queue is None else len(queue.by_nonce))
            queue = self._senders.get(sender)
        if queue is None:
            queue = self._senders[sender] = _SenderQueue()
        before = queue.run(start).stop
        self._put(queue, transaction)
        end = queue.run(start).stop
        first = nonce if old is not None and nonce < end else before
        last = first + 1 if old is not None and nonce < end else end
        return tuple(queue.by_nonce[at].transaction for at in range(first, last))

    def check_new(self, transaction: Transaction) -> None:
        """Raise TransactionRejected for one that waits already."""
        if transaction.hash in self._by_hash:
            name = f"0x{transaction.hash.hex()}"
            raise TransactionRejected(f"already known: {name} is waiting already")

    def remove(self, transaction_hash: bytes) -> None:
        """Take one out, if it is there; its sender's later ones wait for its place to be filled."""
        transaction = self._by_hash.pop(transaction_hash, None)
        if transaction is None:
            return
        self._changed()
        queue = self._senders[transaction.sender]
        queue.remove(transaction.nonce)
        if not queue.by_nonce:
            del self._senders[transaction.sender]

    def drop(self, is_unwanted: Callable[[Transaction], bool]) -> bool:
        """Take some out; return whether there were any."""
        unwanted = [item.hash for item in self if is_unwanted(item)]
        for transaction_hash in unwanted:
            self.remove(transaction_hash)
        return bool(unwanted)

    def drop_used(self) -> tuple[Dropped, ...]:
        """Take out those whose nonce the head's state has gone past."""
        dropped = []
        for sender, queue in tuple(self._senders.items()):
            following = self._nonce_of(sender)
            for nonce in sorted(nonce for nonce in queue.by_nonce if nonce < following):
                transaction_hash = queue.by_nonce[nonce].transaction.hash
                self.remove(transaction_hash)
                reason = f"nonce too low: it is {nonce}, the sender's next is {following}"
                dropped.append(Dropped(transaction_hash, reason))
        return tuple(dropped)

    def replace_all(self, transactions: Iterable[Transaction]) -> None:
        """Let these wait, in their order of arrival, and no others."""
        self._changed()
        self._by_hash.clear()
        self._senders.clear()
        self._cheapest.forget()
        for transaction in transactions:
            self._put(self._senders.setdefault(transaction.sender, _SenderQueue()), transaction)

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Let nothing wait inside, and afterwards again what waited, but for used nonces."""
        waiting = tuple(self)
        self.replace_all(())
        try:
            yield
        finally:
            self.replace_all(waiting)
            self.drop_used()

    def _put(self, queue: _SenderQueue, transaction: Transaction) -> None:
        self._version += 1
        self._additions.append(transaction)
        self._by_hash[transaction.hash] = transaction
        waiting = queue.by_nonce[transaction.nonce] = Waiting(transaction, next(self._arrivals))
        self._cheapest.add(waiting, len(self))

    def _changed(self) -> None:
        """Note a change other than an addition."""
        self._version += 1
        self._additions.clear()

    def _waits(self, waiting: Waiting) -> bool:
        transaction = waiting.transaction
        queue = self._senders.get(transaction.sender)
        return queue is not None and queue.by_nonce.get(transaction.nonce) is waiting

    def _make_room(self, transaction: Transaction, base_fee: int, of_sender: int) -> None:
        """Have room for one more of a sender that has so many. Raises TransactionRejected."""
        limits = self._limits
        if of_sender >= limits.of_one_sender:
            raise TransactionRejected(
                f"account limit exceeded: {limits.of_one_sender} transactions of the sender wait; "
                "mine, or drop some"
            )
        if len(self) < limits.transactions:
            return
        everyone = (it for queue in self._senders.values() for it in queue.by_nonce.values())
        found = self._cheapest.find(base_fee, everyone)
        if found is None:
            raise TransactionRejected("txpool is full: none may wait; mine at once")
        self._check_gives_way(found.transaction, transaction, base_fee)
        self.remove(found.transaction.hash)

    def _check_gives_way(
        self, cheapest: Transaction, transaction: Transaction, base_fee: int
    ) -> None:
        """Raise TransactionRejected where the cheapest of a full pool does not give way."""
        full = f"{len(self)} transactions wait"
        offered, paid = price(transaction, base_fee), price(cheapest, base_fee)
        if offered <= paid:
            raise TransactionRejected(
                f"transaction underpriced: {full}, and the cheapest pays {paid[0]} wei per gas "
                f"beside the base fee, got {offered[0]}: pay more, mine, or drop some"
            )
        sender, nonce = transaction.sender, transaction.nonce
        if cheapest.sender == sender and cheapest.nonce < nonce:
            raise TransactionRejected(
                f"txpool is full: {full}, and the cheapest comes before this one: "
                "replace it by one that pays more, mine, or drop some"
            )
        following = self.next_nonce(sender)
        if nonce > following and cheapest.nonce < self.next_nonce(cheapest.sender):
            raise TransactionRejected(
                f"future transaction tries to replace pending transaction: {full}; "
                f"send the one with nonce {following} first, mine, or drop some"
            )


class MempoolReader:
    """The transactions that wait, to be read; `Mempool` documents each method."""

    def __init__(self, mempool: Mempool) -> None:
        self._mempool = mempool
        self.get = mempool.get
        self.at_nonce = mempool.at_nonce
        self.check_gone = mempool.check_gone
        self.pending = mempool.pending
        self.queued = mempool.queued

    def __len__(self) -> int:
        return len(self._mempool)

    def __contains__(self, transaction_hash: bytes) -> bool:
        return transaction_hash in self._mempool

    def __iter__(self) -> Iterator[Transaction]:
        """Yield all that waits, in order of arrival."""
        return iter(self._mempool)


def _check_replacement(old: Transaction, new: Transaction) -> None:
    """Raise TransactionRejected unless every fee is at least a tenth higher, and higher at all."""
    for name, what in (
        ("max_fee_per_gas", "max fee per gas"),
        ("max_priority_fee_per_gas", "priority fee per gas"),
        ("max_fee_per_blob_gas", "max fee per blob gas"),
    ):
        before, offered = getattr(old, name), getattr(new, name)
        needed = max(-(-before * (100 + _BUMP_PERCENT) // 100), before + 1)
        if name == "max_fee_per_blob_gas" and not old.blob_versioned_hashes:
            needed = 0
        if offered < needed:
            raise TransactionRejected(
                f"replacement transaction underpriced: {what} must be at least {needed} to replace "
                f"0x{old.hash.hex()}, got {offered}"
            )
