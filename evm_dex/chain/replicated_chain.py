"""A chain whose blocks several machines agree on: each is executed first, and made durable later.

Between the two steps readers see the head as it was: the ledger goes back to it, and accounts are
read from the store. So a block that is not decided leaves nothing to take back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NoReturn

import msgspec
from eth_hash.auto import keccak
from eth_utils.exceptions import ValidationError

from checkpoint.errors import StoreError
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.chain.block_builder import MinedBlock, include_keeper
from evm_dex.chain.block_store import BlockId
from evm_dex.chain.chain import Chain
from evm_dex.chain.chain_reader import StateReader
from evm_dex.chain.mempool import Mempool, PoolLimits
from evm_dex.chain.sealing import SealedBlock
from evm_dex.chain.validator_set import VALIDATOR_SET, Member, members_of, power_changes
from evm_dex.errors import ChainError, DecidedElsewhere, StateMissing, TransactionRejected
from evm_dex.evm.machine import State, missing_state_as
from precompiles.ledger.ledger import Ledger

_logger = logging.getLogger(__name__)
_ANY_NUMBER = 2**63
_BYTES_BESIDE = 6
"""Most bytes of a list that each of its transactions takes beside its own."""


class _Faulty(Exception):  # noqa: N818 - it is no error of the caller's
    """Execution of a transaction raised what no transaction may bring about."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(f"0x{transaction.hash.hex()}")
        self.transaction = transaction


def _refuse(_: object) -> NoReturn:
    raise DecidedElsewhere("the validators make this chain's blocks: hand in a transaction instead")


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of one transaction that was put up for a block."""

    is_included: bool
    """False for one that was not admitted: it is in the list, and not in the block."""
    gas_used: int = 0
    problem: str = ""
    """The reason it was not admitted; empty for one in the block, succeeded or not."""


class ExecutedBlock(msgspec.Struct, frozen=True):
    """A block that was executed and is not decided yet."""

    sealed: SealedBlock
    given: tuple[bytes, ...]
    """The raw transactions it was made of; the keeper's is not among them."""
    outcomes: tuple[Outcome, ...]
    """The outcome of each."""
    power_changes: tuple[tuple[bytes, int], ...] = ()
    """Keys of validators that it made or removed, each with its power from then on."""

    @property
    def header(self) -> Header:
        """Its header, whose hash all have to come to."""
        return self.sealed.header


class ReplicatedChain(Chain):
    """A chain that goes on by `execute` and `commit_executed` alone."""

    _executed: ExecutedBlock | None = None
    _asked: object = None
    """The head, time and transactions that it was executed for."""
    _head_state: StateReader | None = None
    """The state after the head, where the long-lived one is ahead of it."""

    @property
    def state(self) -> StateReader:
        """The EVM state after the head, whatever was executed since."""
        if self._executed is None and not self._sealer.is_at_work:
            return super().state
        self._halt.raise_if_halted()
        if self._head_state is None:
            self._head_state = StateReader(self._call_runner.state_at(self._head))
        return self._head_state

    # Transactions

    def take_in(self, raw: bytes) -> Transaction:
        """Admit a transaction to those that wait; one that waits already is as good.

        Raises TransactionRejected.
        """
        waiting = self._mempool.get(keccak(raw))
        return waiting or self.send(decode(raw))

    def look_again(self, raw: bytes) -> None:
        """Hold one that waits against the head. Raises TransactionRejected where it can't stay."""
        transaction = self._mempool.get(keccak(raw))
        if transaction is None:
            raise TransactionRejected("it does not wait any more: used, replaced or dropped")
        state, header = self.state, self.next_header()
        nonce = state.get_nonce(transaction.sender)
        try:
            self._validate(transaction, header, nonce, header.rules.nonces_ahead, state)
        except TransactionRejected:
            self._mempool.remove(transaction.hash)
            raise

    # Blocks

    def propose(self, raws: Iterable[bytes], timestamp: int, most_bytes: int) -> ExecutedBlock:
        """Execute as many of some transactions as fit into the next block, the best paid first.

        They have `most_bytes` together at most, with `_BYTES_BESIDE` for each. One that brings up a
        bug is left out, and does not wait any longer.
        """
        state, header = self.state, self._header(timestamp)
        pool = Mempool(state.get_nonce, PoolLimits(_ANY_NUMBER, _ANY_NUMBER))
        for raw in raws:
            with suppress(TransactionRejected):
                transaction = self._read(raw)
                nonce = state.get_nonce(transaction.sender)
                self._validate(transaction, header, nonce, header.rules.nonces_ahead, state)
                pool.add(transaction, header.base_fee_per_gas)
        while True:
            try:
                return self._make(header, self._best(pool, most_bytes))
            except _Faulty as fault:
                name = f"0x{fault.transaction.hash.hex()}"
                _logger.exception("%s brings up a bug: it is left out", name)
                pool.remove(fault.transaction.hash)
                self._mempool.remove(fault.transaction.hash)

    def execute(self, raws: Sequence[bytes], timestamp: int) -> ExecutedBlock:
        """Execute the next block of these transactions, in their order, after what is due.

        The block's time is `timestamp`, or a second after its parent's where that is later. What
        was executed last is not executed again. Raises what execution raises that is no fault of a
        transaction, with nothing changed.
        """
        header = self._header(timestamp)
        if self._executed is not None and self._asked == (header, tuple(raws)):
            return self._executed
        return self._make(header, self._listed(raws))

    def commit_executed(self) -> Header:
        """Make the block that was executed last durable, and move on to it."""
        executed = self._executed
        assert executed is not None, "a block is executed before it is committed"
        changes = executed.sealed.changes
        for change in changes.rows:
            self._ledger.restore_row(change.table, change.key, change.new)
        self._forget()
        self._head_state = None
        self._commit(executed.sealed)
        for transaction in executed.sealed.transactions:
            self._mempool.remove(transaction.hash)
        self._mempool.drop_used()
        self._tell_listeners()
        return executed.header

    def _make(self, header: Header, contents: Iterable[tuple[bytes, Outcome]]) -> ExecutedBlock:
        """Execute a block; `contents` puts transactions into it while it is gone through."""
        if self._executed is not None:
            self._forget()
            self._sealer.reset(self._head)
        limit = self._settings.keep_limit
        with self._all_or_nothing():
            self._sealer.begin(header)
            self._core_steps.begin(self._sealer, ())
            tuple(include_keeper(self._sealer, self._ledger, self.chain_id, limit))
            made = tuple(contents)
            self._core_steps.end(self._sealer)
            members = self._changed_members()
            sealed = self._sealer.seal()
        self._ledger.journal.revert(0)
        given, outcomes = tuple(raw for raw, _ in made), tuple(outcome for _, outcome in made)
        self._executed = ExecutedBlock(sealed, given, outcomes)
        self._asked = (header, given)
        if members is not None:
            changes = power_changes(members_of(self.state), members)
            self._executed = msgspec.structs.replace(self._executed, power_changes=changes)
        return self._executed

    def _changed_members(self) -> tuple[Member, ...] | None:
        """Return the validators after the block in work; None where it changed none."""
        logs = (log for receipt in self._sealer.receipts for log in receipt.logs)
        if not any(log.address == VALIDATOR_SET for log in logs):
            return None
        return members_of(self._sealer.state)

    def _listed(self, raws: Iterable[bytes]) -> Iterator[tuple[bytes, Outcome]]:
        """Put all into the block in work that may be there, in their order."""
        sealer = self._sealer
        for raw in raws:
            try:
                transaction = self._read(raw)
                nonce = sealer.state.get_nonce(transaction.sender)
                self._validate(transaction, sealer.header, nonce)
                yield raw, self._apply(transaction)
            except TransactionRejected as error:
                yield raw, Outcome(is_included=False, problem=str(error))

    def _best(self, pool: Mempool, most_bytes: int) -> Iterator[tuple[bytes, Outcome]]:
        """Put those of a pool into the block in work that fit. Raises _Faulty."""
        sealer, room = self._sealer, most_bytes

        def fits(transaction: Transaction) -> bool:
            return len(transaction.raw) + _BYTES_BESIDE <= room and sealer.fits(transaction)

        base_fee = sealer.header.base_fee_per_gas
        for transaction in pool.best_first(base_fee, sealer.state.get_nonce, fits):
            try:
                with missing_state_as(StateMissing):
                    outcome = self._apply(transaction)
            except TransactionRejected:
                continue
            except (ChainError, StoreError):
                raise  # of the store, not of the transaction
            except Exception as error:
                raise _Faulty(transaction) from error
            room -= len(transaction.raw) + _BYTES_BESIDE
            yield transaction.raw, outcome

    def _read(self, raw: bytes) -> Transaction:
        """Decode a transaction, unless it waits and so was decoded. Raises TransactionRejected."""
        return self._mempool.get(keccak(raw)) or decode(raw)

    def _header(self, timestamp: int) -> Header:
        return self.next_header(max(timestamp, self._head.timestamp + 1))

    def _forget(self) -> None:
        self._executed = self._asked = None

    def _apply(self, transaction: Transaction) -> Outcome:
        """Apply a transaction to the block in work. Raises TransactionRejected."""
        sealer = self._sealer
        if not sealer.fits(transaction):
            raise TransactionRejected("the block has no room left for its gas or blobs")
        before = sealer.gas_used
        try:
            sealer.apply(transaction)
        except ValidationError as error:
            raise TransactionRejected(str(error)) from error
        return Outcome(True, sealer.gas_used - before)

    # What only a chain of its own can do

    def mine(self, timestamp: int | None = None) -> MinedBlock:
        """Raise DecidedElsewhere, like all that follow."""
        _refuse(timestamp)

    def mine_big(self, timestamp: int | None = None) -> MinedBlock:
        _refuse(timestamp)

    def write_rows(self, change: Callable[[State, Ledger], object]) -> Header:
        _refuse(change)

    def rollback(self, block: BlockId) -> Header:
        _refuse(block)

    def import_blocks(self, encoded: Iterable[bytes], as_made: bool = False) -> tuple[Header, ...]:
        _refuse((encoded, as_made))
