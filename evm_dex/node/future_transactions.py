"""Transactions that came before their turn: their nonces follow ones that are still to come.

Clients that send several at once do not always get them here in order. The chain takes a sender's
transactions in order of nonce only, so the later ones wait here, in memory, for the gap to close.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.chain import Chain
from evm_dex.errors import TransactionRejected
from evm_dex.node.rpc_errors import limit_exceeded
from precompiles.types import Address

_logger = logging.getLogger(__name__)
_MOST = 1_024
_MOST_OF_ONE = 64
_FARTHEST = 1_000_000
"""How far ahead a nonce may be."""


class FutureTransactions:
    """By sender and nonce."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._waiting: dict[Address, dict[int, Transaction]] = {}

    def __iter__(self) -> Iterator[Transaction]:
        for waiting in self._waiting.values():
            yield from (waiting[nonce] for nonce in sorted(waiting))

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def is_early(self, transaction: Transaction) -> bool:
        """Return whether ones of its sender are missing before it."""
        if transaction.chain_id not in (None, self._chain.chain_id):
            return False  # for the chain to refuse
        ahead = transaction.nonce - self._chain.next_nonce(transaction.sender)
        return 0 < ahead <= _FARTHEST

    def add(self, transaction: Transaction) -> None:
        """Keep one; it takes the place of another with its nonce. Raises RpcError when full."""
        mine = self._waiting.setdefault(transaction.sender, {})
        if transaction.nonce not in mine and (len(self) >= _MOST or len(mine) >= _MOST_OF_ONE):
            if not mine:
                del self._waiting[transaction.sender]
            missing = self._chain.next_nonce(transaction.sender)
            raise limit_exceeded(
                f"too many transactions wait for earlier ones: send nonce {missing} first"
            )
        mine[transaction.nonce] = transaction

    def drop(self, is_unwanted: Callable[[Transaction], bool]) -> bool:
        """Take some out; whether there were any."""
        before = len(self)
        left = [item for item in self if not is_unwanted(item)]
        self._waiting = {}
        for item in left:
            self._waiting.setdefault(item.sender, {})[item.nonce] = item
        return len(self) < before

    def next_of(self, sender: Address) -> Transaction | None:
        """Take out the one whose turn it is; those that can't have one any more are dropped."""
        mine = self._waiting.get(sender)
        if mine is None:
            return None
        turn = self._chain.next_nonce(sender)
        for nonce in [nonce for nonce in mine if nonce < turn]:
            _logger.info("dropped 0x%s: its nonce was used", mine.pop(nonce).hash.hex())
        found = mine.pop(turn, None)
        if not mine:
            del self._waiting[sender]
        return found

    def promote(self, sender: Address) -> Iterator[Transaction]:
        """Hand to the chain all of a sender whose turn it is; those it took."""
        while (transaction := self.next_of(sender)) is not None:
            try:
                yield self._chain.send(transaction)
            except TransactionRejected as error:
                _logger.warning("dropped 0x%s: %s", transaction.hash.hex(), error)
                return
