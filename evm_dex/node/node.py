"""The node itself: a chain, the accounts it signs for, and who is told of new blocks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from checkpoint.errors import StoreError
from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.chain import Chain
from evm_dex.chain.chain_reader import StateReader
from evm_dex.client.cheats.state_cheats import StateCheats
from evm_dex.errors import CallFailed, ChainError, ChainStopped, UnknownBlock
from evm_dex.node.activity import Activity
from evm_dex.node.archive_shelf import ArchiveShelf
from evm_dex.node.chain_events import ChainEvents
from evm_dex.node.filters import Filters
from evm_dex.node.forge_bridge import ForgeBridge
from evm_dex.node.named_contracts import NamedContracts
from evm_dex.node.price_history import PriceHistory
from evm_dex.node.registry import all_methods
from evm_dex.node.request_limits import Limits
from evm_dex.node.rpc_errors import INTERNAL_ERROR, RpcError, call_error, failed
from evm_dex.node.rpc_types import BlockId, plain_block
from evm_dex.node.turns import Turns, Use
from evm_dex.node.upstream import Upstream
from precompiles.types import Address

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex
    from evm_dex.origin.fork import Fork

Reopen = Callable[["Fork | None"], "Dex"]
"""Opens a chain, forked or not. Raises what opening raises."""
_logger = logging.getLogger(__name__)
CLIENT_NAMES = {"anvil": "anvil", "hardhat": "HardhatNetwork", "ganache": "Ganache", "evm-dex": ""}
"""Beginnings of a node's version: tools made for one of these look for its name."""


class Node:
    """One chain for many callers, who take turns."""

    def __init__(
        self,
        chain: Chain,
        accounts: Iterable[KeyPair] = (),
        *,
        limits: Limits | None = None,
        dex: Dex | None = None,
        cheats: bool = True,
        client_name: str = "anvil",
        reopen: Reopen | None = None,
    ) -> None:
        """`dex` is the façade of the same chain, for the methods about its exchanges.

        Without `cheats` the methods that only a test chain has are not there. `client_name` is one
        of CLIENT_NAMES. `reopen` opens a chain like the one at first, forked or not; None where it
        has to stay.
        """
        self.limits = limits or Limits()
        self.client_name = client_name
        self.methods = {
            name: method for name, method in all_methods().items() if cheats or not method.is_cheat
        }
        self.accounts: dict[Address, KeyPair] = {item.address: item for item in accounts}
        """Accounts it signs for."""
        self._block_seconds: float | None = None
        self.on_interval: list[Callable[[], object]] = []
        self.turns = Turns()
        """Whoever uses the node from one of several threads waits for a turn."""
        self.events = ChainEvents(chain, self.limits.log_results)
        self.contracts = NamedContracts()
        """Contracts that calls are told by name of."""
        self.activity = Activity(chain, self.events, self.contracts)
        """Tells what comes of callers' transactions and calls."""
        self.archives = ArchiveShelf(partial(self.turns.taken, Use.ALONE))
        """The archive for followers that begin; none without the façade."""
        self._serve(chain, dex)
        self._min_gas_price = 0
        self.was_moved = False
        """True if another chain took the place of the first."""
        self.first_fork = None if chain.origin is None else chain.origin.fork
        """The fork that the first chain was; None if it was none."""
        self.reopen = reopen
        self._upstream: Upstream | None = None

    def _serve(self, chain: Chain, dex: Dex | None) -> None:
        self.chain = chain
        self.dex = dex
        chain.share(self.turns.give_way, self.turns.exchanges)
        if chain.origin is not None:
            chain.origin.share(self.turns.while_waiting)
        self.filters = Filters(chain, self.limits)
        self.prices = PriceHistory(chain, self.events)
        self.archives.follow(dex)
        self.events.on_update.append(self.filters.update)
        self.events.on_transaction.append(self.filters.add_transaction)
        self.forge_bridge = ForgeBridge(chain)
        """The way over which forge's tests call."""

    def move_to(self, dex: Dex) -> None:
        """Serve another chain from now on, and close the one before.

        Subscriptions go on with its blocks; filters are gone.
        """
        self.events.on_update.remove(self.filters.update)
        self.events.on_transaction.remove(self.filters.add_transaction)
        self.prices.forget()
        before = self.dex
        self.was_moved = True
        self.events.follow(dex.chain)
        self._serve(dex.chain, dex)
        self.activity.follow(dex.chain)
        if before is not None:
            before.close()

    def close(self) -> None:
        """Close the chain that is served, and what is kept of it for followers."""
        self.archives.close()
        if self.dex is not None:
            self.dex.close()

    @property
    def cheats(self) -> StateCheats:
        """Cheatcodes of the chain."""
        return StateCheats(self.chain)

    def header(self, block: BlockId) -> Header:
        """Return a block's header. Raises UnknownBlock."""
        return self.chain.header(plain_block(block))

    def state(self, block: BlockId) -> StateReader:
        """Return the EVM state after a block. Raises UnknownBlock, StateMissing."""
        return self.chain.state_at(plain_block(block))

    def submit(self, transaction: Transaction) -> bytes:
        """Hand a transaction to the chain; its hash. Raises TransactionRejected, RpcError."""
        if self._min_gas_price:
            self._check_price(transaction)
        self.activity.sent(transaction.hash)
        return self.chain.send(transaction).hash

    def _check_price(self, transaction: Transaction) -> None:
        paid = transaction.effective_gas_price(self.chain.next_header().base_fee_per_gas)
        if paid < self._min_gas_price:
            raise failed(
                f"transaction underpriced: it pays {paid} wei per gas, at least "
                f"{self._min_gas_price} is asked for"
            )

    @property
    def min_gas_price(self) -> int:
        """Wei per gas that a transaction must pay at least to be taken."""
        return self._min_gas_price

    def set_min_gas_price(self, wei: int) -> None:
        """Take only transactions that pay at least so much per gas, base fee included."""
        self._min_gas_price = wei

    @property
    def upstream(self) -> Upstream | None:
        """The node that this one follows; None for one of its own."""
        return self._upstream

    def set_upstream(self, upstream: Upstream | None) -> None:
        """Follow a node, or none any more."""
        self._upstream = upstream

    @property
    def block_seconds(self) -> float | None:
        """Seconds between blocks that the server makes by the clock; None for no such blocks."""
        return self._block_seconds

    def set_block_seconds(self, seconds: float | None) -> None:
        """Choose how often a block is made by the clock."""
        self._block_seconds = seconds
        for tell in self.on_interval:
            tell()


def to_rpc_error(error: Exception) -> RpcError:
    """Return the error that a caller is told of one that a method raised."""
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
