"""The chain itself: how a block becomes durable, how it is taken back, and when to halt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from eth.vm.forks.prague import PragueVM

from checkpoint.errors import StoreDamaged, StoreSuspended, UndoExpired
from checkpoint.metrics import RecoveryMetrics
from checkpoint.overlay_store import OverlayStore
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.blob_sidecar import decode_sent
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.admission import check_admission
from evm_dex.chain.block_builder import MinedBlock, fill_block
from evm_dex.chain.block_import import common_ancestor, decode_branch, re_execute
from evm_dex.chain.block_kinds import BlockKinds
from evm_dex.chain.block_store import BlockId, block_batch
from evm_dex.chain.chain_reader import ChainReader, StateReader
from evm_dex.chain.chain_settings import NOTHING_CHOSEN, ChainSettings, HasSettings, written_header
from evm_dex.chain.core_inputs import CoreInput, in_order
from evm_dex.chain.core_steps import CoreSteps
from evm_dex.chain.listeners import Watched
from evm_dex.chain.mempool import Dropped, Mempool, MempoolReader
from evm_dex.chain.pending_block import PendingBlock
from evm_dex.chain.rollback import (
    apply_to_ledger,
    check_commitment,
    reload_rows,
    rollback_batch,
    undo_changes,
)
from evm_dex.chain.sealing import SealedBlock, Sealer
from evm_dex.chain.snapshots import Snapshot, SnapshotId, Snapshots
from evm_dex.errors import SnapshotLost, StateMissing, TransactionRejected, UnknownBlock
from evm_dex.evm.machine import State, missing_state_as
from evm_dex.origin.origin import Origin
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import LedgerChanges
from precompiles.types import Address


class Chain(ChainReader, Watched, HasSettings):
    """A chain that goes on from its head, and back. Its state changes by these operations only."""

    def __init__(
        self,
        store: OverlayStore,
        vm_type: type[PragueVM],
        ledger: Ledger,
        *,
        automine: bool = True,
        keep_limit: int = 0,
        recovery: RecoveryMetrics | None = None,
        origin: Origin | None = None,
    ) -> None:
        """With `automine` each transaction sent gets a block of its own at once."""
        ChainReader.__init__(self, store, vm_type, ledger, recovery, origin)
        Watched.__init__(self)
        HasSettings.__init__(self, ChainSettings(automine=automine, keep_limit=keep_limit))
        self._kinds = BlockKinds(self._blocks, ledger)
        self._core_steps = CoreSteps(ledger, self.chain_id, self._kinds)
        self._mempool = Mempool(lambda sender: self.state.get_nonce(sender))  # noqa: PLW0108 - each block has another state
        self._inputs: list[CoreInput] = []
        self._snapshots = Snapshots()

    @property
    def mempool(self) -> MempoolReader:
        """The transactions that wait."""
        return MempoolReader(self._mempool)

    # Transactions and blocks

    def send_raw(self, raw: bytes) -> Transaction:
        """Admit a transaction as it comes over the wire. Raises TransactionRejected."""
        return self.send(decode_sent(raw))

    def send(self, transaction: Transaction) -> Transaction:
        """Admit a transaction and, when automining, put it into a block.

        One whose nonce is ahead waits for those before it, and one with the nonce of another that
        waits takes its place if each of its fees is a tenth higher.
        Raises TransactionRejected when it can't be mined; nothing has changed then.
        """
        self._halt.raise_if_halted()
        self._mempool.check_new(transaction)
        with missing_state_as(StateMissing):
            state, following = self.state, self.next_header()
            header = self.next_header_for(transaction.sender) if self._kinds.are_two else following
            nonce = state.get_nonce(transaction.sender)
            self._validate(transaction, header, nonce, header.rules.nonces_ahead, state)
            ready = self._mempool.add(transaction, following.base_fee_per_gas)
        for each in ready:
            self._tell_transaction(each)
        if self.automine:
            for each in ready:
                self._mine_at_once(each, is_new=each is transaction)
        return transaction

    def send_to_core(self, given: Iterable[CoreInput], timestamp: int | None = None) -> None:
        """Take in what HyperCore is given; when automining, mine it at `timestamp`.

        Raises TransactionRejected, ValueError.
        """
        self._halt.raise_if_halted()
        if self._ledger.core.settings is None:
            raise TransactionRejected("this chain has no HyperCore: open it with its genesis")
        self._inputs.extend(given)
        if self.automine:
            self.mine(timestamp)

    def drop_transactions(self, is_unwanted: Callable[[Transaction], bool]) -> bool:
        """Take waiting transactions out; whether any was there.

        Later ones of their senders wait for their places to be filled.
        """
        return self._mempool.drop(is_unwanted)

    @contextmanager
    def mining_at_once(self) -> Iterator[None]:
        """Give each transaction sent inside a block at once, while those that wait go on waiting.

        One of the same sender's that waits gives way.
        """
        with self._mempool.set_aside(), self._settings.automining(on=True):
            yield

    def mine(self, timestamp: int | None = None) -> MinedBlock:
        """Put the waiting transactions, as many as fit, into one block, the best paid first.

        `timestamp` in seconds, after the head's; default `interval` after. Those that became
        invalid are dropped and reported. On HyperEVM it is a small block; a big one follows, at
        the same time, where one is due and something waits for it.
        Raises ValueError for the timestamp, and ChainStopped.
        """
        mined = self._mine(timestamp)
        if self._kinds.big_is_due(self._head, self._mempool.pending()):
            self.mine_big(self._head.timestamp)
        return mined

    def mine_big(self, timestamp: int | None = None) -> MinedBlock:
        """Make a big block now, where there are any, at the head's time or later, like `mine`."""
        return self._mine(timestamp, is_big=True)

    def _mine(
        self, timestamp: int | None = None, last: Transaction | None = None, *, is_big: bool = False
    ) -> MinedBlock:
        """Make a block without those of its sender's that follow `last`."""
        self._halt.raise_if_halted()
        header = self.next_header(timestamp, is_big=is_big)
        with self._all_or_nothing():
            self._sealer.begin(header)
            dropped = self._fill(self._sealer, last)
            sealed = self._sealer.seal()
        self._inputs = []
        self._commit(sealed)
        self._settings.replace_next(NOTHING_CHOSEN)
        hashes = tuple(transaction.hash for transaction in sealed.transactions)
        for transaction_hash in (*hashes, *(gone.transaction_hash for gone in dropped)):
            self._mempool.remove(transaction_hash)
        dropped += self._mempool.drop_used()
        for transaction_hash, calls in sealed.console.items():
            self.console.tell(transaction_hash, calls)
        self._tell_listeners()
        return MinedBlock(sealed.header, hashes, dropped)

    def write_state(self, change: Callable[[State], object]) -> Header:
        """Change state in a block of its own; its header.

        The block has no transactions, takes no time, and its state root holds the change, so it
        is durable at once and goes away by `rollback`. What waits stays where its nonce still
        fits. No other node can make such a block: it is marked. Raises what `change` raises.
        """
        return self.write_rows(lambda state, _: change(state))

    def write_rows(self, change: Callable[[State, Ledger], object]) -> Header:
        """Change state and rows of the ledger in a block of its own, like `write_state`."""
        self._halt.raise_if_halted()
        with self._all_or_nothing():
            following = self._kinds.child(self._head, self._head.timestamp + 1)
            self._sealer.begin(written_header(self._head, following))
            change(self._sealer.state, self._ledger)
            sealed = self._sealer.seal()
        self._commit(sealed)
        self._mempool.drop_used()
        self._tell_listeners()
        return sealed.header

    @property
    def pending_block(self) -> PendingBlock:
        """The next block as it would be now: at the next time, with what waits executed.

        It is executed once, until the head, what waits or a setting changes. Raises ChainStopped,
        StateMissing.
        """
        self._halt.raise_if_halted()
        depends_on = (self._settings.keep_limit, tuple(self._inputs))
        place = (self._head, self.next_header(), self._mempool)
        with missing_state_as(StateMissing):
            return self._pending_blocks.get(*place, depends_on, self._fill)

    def next_header(self, timestamp: int | None = None, *, is_big: bool = False) -> Header:
        """Return the next block's header before execution. Raises ValueError for the timestamp."""
        following = partial(self._kinds.child, self._head, is_big=is_big)
        usual = self._head.timestamp + self._settings.interval
        return self._settings.next_block.header(following, timestamp, usual)

    def next_header_for(self, sender: Address) -> Header:
        """Return the next header of the kind of block that an account's transactions go into."""
        return self.next_header(is_big=self._kinds.uses_big(sender))

    def next_nonce(self, sender: Address) -> int:
        """Return the nonce of a sender's next transaction: the first that is missing."""
        self._halt.raise_if_halted()
        return self._mempool.next_nonce(sender)

    def record_orders(self, on: bool | None) -> None:
        """Record what happens to orders from here on, or not; None: as last time, at first on."""
        self._outbox.switch(on, self._head)

    # Going back, and other branches

    def rollback(self, block: BlockId) -> Header:
        """Make an earlier block the head again, durably and in one step; its header.

        The blocks after it and what waits are gone, and the chain goes on to another future.
        Raises UnknownBlock, UndoExpired for one too far back (naming the nearest checkpoint),
        StateMissing where its state was pruned, StoreDamaged; nothing has changed then.
        """
        header = self.header(block)
        if header.block_number > self._head.block_number:
            raise UnknownBlock("the pending block is not on the chain: mine() it first")
        self._rewind_to(header)
        self._mempool.replace_all(())
        self._settings.replace_next(NOTHING_CHOSEN)
        self._tell_listeners()
        return header

    def snapshot(self, name: str | None = None) -> SnapshotId:
        """Remember head and mempool for `revert`; an id, each higher than the last, or the name."""
        self._halt.raise_if_halted()
        snapshot = Snapshot(self._head, tuple(self._mempool), self._settings.next_block)
        return self._snapshots.add(snapshot, name)

    def revert(self, id_or_name: SnapshotId) -> Header:
        """Go back to a snapshot, as often as wanted; the header it was taken at.

        What `rollback` says of earlier blocks holds here.
        Raises UnknownSnapshot, and SnapshotLost where its block is not on the chain any more or
        too far back; nothing has changed then.
        """
        snapshot = self._snapshots.get(id_or_name)
        where = f"snapshot {id_or_name!r} was taken at block {snapshot.header.block_number}"
        try:
            self._rewind_to(self.header(snapshot.header.hash))
        except UnknownBlock as error:
            raise SnapshotLost(f"{where}, which is no longer on this chain") from error
        except (UndoExpired, StateMissing) as error:
            raise SnapshotLost(f"{where}: {error}") from error
        self._mempool.replace_all(snapshot.waiting)
        self._settings.replace_next(snapshot.next_block)
        self._tell_listeners()
        return self._head

    def import_blocks(self, encoded: Iterable[bytes], as_made: bool = False) -> tuple[Header, ...]:
        """Go over to a longer branch of this chain, or on along it; headers of the new blocks.

        Every block is executed, and its header must come of that; known ones are skipped. All is
        one step in memory: after an error or a kill the old head is the head. What waits stays
        where its nonce fits. `as_made` takes unsigned transactions, and state that cheats wrote.
        Raises InvalidBlock, BranchNotLonger, UnknownBlock for one that begins on no block of ours,
        UndoExpired where it begins too far back, StateMissing, StoreDamaged.
        """
        self._halt.raise_if_halted()
        fork, blocks = common_ancestor(decode_branch(encoded, as_made), self._blocks, self._head)
        old, batch = self._head, BlockBatch()
        commitments = self._ledger.commitment, self._ledger.ended
        using = self._sealer, self._validate, self._core_steps, as_made
        everyone = self._settings.impersonation.of_everyone(as_made)
        try:
            with everyone, self._store.transaction(batch), missing_state_as(StateMissing):
                self._rewind_to(fork)
                for block in blocks:
                    self._commit(re_execute(block, self._head, *using))
                    if block.written is not None:
                        self._sealer.reset(self._head)
            with self._halt.halting():
                self._store.write(batch)
        except BaseException:
            self._reset_to(reload_rows(self._store, batch, *commitments), old)
            raise
        self._mempool.drop_used()
        self._tell_listeners()
        return tuple(block.header for block in blocks)

    def _mine_at_once(self, transaction: Transaction, *, is_new: bool) -> None:
        """Make blocks until a transaction is in one, or none has room for it.

        Raises TransactionRejected for a new one that was dropped.
        """
        try:
            while transaction.hash in self._mempool:
                is_big = self._kinds.uses_big(transaction.sender)
                before = len(self._mempool)
                for dropped in self._mine(last=transaction, is_big=is_big).dropped:
                    if is_new and dropped.transaction_hash == transaction.hash:
                        raise TransactionRejected(dropped.reason)
                if len(self._mempool) == before:
                    return
        except BaseException:
            self._mempool.remove(transaction.hash)
            raise

    def _fill(self, sealer: Sealer, last: Transaction | None = None) -> tuple[Dropped, ...]:
        limit, inputs = self._settings.keep_limit, in_order(self._inputs)
        return fill_block(sealer, self._mempool, self._core_steps, limit, last, inputs)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Leave the chain at its head when anything inside fails."""
        try:
            with missing_state_as(StateMissing):
                yield
        except StateMissing as error:
            self._halt.halt(error)
        except BaseException:
            self._inputs = []  # one that brings up a bug must not do so in every block
            self._sealer.reset(self._head)
            raise

    def _commit(self, sealed: SealedBlock) -> None:
        """Write the block, then move on."""
        try:
            with self._halt.halting():
                batch = block_batch(sealed, sealed.head(self.chain_id), outbox=self._outbox)
                self._store.write(batch)
                self._ledger.accept(sealed.changes)
        except StoreSuspended:
            self._sealer.reset(self._head)
            raise
        self._blocks.remember(sealed)
        self._head = sealed.header

    def _rewind_to(self, target: Header) -> None:
        """Take back all blocks after one of the chain."""
        if target.hash == self._head.hash:
            return
        self._store.check_reach(target.block_number)
        heights = range(target.block_number + 1, self._head.block_number + 1)
        changes = undo_changes(self._store, self._ledger, heights)
        with missing_state_as(StateMissing):
            state = self.state_at(target.hash)
            problem = check_commitment(state, changes.commitment, target.block_number)
        if problem:
            raise StoreDamaged(problem, f"undo rows of blocks {heights[0]} to {heights[-1]}")
        self._tell_rollback(heights)
        head = self._store.head()
        assert head is not None, "the chain has begun"
        batch = rollback_batch(self._blocks, head, target, changes, self._outbox)
        with self._halt.halting():
            self._store.write(batch)
        self._reset_to(changes, target)

    def _validate(
        self,
        transaction: Transaction,
        header: Header,
        nonce: int,
        most_ahead: int = 0,
        at: StateReader | None = None,
    ) -> None:
        """Hold a transaction against a state, that of the block in work unless another is given."""
        state = at or self._sealer.state
        self._settings.impersonation.check(transaction)
        check_admission(
            transaction,
            chain_id=self.chain_id,
            next_header=header,
            balance=state.get_balance(transaction.sender),
            nonce=nonce,
            most_ahead=most_ahead,
            code=state.get_code(transaction.sender),
        )

    def _reset_to(self, changes: LedgerChanges, header: Header) -> None:
        """Bring what is in memory to a block that is not a child of the head."""
        self._blocks.forget_recent()
        with self._halt.halting():
            self._sealer.reset(header)
            apply_to_ledger(self._ledger, changes)
        self._head = header

    def _tell_listeners(self) -> None:
        head = self._store.head()
        assert head is not None, "the chain has begun"
        self._tell_moved(head)
