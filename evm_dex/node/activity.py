"""Outcomes of callers' transactions and calls, told to those who watch a node.

Nothing is gathered while nobody listens.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from evm_dex.abi.console_log import console_lines
from evm_dex.chain.block_store import IncludedTransaction
from evm_dex.chain.chain import Chain
from evm_dex.errors import CallFailed
from evm_dex.node.chain_events import ChainEvents, ChainUpdate
from evm_dex.node.named_contracts import NamedContracts
from evm_dex.node.rpc_errors import REVERT_REASON, halt_words
from precompiles.types import Address

_MOST_WAITING = 20_000
"""As many transactions as may wait for a block."""


class MinedNews(msgspec.Struct, frozen=True):
    """A transaction of a caller's that is in a block."""

    transaction_hash: bytes
    gas_used: int
    created: Address | None
    """The contract that it created."""
    failure: str
    """The reason it failed, by name where that is known; empty where it succeeded."""
    console: tuple[str, ...]
    """Lines that it printed."""
    block_number: int
    block_hash: bytes
    timestamp: int


class CallNews(msgspec.Struct, frozen=True):
    """A call or an estimate that failed, or printed something."""

    method: str
    failure: str = ""
    console: tuple[str, ...] = ()


News = MinedNews | CallNews
Listener = Callable[[News], object]


class Activity:
    """Tells listeners what comes of transactions and calls."""

    def __init__(self, chain: Chain, events: ChainEvents, contracts: NamedContracts) -> None:
        """`contracts` know the names of errors."""
        self._chain = chain
        self._contracts = contracts
        self._listeners: list[Listener] = []
        self._sent: dict[bytes, None] = {}
        """Hashes of transactions that no block has, in the order in which they came."""
        self._is_enabled = True
        events.on_update.append(self._mined)

    def listen(self, listener: Listener) -> None:
        """Tell a listener from here on."""
        if not self._listeners:
            self._chain.console.add(self._printed)
        self._listeners.append(listener)

    def enable(self, *, on: bool) -> None:
        """Tell, or do not, until the next time."""
        self._is_enabled = on

    def follow(self, chain: Chain) -> None:
        """Tell of another chain, which took the place of the first."""
        self._chain = chain
        self._sent.clear()
        if self._listeners:
            chain.console.add(self._printed)

    def sent(self, transaction_hash: bytes) -> None:
        """Expect a transaction in a block."""
        if self._listeners:
            self._sent[transaction_hash] = None
            if len(self._sent) > _MOST_WAITING:
                del self._sent[next(iter(self._sent))]

    @property
    def is_watched(self) -> bool:
        """True if anybody listens."""
        return self._is_enabled and bool(self._listeners)

    def call_failed(self, method: str, error: CallFailed) -> None:
        """Tell of a call that failed."""
        if self._listeners:
            self._tell(CallNews(method, self._words(error.reason, error.output)))

    def _printed(self, transaction_hash: bytes | None, calls: tuple[bytes, ...]) -> None:
        """Tell what a call printed; of a transaction it is told with the rest."""
        if transaction_hash is None:
            self._tell(CallNews("eth_call", console=console_lines(calls)))

    def _mined(self, update: ChainUpdate) -> None:
        chain = self._chain
        for header in update.headers if self._sent else ():
            for stored in chain.blocks.body(header.hash).transactions:
                if stored.hash in self._sent:
                    del self._sent[stored.hash]
                    self._tell(self._mined_news(chain.blocks.included(stored.hash)))

    def _mined_news(self, included: IncludedTransaction) -> MinedNews:
        transaction, receipt, header = included.transaction, included.receipt, included.header
        printed = self._chain.blocks.recent_console(transaction.hash) or ()
        reason = REVERT_REASON if receipt.error == "Revert" else halt_words(receipt.error)
        return MinedNews(
            transaction_hash=transaction.hash,
            gas_used=included.gas_used,
            created=transaction.create_address if receipt.succeeded else None,
            failure="" if receipt.succeeded else self._words(reason, receipt.output),
            console=console_lines(printed),
            block_number=header.block_number,
            block_hash=header.hash,
            timestamp=header.timestamp,
        )

    def _words(self, reason: str, output: bytes) -> str:
        if reason != REVERT_REASON:
            return reason
        told = self._contracts.reason(output) or (f"0x{output.hex()}" if output else "")
        return f"{reason}: {told}" if told else reason

    def _tell(self, news: News) -> None:
        if self._is_enabled:
            for listener in self._listeners:
                listener(news)
