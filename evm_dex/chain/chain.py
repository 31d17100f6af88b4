"""The chain itself: what is the head, how a block becomes durable, and when to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec
from eth.vm.forks.prague import PragueVM

from checkpoint.errors import StoreDamaged, UndoExpired
from checkpoint.head import Head
from checkpoint.metrics import RecoveryMetrics
from checkpoint.overlay_store import OverlayStore
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.chain.admission import check_admission
from evm_dex.chain.block_batch import block_batch
from evm_dex.chain.block_builder import fill, keep
from evm_dex.chain.block_import import decode_branch, encode_block, fork_of, made_again
from evm_dex.chain.block_store import BlockId, BlockStore
from evm_dex.chain.halt import Stop
from evm_dex.chain.impersonation import Impersonation
from evm_dex.chain.mempool import Dropped, Mempool
from evm_dex.chain.next_block import NextBlock, written_header
from evm_dex.chain.rollback import (
    changes_back,
    commitment_problem,
    move_ledger,
    rollback_batch,
    stored_again,
)
from evm_dex.chain.sealing import SealedBlock, Sealer
from evm_dex.chain.snapshots import Snapshot, SnapshotId, Snapshots
from evm_dex.errors import (
    SnapshotLost,
    StateMissing,
    TransactionRejected,
    UnknownBlock,
)
from evm_dex.evm.machine import Machine, State, missing_state_as
from evm_dex.evm.simulator import Attempt, Call, Prepare, Simulator
from evm_dex.evm.trie_db import NodeBuffer
from evm_dex.orderlog.outbox import Outbox
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import LedgerChanges
from precompiles.types import Address

Listener = Callable[[Head], object]
"""Called with the head each time it moved, durably: on by a block or several, or back."""


class MinedBlock(msgspec.Struct, frozen=True):
    """A block that was just made durable, and what was dropped while it was filled."""

    header: Header
    transaction_hashes: tuple[bytes, ...]
    dropped: tuple[Dropped, ...]


class Chain:
    """Prague rules with precompiles over one store, from its head on."""

    def __init__(
        self, store: OverlayStore, vm_type: type[PragueVM], ledger: Ledger, *, automine: bool = True
    ) -> None:
        """Go on from the store's head; `evm_dex.chain.open_chain` makes sure there is one.

        With `automine` each transaction sent gets a block of its own at once.
        """
        head = store.head()
        assert head is not None, "a store needs a genesis before a chain"
        self._store = store
        self.ledger = ledger
        """All rows as of the head, between blocks. Only to be read."""
        self.automine = automine
        self.keep_limit = 0
        """How much the keeper does at the beginning of a block; 0 for no keeper."""
        self.next_block = NextBlock()
        """What was chosen for the next block by hand."""
        self.interval = 1
        """Seconds from block to block."""
        self.impersonation = Impersonation()
        """Accounts whose transactions need no signature."""
        self.recovery = RecoveryMetrics()
        """What opening took and repaired."""
        self.chain_id = head.chain_id
        self.history = BlockStore(store)
        self.outbox = Outbox(store, ledger)
        """Where what happens to orders is written, for the order history."""
        self.mempool = Mempool()
        self.listeners: list[Listener] = []
        self.head = self.history.header(head.block_hash, head.height)
        self._snapshots = Snapshots()
        self._stop = Stop(lambda: self.head.block_number)
        machine = Machine(vm_type, head.chain_id, self.history.ancestors)
        self.simulator = Simulator(machine, store)
        self._sealer = Sealer(machine, NodeBuffer(store), ledger, self.outbox.record)
        self._sealer.reset(self.head)

    # Transactions and blocks

    def send_raw(self, raw: bytes) -> Transaction:
        """Admit a transaction as it comes over the wire. Raises TransactionRejected."""
        return self.send(decode(raw))

    def send(self, transaction: Transaction) -> Transaction:
        """Admit a transaction and, when automining, put it into a block.

        Raises TransactionRejected when it can't be mined; nothing has changed then.
        """
        self._stop.check()
        if transaction.hash in self.mempool:
            name = f"0x{transaction.hash.hex()}"
            raise TransactionRejected(f"already known: {name} is waiting already")
        with missing_state_as(StateMissing):
            self._admit(transaction, self.next_header(), self.next_nonce(transaction.sender))
        self.mempool.add(transaction)
        if self.automine:
            self._mine_at_once(transaction)
        return transaction

    def mine(self, timestamp: int | None = None) -> MinedBlock:
        """Put the waiting transactions, as many as fit, into one block, in order of arrival.

        `timestamp` in seconds, after the head's; default `interval` after. Those that became
        invalid are dropped and reported. Raises ValueError for the timestamp, and ChainStopped.
        """
        self._stop.check()
        header = self.next_header(timestamp)
        with self._all_or_nothing():
            dropped = self._fill(header)
            sealed = self._sealer.seal()
        self._commit(sealed)
        self.next_block = NextBlock()
        hashes = tuple(transaction.hash for transaction in sealed.transactions)
        for transaction_hash in (*hashes, *(gone.transaction_hash for gone in dropped)):
            self.mempool.remove(transaction_hash)
        self._tell_listeners()
        return MinedBlock(sealed.header, hashes, dropped)

    def write_state(self, change: Callable[[State], object]) -> Header:
        """Change state, and rows of the ledger with it, in a block of its own; its header.

        The block has no transactions, takes no time, and its state root holds the change, so it
        is durable at once and goes away by `rollback`. What waits stays where its nonce still
        fits. No other node can make such a block: it is marked. Raises what `change` raises.
        """
        self._stop.check()
        with self._all_or_nothing():
            self._sealer.begin(written_header(self.head))
            change(self._sealer.state)
            sealed = self._sealer.seal()
        self._commit(sealed)
        self.mempool.keep_valid(self.state.get_nonce)
        self._tell_listeners()
        return sealed.header

    @contextmanager
    def preview(self) -> Iterator[Sealer]:
        """The next block as it would be now, executed but not sealed, and taken back after."""
        self._stop.check()
        with missing_state_as(StateMissing):
            try:
                self._fill(self.next_header())
                yield self._sealer
            finally:
                self._sealer.reset(self.head)

    def next_header(self, timestamp: int | None = None) -> Header:
        """The next block's header before execution. Raises ValueError for the timestamp."""
        return self.next_block.header(self.head, timestamp, self.interval)

    def next_nonce(self, sender: Address) -> int:
        """The nonce of a sender's next transaction, after those that wait."""
        return self.state.get_nonce(sender) + self.mempool.count_from(sender)

    def close(self) -> None:
        """Stop, and free the ledger's memory. The store stays open."""
        self._stop.reason = "it was closed"
        self.ledger.close()

    # Going back, and other branches

    def rollback(self, block: BlockId) -> Header:
        """Make an earlier block the head again, durably and in one step; its header.

        The blocks after it and what waits are gone, and the chain goes on to another future.
        Raises UnknownBlock, UndoExpired for one too far back (naming the nearest checkpoint),
        StateMissing where its state was pruned, StoreDamaged; nothing has changed then.
        """
        header = self.header(block)
        self._rewind(header)
        self.mempool.replace(())
        self.next_block = NextBlock()
        self._tell_listeners()
        return header

    def snapshot(self, name: str | None = None) -> SnapshotId:
        """Remember head and mempool for `revert`; an id, each higher than the last, or the name."""
        self._stop.check()
        return self._snapshots.add(Snapshot(self.head, tuple(self.mempool), self.next_block), name)

    def revert(self, id_or_name: SnapshotId) -> Header:
        """Go back to a snapshot, as often as wanted; the header it was taken at.

        What `rollback` says of earlier blocks holds here.
        Raises UnknownSnapshot, and SnapshotLost where its block is not on the chain any more or
        too far back; nothing has changed then.
        """
        snapshot = self._snapshots.get(id_or_name)
        where = f"snapshot {id_or_name!r} was taken at block {snapshot.header.block_number}"
        try:
            self._rewind(self.header(snapshot.header.hash))
        except UnknownBlock as error:
            raise SnapshotLost(f"{where}, which is no longer on this chain") from error
        except (UndoExpired, StateMissing) as error:
            raise SnapshotLost(f"{where}: {error}") from error
        self.mempool.replace(snapshot.waiting)
        self.next_block = snapshot.next_block
        self._tell_listeners()
        return self.head

    def export_blocks(self, first: BlockId, last: BlockId = "latest") -> tuple[bytes, ...]:
        """Blocks `first` to `last` in RLP, for `import_blocks` of a chain with this genesis."""
        heights = range(self.header(first).block_number, self.header(last).block_number + 1)
        headers = [self.header(height) for height in heights]
        return tuple(encode_block(header, self.history.body(header.hash)) for header in headers)

    def import_blocks(self, encoded: Iterable[bytes]) -> tuple[Header, ...]:
        """Go over to a longer branch of this chain, or on along it; headers of the new blocks.

        Every block is executed, and its header must be the one that comes of that. Those that
        are known are skipped. All of it is one step: after an error, or a kill, the old head is
        the head. What waits stays where its nonce still fits. The new blocks are in memory until
        the end, so a very long way is better gone some thousand blocks at a time.

        Raises InvalidBlock, BranchNotLonger, UnknownBlock where the branch does not begin on
        this chain, UndoExpired where it begins too far back, StateMissing, StoreDamaged.
        """
        self._stop.check()
        fork, blocks = fork_of(decode_branch(encoded), self.history, self.head)
        old, commitment, batch = self.head, self.ledger.commitment, BlockBatch()
        try:
            with self._store.transaction(batch), missing_state_as(StateMissing):
                self._rewind(fork)
                for block in blocks:
                    self._commit(made_again(block, self.head, self._sealer, self._admit))
        except BaseException:
            self._move(stored_again(self._store, batch, commitment), old)
            raise
        with self._stop.on_error():
            self._store.write(batch)
        self.mempool.keep_valid(self.state.get_nonce)
        self._tell_listeners()
        return tuple(block.header for block in blocks)

    # Reading state

    @property
    def state(self) -> State:
        """The EVM state after the head. Only to be read."""
        self._stop.check()
        return self._sealer.state

    def state_at(self, block: BlockId) -> State:
        """The EVM state after a block. Only to be read. Raises UnknownBlock, StateMissing."""
        header = self.header(block)
        return self.state if header.hash == self.head.hash else self.simulator.state_at(header)

    def header(self, block: BlockId) -> Header:
        """A block's header. Raises UnknownBlock."""
        self._stop.check()
        if block == "latest":
            return self.head
        return self.history.header(block, self.head.block_number)

    def call(self, call: Call, block: BlockId = "latest", prepare: Prepare | None = None) -> bytes:
        """What a call would return after a block; leaves no trace.

        Gas is free unless the call names a fee; `prepare` is given the state before the call.
        Raises CallFailed, UnknownBlock, UndoExpired for a block too far back, and StateMissing.
        """
        return self.attempt(call, block, prepare).returned()

    def attempt(
        self, call: Call, block: BlockId = "latest", prepare: Prepare | None = None
    ) -> Attempt:
        """What comes of a call, also when it fails; raises CallFailed only if it can't begin."""
        header = self.header(block)
        with missing_state_as(StateMissing), self._ledger_after(header):
            return self.simulator.attempt(call, header, prepare)

    def estimate_gas(
        self, call: Call, block: BlockId = "latest", prepare: Prepare | None = None
    ) -> int:
        """A gas limit with which a transaction succeeds after a block; leaves no trace.

        Raises like `call`.
        """
        header = self.header(block)
        with missing_state_as(StateMissing), self._ledger_after(header):
            return self.simulator.estimate_gas(call, header, prepare)

    @contextmanager
    def ledger_at(self, block: BlockId) -> Iterator[Ledger]:
        """The ledger as it was after a block, inside the context. Only to be read."""
        with self._ledger_after(self.header(block)):
            yield self.ledger

    @contextmanager
    def _ledger_after(self, header: Header) -> Iterator[None]:
        self._store.check_reach(header.block_number)
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
        self._sealer.begin(header)
        kept = keep(self._sealer, self.ledger, self.chain_id, self.keep_limit)
        return (*kept, *fill(self._sealer, self.mempool))

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Until the block is sealed, whatever goes wrong leaves the chain at its head."""
        try:
            with missing_state_as(StateMissing):
                yield
        except StateMissing as error:
            self._stop.now(error)
        except BaseException:
            self._sealer.reset(self.head)
            raise

    def _commit(self, sealed: SealedBlock) -> None:
        """Write the block, then move on."""
        with self._stop.on_error():
            head = sealed.head(self.chain_id)
            self._store.write(block_batch(sealed, head, outbox=self.outbox))
            self.ledger.accept(sealed.changes)
        self.history.remember(sealed)
        self.head = sealed.header

    def _rewind(self, target: Header) -> None:
        """Take back all blocks after one of the chain."""
        if target.hash == self.head.hash:
            return
        self._store.check_reach(target.block_number)
        heights = range(target.block_number + 1, self.head.block_number + 1)
        changes = changes_back(self._store, self.ledger, heights)
        with missing_state_as(StateMissing):
            state = self.state_at(target.hash)
            problem = commitment_problem(state, changes.commitment, target.block_number)
        if problem:
            raise StoreDamaged(problem, f"undo rows of blocks {heights[0]} to {heights[-1]}")
        for tell in self.history.on_leaving:
            tell(heights)
        head = self._store.head()
        assert head is not None, "the chain has begun"
        batch = rollback_batch(self.history, head, target, changes, self.outbox)
        with self._stop.on_error():
            self._store.write(batch)
        self._move(changes, target)

    def _admit(self, transaction: Transaction, header: Header, nonce: int) -> None:
        """Hold a transaction against the state of the block in work."""
        self.impersonation.check(transaction)
        check_admission(
            transaction,
            chain_id=self.chain_id,
            next_header=header,
            balance=self.state.get_balance(transaction.sender),
            nonce=nonce,
        )

    def _move(self, changes: LedgerChanges, header: Header) -> None:
        """Bring what is in memory to a block that is not a child of the head."""
        with self._stop.on_error():
            self._sealer.reset(header)
            move_ledger(self.ledger, changes)
        self.head = header

    def _tell_listeners(self) -> None:
        head = self._store.head()
        assert head is not None, "the chain has begun"
        for listener in self.listeners:
            listener(head)
