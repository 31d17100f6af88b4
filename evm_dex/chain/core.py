"""The chain itself: what is the head, how a block becomes durable, and when to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import msgspec
from eth.vm.forks.prague import PragueVM
from eth_utils.exceptions import ValidationError

from checkpoint.batch import BlockBatch
from checkpoint.families import Family, height_key
from checkpoint.head import Head
from checkpoint.store import Store
from evm_dex.chain.admission import check_admission
from evm_dex.chain.bodies import (
    Body,
    StoredTransaction,
    encode_body,
    encode_position,
    encode_receipts,
)
from evm_dex.chain.errors import ChainStopped, StateMissing, TransactionRejected
from evm_dex.chain.execution import Call, Simulator
from evm_dex.chain.header import Header
from evm_dex.chain.history import BlockId, History
from evm_dex.chain.mempool import Dropped, Mempool
from evm_dex.chain.nodes import NodeBuffer
from evm_dex.chain.sealing import SealedBlock, Sealer
from evm_dex.chain.transactions import Transaction, decode
from evm_dex.vm.machine import Machine, State, missing_state_as
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

Listener = Callable[[Head], object]
"""Called with the head after each durable block."""


class MinedBlock(msgspec.Struct, frozen=True):
    """A block that was just made durable, and what was dropped while it was filled."""

    header: Header
    transaction_hashes: tuple[bytes, ...]
    dropped: tuple[Dropped, ...]


class Chain:
    """Prague rules with precompiles over one store, from its head on."""

    def __init__(
        self, store: Store, vm_class: type[PragueVM], ledger: Ledger, *, automine: bool = True
    ) -> None:
        """Go on from the store's head; `evm_dex.chain.opening` makes sure there is one.

        With `automine` each transaction sent gets a block of its own at once.
        """
        head = store.head()
        assert head is not None, "a store needs a genesis before a chain"
        self._store = store
        self.ledger = ledger
        """All rows as of the head, between blocks. Only to be read."""
        self.automine = automine
        self.repairs: tuple[str, ...] = ()
        """What was wrong with the active-order index when the chain was opened, in words."""
        self.chain_id = head.chain_id
        self.history = History(store)
        self.mempool = Mempool()
        self.listeners: list[Listener] = []
        self.head = self.history.header(head.block_hash, head.height)
        self._stopped: str | None = None
        machine = Machine(vm_class, head.chain_id, self.history.ancestors)
        self._simulator = Simulator(machine, store)
        self._sealer = Sealer(machine, NodeBuffer(store), ledger)
        self._sealer.reset(self.head)

    # Transactions and blocks

    def send_raw(self, raw: bytes) -> Transaction:
        """Admit a transaction as it comes over the wire. Raises TransactionRejected."""
        return self.send(decode(raw))

    def send(self, transaction: Transaction) -> Transaction:
        """Admit a transaction and, when automining, put it into a block.

        Raises TransactionRejected when it can't be mined; nothing has changed then.
        """
        self._check_running()
        if transaction.hash in self.mempool:
            raise TransactionRejected(f"0x{transaction.hash.hex()} is waiting already")
        with missing_state_as(StateMissing):
            check_admission(
                transaction,
                chain_id=self.chain_id,
                next_header=self.head.child(),
                balance=self.state.get_balance(transaction.sender),
                nonce=self.next_nonce(transaction.sender),
            )
        self.mempool.add(transaction)
        if self.automine:
            self._mine_at_once(transaction)
        return transaction

    def mine(self, timestamp: int | None = None) -> MinedBlock:
        """Put the waiting transactions, as many as fit, into one block, in order of arrival.

        `timestamp` in seconds, after the head's; default one second after. Those that became
        invalid are dropped and reported. Raises ValueError for the timestamp, and ChainStopped.
        """
        self._check_running()
        header = self.head.child(timestamp)
        with self._all_or_nothing():
            dropped = self._fill(header)
            sealed = self._sealer.seal()
        head = self._commit(sealed)
        hashes = tuple(transaction.hash for transaction in sealed.transactions)
        for transaction_hash in (*hashes, *(gone.transaction_hash for gone in dropped)):
            self.mempool.remove(transaction_hash)
        for listener in self.listeners:
            listener(head)
        return MinedBlock(sealed.header, hashes, dropped)

    def next_nonce(self, sender: Address) -> int:
        """The nonce of a sender's next transaction, after those that wait."""
        return self.state.get_nonce(sender) + self.mempool.count_from(sender)

    def close(self) -> None:
        """Stop, and free the ledger's memory. The store stays open."""
        self._stopped = "it was closed"
        self.ledger.close()

    # Reading state

    @property
    def state(self) -> State:
        """The EVM state after the head. Only to be read."""
        self._check_running()
        return self._sealer.state

    def state_at(self, block: BlockId) -> State:
        """The EVM state after a block. Only to be read. Raises UnknownBlock."""
        header = self.header(block)
        return self.state if header.hash == self.head.hash else self._simulator.state_at(header)

    def header(self, block: BlockId) -> Header:
        """A block's header. Raises UnknownBlock."""
        self._check_running()
        if block == "latest":
            return self.head
        return self.history.header(block, self.head.block_number)

    def call(self, call: Call, block: BlockId = "latest") -> bytes:
        """What a call would return after a block; leaves no trace.

        Gas is free and the sender need not be able to pay for it. Raises CallFailed,
        UnknownBlock, UndoExpired for a block too far back, and StateMissing.
        """
        header = self.header(block)
        with missing_state_as(StateMissing), self._ledger_after(header):
            return self._simulator.call(call, header)

    def estimate_gas(self, call: Call, block: BlockId = "latest") -> int:
        """A gas limit with which a transaction succeeds after a block; leaves no trace.

        Raises like `call`.
        """
        header = self.header(block)
        with missing_state_as(StateMissing), self._ledger_after(header):
            return self._simulator.estimate_gas(call, header)

    @contextmanager
    def ledger_at(self, block: BlockId) -> Iterator[Ledger]:
        """The ledger as it was after a block, inside the context. Only to be read."""
        with self._ledger_after(self.header(block)):
            yield self.ledger

    @contextmanager
    def _ledger_after(self, header: Header) -> Iterator[None]:
        newer = range(self.head.block_number, header.block_number, -1)
        with self.ledger.at(self._store.undo(height) for height in newer):
            yield

    # Making blocks durable

    def _mine_at_once(self, transaction: Transaction) -> None:
        try:
            block = self.mine()
        finally:
            self.mempool.remove(transaction.hash)
        for dropped in block.dropped:
            if dropped.transaction_hash == transaction.hash:
                raise TransactionRejected(dropped.reason)

    def _fill(self, header: Header) -> tuple[Dropped, ...]:
        dropped = []
        self._sealer.begin(header)
        for transaction in self.mempool.fitting(self._sealer.fits):
            try:
                self._sealer.apply(transaction)
            except ValidationError as error:
                dropped.append(Dropped(transaction.hash, str(error)))
            except BaseException:
                # One that brings up a bug must not do so in every block; the others wait on.
                self.mempool.remove(transaction.hash)
                raise
        return tuple(dropped)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Until the block is sealed, whatever goes wrong leaves the chain at its head."""
        try:
            with missing_state_as(StateMissing):
                yield
        except StateMissing as error:
            self._stop(error)
        except BaseException:
            self._sealer.reset(self.head)
            raise

    def _commit(self, sealed: SealedBlock) -> Head:
        """Write the block, then move on. A write that fails leaves nothing to go on from."""
        header = sealed.header
        head = Head(
            chain_id=self.chain_id,
            height=header.block_number,
            block_hash=header.hash,
            state_root=header.state_root,
            commitment=sealed.changes.commitment,
        )
        try:
            self._store.write(block_batch(sealed, head))
            self.ledger.accept(sealed.changes)
        except BaseException as error:
            self._stop(error)
        self.head = header
        return head

    def _stop(self, error: BaseException) -> NoReturn:
        self._stopped = f"{type(error).__name__}: {error}"
        raise ChainStopped(self._stopped_message()) from error

    def _check_running(self) -> None:
        if self._stopped:
            raise ChainStopped(self._stopped_message())

    def _stopped_message(self) -> str:
        height = self.head.block_number
        return (
            f"stopped after block {height}: {self._stopped}; reopen to go on from what is durable"
        )


def block_batch(sealed: SealedBlock, head: Head, genesis: bytes = b"") -> BlockBatch:
    """Everything of a block in one batch."""
    batch = BlockBatch()
    header = sealed.header
    for key, node in sealed.nodes.items():
        batch.put(Family.NODES, key, node)
    stored = tuple(StoredTransaction(item.raw, item.sender) for item in sealed.transactions)
    batch.put(Family.HEADERS, header.hash, header.encoded)
    batch.put(Family.BODIES, header.hash, encode_body(Body(stored, genesis)))
    batch.put(Family.RECEIPTS, header.hash, encode_receipts(sealed.receipts))
    batch.put(Family.HASHES, height_key(header.block_number), header.hash)
    for index, transaction in enumerate(sealed.transactions):
        position = encode_position(header.block_number, index)
        batch.put(Family.TRANSACTIONS, transaction.hash, position)
    batch.add_ledger(sealed.changes, header.block_number)
    batch.set_head(head)
    return batch
