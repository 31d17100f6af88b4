"""The outbox: order updates, written in the same batch as the rows that they describe.

Event ids are given out here, +1 from update to update from 1 on, and grow through rollbacks too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from checkpoint.families import Family
from checkpoint.overlay_store import OverlayStore
from checkpoint.record_codec import pack, unpack
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.body import Body
from evm_dex.blocks.header import Header
from evm_dex.blocks.receipt import Receipt
from evm_dex.blocks.transaction import Transaction
from evm_dex.orderlog.balance_log import BalanceLog
from evm_dex.orderlog.cursors import STATE_KEY, event_key, prune
from evm_dex.orderlog.order_rows import ORDER_TABLES, all_orders
from evm_dex.orderlog.order_update import Exchange, Kind, OrderUpdate, encode, fingerprint_of
from evm_dex.orderlog.recorder import BlockPlace, Recording, is_of_orders
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import LedgerChanges
from precompiles.types import ZERO_ADDRESS, Address, OrderStatus

_PRUNE_EVERY = 1_000
"""Updates from one look for what can be pruned to the next."""
_VERSION = 1
_OPEN_END = 0


Missing = tuple[tuple[int, int], ...]


class BlockReader(Protocol):
    """A reader of stored blocks, whose receipts tell what a rollback takes back."""

    def hash_at(self, height: int) -> bytes:
        """Return the hash of the block at a height."""

    def header(self, block: bytes, head: int) -> Header:
        """Return a block's header."""

    def body(self, block_hash: bytes) -> Body:
        """Return a block's transactions."""

    def receipts(self, block_hash: bytes) -> tuple[Receipt, ...]:
        """Return a block's receipts."""


class OutboxState(msgspec.Struct, frozen=True, array_like=True):
    """The outbox's own record."""

    last: int = 0
    """The id given out last."""
    is_recording: bool = False
    first: int = 1
    """The lowest id that was not pruned."""
    missing: Missing = ()
    """First and last of the blocks on the chain whose changes were not recorded; `_OPEN_END` as the
    last while it is off.
    """


_DECODER = msgspec.msgpack.Decoder(OutboxState)


class Outbox:
    """The outbox of one chain, in the chain's store."""

    def __init__(self, store: OverlayStore, ledger: Ledger) -> None:
        """Record nothing until `switch` says so."""
        self._store = store
        self._ledger = ledger
        self.is_on = False
        self.balances = BalanceLog(store, ledger)

    def state(self) -> OutboxState:
        """Return the outbox's record. Raises WrongFormat, StoreDamaged."""
        return read_state(self._store.get(Family.OUTBOX, STATE_KEY))

    def switch(self, on: bool | None, head: Header) -> None:
        """Switch recording on or off, durably; None: as last time, at first on.

        What happened while it was off is not made up for: a GAP tells readers so, and a FOUND of
        each order that is open is where they go on from.
        """
        stored = self._store.get(Family.OUTBOX, STATE_KEY)
        state = read_state(stored)
        if on is None:
            on = stored is None or state.is_recording
        self.is_on = on
        if stored is not None and state.is_recording == on:
            return
        batch = BlockBatch()
        updates = [_gap(head), *self._open_orders(head)] if on and head.block_number else []
        missing = _switched(state.missing, on=on, is_new=stored is None, head=head.block_number)
        self._add(batch, replace(state, is_recording=on, missing=missing), updates)
        self._store.write(batch)

    def record(
        self,
        header: Header,
        transactions: Sequence[Transaction],
        receipts: Sequence[Receipt],
        changes: LedgerChanges,
    ) -> Sequence[OrderUpdate]:
        """Return the updates of a block being sealed, checked against its rows; none when off.

        Raises RecordingFailed, IllegalTransition.
        """
        if not self.is_on:
            return ()
        if not (changes.rows or any(is_of_orders(log) for it in receipts for log in it.logs)):
            return ()
        recording = Recording(_rows(changes, "old"), self._base_unit, self._store.row)
        hashes = (transaction.hash for transaction in transactions)
        recording.add_block(_place(header), zip(hashes, receipts, strict=True))
        recording.check(_rows(changes, "new"))
        return recording.updates

    def add_rollback(
        self,
        batch: BlockBatch,
        blocks: BlockReader,
        heights: range,
        target: Header,
        changes: LedgerChanges,
    ) -> None:
        """Add the updates of a rollback of the blocks at `heights` to a batch; none when off.

        `changes` lead back, so what is new in them is what was before the blocks. Raises
        RecordingFailed, IllegalTransition.
        """
        state = self.state()
        missing = _cut(state.missing, target.block_number)
        updates: Sequence[OrderUpdate] = ()
        if self.is_on:
            recording = self._recording_back(blocks, heights, changes)
            updates = recording.compensations(
                _place(target), lambda height: not any(a <= height <= b for a, b in state.missing)
            )
        if updates or missing != state.missing:
            self._add(batch, replace(state, missing=missing), updates)

    def _recording_back(
        self, blocks: BlockReader, heights: range, changes: LedgerChanges
    ) -> Recording:
        recording = Recording(_rows(changes, "new"), self._base_unit, self._store.row)
        for height in heights:
            block_hash = blocks.hash_at(height)
            receipts = blocks.receipts(block_hash)
            if any(receipt.logs for receipt in receipts):
                transactions = blocks.body(block_hash).transactions
                hashes = (transaction.hash for transaction in transactions)
                place = _place(blocks.header(block_hash, height))
                recording.add_block(place, zip(hashes, receipts, strict=True))
        recording.check(_rows(changes, "old"))
        return recording

    def add(self, batch: BlockBatch, updates: Sequence[OrderUpdate]) -> None:
        """Give updates their ids, and add them to the batch of their block."""
        if updates:
            self._add(batch, self.state(), updates)

    def _add(self, batch: BlockBatch, state: OutboxState, updates: Sequence[OrderUpdate]) -> None:
        payload = self._store.get(Family.EVENTS, event_key(state.last)) or b""
        for event_id, update in enumerate(updates, state.last + 1):
            previous = fingerprint_of(payload) if payload else b""
            payload = encode(replace(update, previous=previous))
            batch.put(Family.EVENTS, event_key(event_id), payload)
        first, last = state.first, state.last + len(updates)
        if last // _PRUNE_EVERY != state.last // _PRUNE_EVERY:
            first = prune(self._store, batch, first, last)
        state = replace(state, last=last, first=first)
        batch.put(Family.OUTBOX, STATE_KEY, pack(_VERSION, state))

    def _open_orders(self, head: Header) -> Iterator[OrderUpdate]:
        place = {"block_number": head.block_number, "timestamp": head.timestamp}
        for order in all_orders(self._store):
            if order.status.is_open:
                yield replace(order, kind=Kind.FOUND, **place)

    def _base_unit(self, exchange: Exchange, market: Address) -> int:
        table = (
            self._ledger.spot.markets if exchange == Exchange.SPOT else self._ledger.perp.markets
        )
        return table.rows[market].base_unit


def read_state(stored: bytes | None) -> OutboxState:
    """Decode the outbox's record. Raises WrongFormat, StoreDamaged."""
    if stored is None:
        return OutboxState()
    return unpack(_VERSION, _DECODER, stored, "the outbox's record (family outbox)")


def _switched(missing: Missing, *, on: bool, is_new: bool, head: int) -> Missing:
    """Return the missing blocks when recording begins or ends at the head."""
    if not on:
        before = ((1, head),) if is_new and head else missing
        return (*before, (head + 1, _OPEN_END))
    if not missing or missing[-1][1] != _OPEN_END:  # nothing was recorded, or is known of it
        missing = ((1, _OPEN_END),)
    *ended, (first, _) = missing
    return (*ended, (first, head)) if first <= head else tuple(ended)


def _cut(missing: Missing, target: int) -> Missing:
    """Return the missing blocks after a rollback to `target`."""
    return tuple(
        (min(first, target + 1), last) if last == _OPEN_END else (first, min(last, target))
        for first, last in missing
        if first <= target or last == _OPEN_END
    )


def _rows(changes: LedgerChanges, which: str) -> dict[tuple[int, bytes], bytes | None]:
    """Return the rows of orders and triggers among changes."""
    return {
        (change.table, change.key): getattr(change, which)
        for change in changes.rows
        if change.table in ORDER_TABLES
    }


def _place(header: Header) -> BlockPlace:
    return BlockPlace(header.block_number, header.timestamp)


def _gap(head: Header) -> OrderUpdate:
    return OrderUpdate(
        event_id=0,
        kind=Kind.GAP,
        exchange=Exchange.SPOT,
        order_id=0,
        user=ZERO_ADDRESS,
        market=ZERO_ADDRESS,
        is_buy=False,
        status=OrderStatus.GONE,
        price=0,
        quantity=0,
        block_number=head.block_number,
        transaction_hash=bytes(32),
        log_index=0,
        timestamp=head.timestamp,
    )
