"""The node itself: a chain, the accounts it signs for, and who is told of new blocks."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from checkpoint.errors import StoreError
from evm_dex.blocks.dev_accounts import Account
from evm_dex.blocks.fees import effective_gas_price
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.chain import Chain
from evm_dex.client.cheats.state_cheats import Cheats
from evm_dex.errors import CallFailed, ChainError, ChainStopped, UnknownBlock
from evm_dex.evm.machine import State
from evm_dex.node.future_transactions import Queue
from evm_dex.node.registry import all_methods
from evm_dex.node.removed_logs import Leaving, RemovedLog
from evm_dex.node.request_limits import Limits
from evm_dex.node.revert_reason import call_error
from evm_dex.node.rpc_errors import INTERNAL_ERROR, RpcError, failed
from evm_dex.node.rpc_types import BlockHash, BlockId
from precompiles.types import Address

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex
    from evm_dex.node.filters import Filters

_logger = logging.getLogger(__name__)
_News = TypeVar("_News")
_REMEMBERED_BLOCKS = 4_096


class News:
    """What has just become of the chain, for filters and subscriptions."""

    def __init__(
        self,
        went_back_to: int,
        headers: tuple[Header, ...],
        removed_logs: Sequence[RemovedLog] | None = (),
    ) -> None:
        self.went_back_to = went_back_to
        """The last block that stayed."""
        self.headers = headers
        """New blocks after that one, oldest first."""
        self.removed_logs = removed_logs
        """Of blocks that were after it before, oldest first; None where they are too many."""


class Node:
    """One chain for many callers. Everything here runs on one thread, the chain's."""

    def __init__(
        self,
        chain: Chain,
        accounts: Iterable[Account] = (),
        *,
        limits: Limits | None = None,
        dex: Dex | None = None,
        cheats: bool = True,
    ) -> None:
        """`dex` is the façade of the same chain, for the methods about its exchanges.

        Without `cheats` the methods that only a test chain has are not there.
        """
        from evm_dex.node.filters import Filters  # noqa: PLC0415 - it knows the node's type

        self.chain = chain
        self.dex = dex
        self.limits = limits or Limits()
        self.methods = {
            name: method for name, method in all_methods().items() if cheats or not method.is_cheat
        }
        self.accounts: dict[Address, Account] = {item.address: item for item in accounts}
        """Accounts it signs for."""
        self.on_news: list[Callable[[News], object]] = []
        self.on_transaction: list[Callable[[Transaction], object]] = []
        """Called with each transaction that was accepted."""
        self.block_seconds: float | None = None
        """How often the server makes a block by the clock; None for never."""
        self.on_interval: list[Callable[[], object]] = []
        self.filters: Filters = Filters(self)
        self.min_gas_price = 0
        """Wei per gas that a transaction must pay at least to be taken."""
        self.queue = Queue(chain)
        self._leaving = Leaving(chain, self.limits.log_results)
        self._announced: deque[tuple[int, bytes]] = deque(maxlen=_REMEMBERED_BLOCKS)
        self._announced.append((chain.head.block_number, chain.head.hash))
        chain.listeners.append(lambda _: self._announce())

    @property
    def cheats(self) -> Cheats:
        """What only a test chain lets callers do to the chain."""
        return Cheats(self.chain)

    def header(self, block: BlockId) -> Header:
        """A block's header. Raises UnknownBlock."""
        return self.chain.header(block.block_hash if isinstance(block, BlockHash) else block)

    def state(self, block: BlockId) -> State:
        """The EVM state after a block. Only to be read. Raises UnknownBlock, StateMissing."""
        return self.chain.state_at(block.block_hash if isinstance(block, BlockHash) else block)

    def submit(self, transaction: Transaction) -> bytes:
        """Hand a transaction to the chain; its hash. Raises TransactionRejected, RpcError.

        One whose sender's earlier ones are still missing waits for those.
        """
        if self.min_gas_price:
            self._check_price(transaction)
        if self.queue.is_early(transaction):
            self.queue.add(transaction)
            return transaction.hash
        self._tell(self.chain.send(transaction))
        for promoted in self.queue.promote(transaction.sender):
            self._tell(promoted)
        return transaction.hash

    def _check_price(self, transaction: Transaction) -> None:
        paid = effective_gas_price(transaction, self.chain.next_header())
        if paid < self.min_gas_price:
            raise failed(
                f"transaction underpriced: it pays {paid} wei per gas, at least "
                f"{self.min_gas_price} is asked for"
            )

    def set_block_seconds(self, seconds: float | None) -> None:
        """Choose how often a block is made by the clock."""
        self.block_seconds = seconds
        for tell in self.on_interval:
            tell()

    def waiting(self, transaction_hash: bytes) -> Transaction | None:
        """A transaction that is not on the chain yet."""
        both = (*self.chain.mempool, *self.queue)
        return next((item for item in both if item.hash == transaction_hash), None)

    def _tell(self, transaction: Transaction) -> None:
        _tell_all(self.on_transaction, transaction)

    def _announce(self) -> None:
        """Find out what is new and tell it; a rollback or another branch went back first."""
        head, history = self.chain.head, self.chain.history
        while len(self._announced) > 1 and not history.is_on_chain(self._announced[-1][1]):
            self._announced.pop()
        stayed = min(self._announced[-1][0], head.block_number)
        heights = range(stayed + 1, head.block_number + 1)
        headers = tuple(
            head if height == head.block_number else self.chain.header(height) for height in heights
        )
        self._announced.extend((header.block_number, header.hash) for header in headers)
        _tell_all(self.on_news, News(stayed, headers, self._leaving.take()))


def _tell_all(told: Iterable[Callable[[_News], object]], news: _News) -> None:
    """What goes wrong with one listener is not the fault of who made the block."""
    for tell in tuple(told):
        try:
            tell(news)
        except Exception:
            _logger.exception("a listener failed")


def explained(error: Exception) -> RpcError:
    """What a caller is told of an error that a method raised."""
    match error:
        case RpcError():
            return error
        case CallFailed():
            return call_error(error)
        case UnknownBlock():
            return failed(f"header not found: {error}")
        case ChainStopped():
            _logger.error("%s", error)
            return RpcError(INTERNAL_ERROR, str(error))
        case ChainError() | StoreError():
            return failed(str(error))
        case _:
            _logger.exception("a method failed")
            return RpcError(INTERNAL_ERROR, f"internal error: {type(error).__name__}")
