"""Blocks that are made to see what would come of them, and never kept (`eth_simulateV1`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

import msgspec
from eth.constants import MAX_PREV_HEADER_DEPTH, ZERO_HASH32
from eth_utils.exceptions import ValidationError

from evm_dex.blocks.body import Body, StoredTransaction
from evm_dex.blocks.header import Header
from evm_dex.blocks.receipt import Log, Receipt
from evm_dex.blocks.transaction import MAX_NONCE, Transaction
from evm_dex.chain.admission import check_admission
from evm_dex.chain.block_kinds import BlockKinds
from evm_dex.chain.block_store import BlockId
from evm_dex.chain.chain import Chain
from evm_dex.chain.core_steps import CoreSteps
from evm_dex.chain.sealing import Sealer
from evm_dex.errors import InvalidBlock, StateMissing, TransactionRejected
from evm_dex.evm.block_override import BlockOverride
from evm_dex.evm.config import ExecutionConfig
from evm_dex.evm.machine import missing_state_as
from evm_dex.evm.trie_db import NodeBuffer
from precompiles.types import NATIVE_COIN


class SimulatedCall(msgspec.Struct, frozen=True):
    """The outcome of a simulated transaction, beside its receipt."""

    output: bytes
    """Data it returned or reverted with."""
    max_used_gas: int
    """Gas used before refunds."""
    logs: tuple[Log, ...]
    """Transfers of the native coin among them, where they are logged; the receipt has none."""
    log_places: tuple[int, ...]
    """Index of each log in the transaction, reverted logs counted."""
    logs_made: int
    """Number of logs made, reverted ones included."""


class SimulatedBlock(msgspec.Struct, frozen=True):
    """A block that might follow, its hash included."""

    header: Header
    body: Body
    receipts: tuple[Receipt, ...]
    results: tuple[SimulatedCall | None, ...]
    """Outcomes of the transactions, in order; None for those that the chain adds itself."""


class SimulatedBlocks(Sealer):
    """Blocks on top of one of the chain, in memory alone."""

    def __init__(self, chain: Chain, base: Header, interval: int, config: ExecutionConfig) -> None:
        call_runner = chain.call_runner
        nodes = NodeBuffer(call_runner.store)
        nodes.hold(call_runner.nodes.pending)
        super().__init__(call_runner.machine, nodes, chain.ledger)
        self._chain_id = chain.chain_id
        self._interval = interval
        kinds = BlockKinds(chain.blocks, chain.ledger)
        self._following: Callable[[int], Header] = partial(kinds.child, base)
        self._steps = CoreSteps(chain.ledger, chain.chain_id, kinds)
        self._head = base
        self._hashes = [base.hash, *islice(chain.blocks.ancestors(base), MAX_PREV_HEADER_DEPTH)]
        self.state = call_runner.machine.state(nodes, base, config)

    @property
    def next_height(self) -> int:
        """Height of the next block, unless another is chosen."""
        return self._head.block_number + 1

    def open(
        self,
        chosen: BlockOverride,
        *,
        is_free: bool,
        precompiles: Mapping[bytes, Any] | None = None,
    ) -> None:
        """Begin the next block; `is_free` has its base fee 0 unless another is chosen.

        Its prevrandao is 0 unless chosen; `precompiles` are the VM's where None.
        Raises InvalidBlock for a time that is not after its parent's.
        """
        header = self._following(self._head.timestamp + self._interval)
        base_fee = 0 if is_free else header.base_fee_per_gas
        header = msgspec.structs.replace(header, base_fee_per_gas=base_fee, mix_hash=ZERO_HASH32)
        header = chosen.applied(header)
        if header.timestamp <= self._head.timestamp:
            raise InvalidBlock(
                f"block timestamps must be in order: {header.timestamp} is not after "
                f"{self._head.timestamp}"
            )
        self.state = self.state.under(
            msgspec.structs.replace(
                self.state.config, blob_base_fee=chosen.blob_base_fee, precompiles=precompiles
            )
        )
        self.begin(header, self._hashes)
        self._results: dict[int, SimulatedCall] = {}
        self._steps.begin(self)

    def execute(self, transaction: Transaction, *, is_checked: bool) -> None:
        """Execute a transaction in the block; unchecked it needs no right nonce or sender.

        Raises TransactionRejected for one that could not be in it.
        """
        header, nonce = self.header, transaction.nonce
        if is_checked:
            if nonce > MAX_NONCE:
                raise TransactionRejected(f"nonce has max value: {nonce} is above {MAX_NONCE}")
            nonce = self.state.get_nonce(transaction.sender)
        elif not transaction.max_fee_per_gas:  # its gas is free whatever the base fee
            header = msgspec.structs.replace(header, base_fee_per_gas=0)
        check_admission(
            transaction,
            chain_id=self._chain_id,
            next_header=header,
            balance=self.state.get_balance(transaction.sender),
            nonce=nonce,
        )
        if not self.fits(transaction):
            raise TransactionRejected(
                f"exceeds block gas limit: {transaction.gas} gas after {self.gas_used} of "
                f"{self.header.gas_limit}"
            )
        self._run(transaction)

    def _run(self, transaction: Transaction) -> None:
        try:
            computation, gas_used = self._machine.apply(self.state, transaction)
        except ValidationError as error:
            raise TransactionRejected(str(error)) from error
        self.include(transaction, computation, gas_used)
        receipt = self.receipts[-1]
        used = transaction.gas - computation.get_gas_remaining()
        used = self.header.rules.least_gas(used, transaction.data, creates=False)
        made: Any = computation
        places = tuple(entry[0] for entry in made.get_raw_log_entries())
        count = made.transaction_context.get_next_log_counter()
        output = bytes(computation.output)
        made_of = SimulatedCall(output, used, receipt.logs, places, count)
        self._results[len(self.receipts) - 1] = made_of
        logs = tuple(log for log in receipt.logs if log.address != NATIVE_COIN)
        self.receipts[-1] = msgspec.structs.replace(receipt, logs=logs)

    def close(self) -> SimulatedBlock:
        """End the block; the next one follows it."""
        self._steps.end(self)
        sealed = self.seal()
        self._nodes.hold(sealed.nodes)
        self._head = sealed.header
        self._following = self._head.child
        self._hashes.insert(0, sealed.header.hash)
        stored = tuple(StoredTransaction(item.raw, item.sender) for item in sealed.transactions)
        results = tuple(self._results.get(place) for place in range(len(stored)))
        return SimulatedBlock(sealed.header, Body(stored), sealed.receipts, results)


@contextmanager
def simulate_blocks(
    chain: Chain, block: BlockId, config: ExecutionConfig
) -> Iterator[SimulatedBlocks]:
    """Make blocks after one of the chain inside the context; afterwards they are gone.

    Raises UnknownBlock, UndoExpired, StateMissing.
    """
    base = chain.header(block)
    with missing_state_as(StateMissing), chain.ledger_at(block):
        yield SimulatedBlocks(chain, base, chain.interval, config)
