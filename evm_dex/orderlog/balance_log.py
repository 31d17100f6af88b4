"""The log of balances: what each was after every block that changed it, where that is asked for.

It lies beside the order updates in the store, and is written with the rows that it describes. An
update has a version, +1 from update to update of one account and token, through rollbacks too: a
reader keeps the highest, and knows by a gap that one is missing. After a restore both ids and
versions go on from the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from checkpoint.families import Family
from checkpoint.overlay_store import OverlayStore
from checkpoint.record_codec import pack, unpack
from checkpoint.store import StoreReader
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.header import Header
from evm_dex.orderlog.balance_update import BalanceUpdate, decode_balance, encode_balance
from evm_dex.orderlog.cursors import KEEP, PRUNE_AT_ONCE, RESERVED
from evm_dex.orderlog.order_update import Exchange, fingerprint_of
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpAccount
from precompiles.ledger.record import grow, grow_signed, shrink, shrink_signed
from precompiles.ledger.spot import Balance
from precompiles.ledger.storage import LedgerChanges
from precompiles.ledger.table import TableNumber
from precompiles.types import Address

VERSION = 1
"""Version of the log's records."""
_EVENT = b"b"
"""First byte of an update's key in the family EVENTS; those of orders begin with zeros."""
_PRUNE_EVERY = 1_000
_ADDRESS = 20


class BalanceState(msgspec.Struct, frozen=True, array_like=True):
    """The log's own record."""

    is_recording: bool = False
    last: int = 0
    """The id given out last."""
    first: int = 1
    """The lowest id that was not pruned."""
    fingerprint: bytes = b""
    """Fingerprint of the last update; empty before the first that has one."""


_STATE = msgspec.msgpack.Decoder(BalanceState)
_KNOWN = msgspec.msgpack.Decoder(tuple[int, bytes, bytes])
_Amounts = tuple[int, int]
"""Total and hold."""
_NOTHING = (0, 0)


class BalanceLog:
    """The log of one chain's balances, in the chain's store."""

    def __init__(self, store: OverlayStore, ledger: Ledger) -> None:
        """Record nothing until `switch` says so."""
        self._store, self._ledger = store, ledger
        self.is_on = False

    def switch(self, on: bool | None, head: Header) -> None:
        """Switch recording on or off, durably; None: as last time, at first off.

        When it is on again, each balance that is another one than the log says gets an update.
        """
        state = read_state(self._store)
        self.is_on = state.is_recording if on is None else on
        if self.is_on == state.is_recording:
            return
        batch = BlockBatch()
        state = msgspec.structs.replace(state, is_recording=self.is_on)
        self._put(batch, state, head, self._unlike_the_log() if self.is_on else {})
        self._store.write(batch)

    def add(self, batch: BlockBatch, block: Header, changes: LedgerChanges) -> None:
        """Add the updates of changed rows to their batch; none while it is off."""
        if not self.is_on:
            return
        found = {
            key: _amounts(key, change.new)
            for change in changes.rows
            if (key := self._key(change.table, change.key)) is not None
        }
        if found:
            self._put(batch, read_state(self._store), block, found)

    def read(self, after: int = 0) -> Iterator[BalanceUpdate]:
        """Yield the updates with an id above `after`, see `read_balances`."""
        return read_balances(self._store, after)

    def last_version(self, exchange: Exchange, user: Address, token: Address) -> int:
        """Return the version of an account's last update of a token; 0 before the first."""
        return self._known(_balance_key(exchange, user, token))[0]

    def _put(
        self, batch: BlockBatch, state: BalanceState, block: Header, found: Mapping[bytes, _Amounts]
    ) -> None:
        """Add updates, by key of the balance, and the record of the log."""
        last, previous = state.last, state.fingerprint
        for key, (total, hold) in found.items():
            last += 1
            version = self._known(key)[0] + 1
            exchange, user, token = _of_key(key)
            update = BalanceUpdate(
                event_id=last,
                version=version,
                exchange=exchange,
                user=user,
                token=token,
                total=total,
                hold=hold,
                block_number=block.block_number,
                timestamp=block.timestamp,
                previous=previous,
            )
            payload = encode_balance(update)
            previous = fingerprint_of(payload)
            batch.put(Family.EVENTS, _event_key(last), payload)
            known = (version, shrink_signed(total), shrink(hold))
            batch.put(Family.OUTBOX, key, pack(VERSION, known))
        first = state.first
        if last // _PRUNE_EVERY != state.last // _PRUNE_EVERY:
            first = max(first, min(last - KEEP + 1, first + PRUNE_AT_ONCE))
            for event_id in range(state.first, first):
                batch.delete(Family.EVENTS, _event_key(event_id))
        state = msgspec.structs.replace(state, last=last, first=first, fingerprint=previous)
        batch.put(Family.OUTBOX, RESERVED, pack(VERSION, state))

    def _unlike_the_log(self) -> dict[bytes, _Amounts]:
        """Return every balance that is not what its last update says, by ascending key."""
        rows: Iterable[tuple[int, bytes, Any]] = (
            (table, key, record)
            for table, records in (
                (TableNumber.BALANCES, self._ledger.spot.balances.rows),
                (TableNumber.PERP_ACCOUNTS, self._ledger.perp.accounts.rows),
            )
            for key, record in records.items()
        )
        present = {self._key(table, key): record.encode() for table, key, record in rows}
        logged = (key for key, _ in self._store.iterate(Family.OUTBOX, prefix=RESERVED))
        keys = {*present, *logged} - {None, RESERVED}
        found = {key: _amounts(key, present.get(key)) for key in sorted(filter(None, keys))}
        return {key: amounts for key, amounts in found.items() if amounts != self._known(key)[1:]}

    def _known(self, key: bytes) -> tuple[int, int, int]:
        """Return version, total and hold of a balance's last update."""
        stored = self._store.get(Family.OUTBOX, key)
        return (0, 0, 0) if stored is None else _known(stored)

    def _key(self, table: int, key: bytes) -> bytes | None:
        """Return the key of the balance that a row is of; None for other rows."""
        if table == TableNumber.BALANCES:
            return _balance_key(Exchange.SPOT, Address(key[_ADDRESS:]), Address(key[:_ADDRESS]))
        if table == TableNumber.PERP_ACCOUNTS:
            return _balance_key(Exchange.PERP, Address(key), self._ledger.perp.settings.collateral)
        return None


def read_state(store: StoreReader) -> BalanceState:
    """Return the log's record. Raises WrongFormat, StoreDamaged."""
    stored = store.get(Family.OUTBOX, RESERVED)
    if stored is None:
        return BalanceState()
    return unpack(VERSION, _STATE, stored, "the record of the balance log (family outbox)")


def read_balances(store: StoreReader, after: int = 0) -> Iterator[BalanceUpdate]:
    """Yield the updates in a store with an id above `after`, ascending, as far as they are kept.

    Raises WrongFormat, StoreDamaged.
    """
    state = read_state(store)
    for event_id in range(max(after + 1, state.first), state.last + 1):
        payload = read_payload(store, event_id)
        if payload is not None:
            yield decode_balance(event_id, payload)


def read_payload(store: StoreReader, event_id: int) -> bytes | None:
    """Return an update as it is stored; None where it is not kept, or was never made."""
    return store.get(Family.EVENTS, _event_key(event_id))


def present_balances(store: StoreReader, state: BalanceState) -> list[BalanceUpdate]:
    """Return every balance as its last update left it, in place of updates that were pruned.

    Each has the id, block and time of the log's last update, as of which it is. Raises WrongFormat,
    StoreDamaged.
    """
    payload = read_payload(store, state.last)
    if payload is None:
        return []
    last = decode_balance(state.last, payload)
    found = []
    for key, stored in store.iterate(Family.OUTBOX, prefix=RESERVED):
        if key != RESERVED:
            version, total, hold = _known(stored)
            exchange, user, token = _of_key(key)
            balance = {"version": version, "total": total, "hold": hold, "previous": b""}
            owner = {"exchange": exchange, "user": user, "token": token}
            found.append(msgspec.structs.replace(last, **owner, **balance))
    return found


def _known(stored: bytes) -> tuple[int, int, int]:
    version, total, hold = unpack(VERSION, _KNOWN, stored, "a balance (family outbox)")
    return version, grow_signed(total), grow(hold, "big")


def _amounts(key: bytes, value: bytes | None) -> _Amounts:
    """Return total and hold of a balance's row."""
    if value is None:
        return _NOTHING
    if _of_key(key)[0] == Exchange.PERP:
        return PerpAccount.decode(value).cash, 0
    balance = Balance.decode(value)
    return balance.total, balance.hold


def _event_key(event_id: int) -> bytes:
    return _EVENT + event_id.to_bytes(8, "big")


def _balance_key(exchange: Exchange, user: Address, token: Address) -> bytes:
    return RESERVED + bytes((exchange,)) + user + token


def _of_key(key: bytes) -> tuple[Exchange, Address, Address]:
    start = len(RESERVED) + 1
    middle = start + _ADDRESS
    return Exchange(key[start - 1]), Address(key[start:middle]), Address(key[middle:])
