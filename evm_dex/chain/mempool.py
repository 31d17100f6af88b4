"""Transactions that wait for a block, in order of arrival."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from evm_dex.blocks.transaction import Transaction
from precompiles.types import Address


class Dropped(msgspec.Struct, frozen=True):
    """A transaction that was waiting and can't be mined any more."""

    transaction_hash: bytes
    reason: str


class MempoolReader:
    """The transactions that wait, in order of arrival, to be read."""

    def __init__(self, mempool: Mempool) -> None:
        self._mempool = mempool

    def __len__(self) -> int:
        return len(self._mempool)

    def __contains__(self, transaction_hash: bytes) -> bool:
        return transaction_hash in self._mempool

    def __iter__(self) -> Iterator[Transaction]:
        return iter(self._mempool)


class Mempool:
    """First come, first served; a sender's transactions keep the order of their nonces."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Transaction] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, transaction_hash: bytes) -> bool:
        return transaction_hash in self._waiting

    def __iter__(self) -> Iterator[Transaction]:
        return iter(tuple(self._waiting.values()))

    def add(self, transaction: Transaction) -> None:
        """Put an admitted transaction at the end."""
        self._waiting[transaction.hash] = transaction

    def remove(self, transaction_hash: bytes) -> None:
        """Take one out, if it is there."""
        self._waiting.pop(transaction_hash, None)

    def drop(self, is_unwanted: Callable[[Transaction], bool]) -> bool:
        """Take some out; return whether there were any."""
        unwanted = [item.hash for item in self if is_unwanted(item)]
        for transaction_hash in unwanted:
            self.remove(transaction_hash)
        return bool(unwanted)

    def replace(self, transactions: Iterable[Transaction]) -> None:
        """Let these wait, in their order, and no others."""
        self._waiting = {transaction.hash: transaction for transaction in transactions}

    def keep_valid(self, nonce_of: Callable[[Address], int]) -> None:
        """Drop those whose nonce is not their sender's next, counting those kept before them."""
        expected: dict[Address, int] = {}
        for transaction in self:
            sender = transaction.sender
            if transaction.nonce == expected.setdefault(sender, nonce_of(sender)):
                expected[sender] += 1
            else:
                self.remove(transaction.hash)

    def count_from(self, sender: Address) -> int:
        """Return how many wait from one sender."""
        return sum(transaction.sender == sender for transaction in self._waiting.values())

    def fitting(self, fits: Callable[[Transaction], bool]) -> Iterator[Transaction]:
        """Yield those that still fit into the block being filled.

        One that does not fit holds back the later ones of its sender.
        """
        held_back: set[Address] = set()
        for transaction in self:
            if transaction.sender in held_back or not fits(transaction):
                held_back.add(transaction.sender)
            else:
                yield transaction
