"""The store on disk: RocksDB, a lock, and a marker of the last commit."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from checkpoint.chain_identity import identity_of, read_identity, write_identity
from checkpoint.commit_marker import Commit, CommitMarker, read_commit_marker
from checkpoint.errors import StoreClosed, StoreError, StoreFailed, StoreMoved, StoreSuspended
from checkpoint.families import Family, height_key
from checkpoint.head import Head
from checkpoint.layout import StoreLayout
from checkpoint.lock import StoreLock
from checkpoint.manifest import Manifest, list_checkpoints
from checkpoint.rocks.bookkeeping import Bookkeeping
from checkpoint.rocks.database import Database
from checkpoint.rocks.ended_record import EndedTracker, read_ended_record
from checkpoint.rocks.inspect import inspect_database
from checkpoint.rocks.reader import DatabaseReader
from checkpoint.store import DEFAULT_UNDO_WINDOW, Store
from checkpoint.store_batch import BlockBatch
from precompiles.ledger.storage import Commitment

_logger = logging.getLogger(__name__)
_ROOM_BYTES = 1 << 22

SyncPolicy = Literal["block", "never"] | int
"""Blocks that are forced to the disk itself: each, every k-th, or those the system likes.

A killed process loses nothing under any of them; only a power failure tells them apart.
"""


class RocksStore(DatabaseReader, Store):
    """A store at a path, held by this process alone."""

    path: Path

    def __init__(
        self,
        path: str | Path,
        *,
        chain_id: int | None = None,
        sync: SyncPolicy = "never",
        undo_window: int = DEFAULT_UNDO_WINDOW,
        accept_loss: bool = False,
    ) -> None:
        """Open the store at `path`, or make one there.

        `chain_id` refuses stores of other chains. `accept_loss` goes on from an older block
        where the newest were lost. Raises StoreLocked, NotAStore, StoreDamaged (CommitsLost),
        WrongFormat, WrongChain; ValueError for a sync policy there is not.
        """
        self.path = Path(path)
        self.undo_window = undo_window
        self._sync_every = _sync_every(sync)
        self._unsynced = 0
        self._failure: str | None = None
        self._is_suspended = False
        self._writing = threading.Lock()
        self.layout = StoreLayout(self.path)
        self.layout.prepare()
        self._lock = StoreLock(self.layout.lock)
        try:
            self._open(chain_id, accept_loss)
        except BaseException:
            self._lock.release()
            raise

    @property
    def sequence(self) -> int:
        """Return the number of batches written, see `Bookkeeping.sequence`."""
        return self.bookkeeping.sequence

    def ended(self) -> Commitment | None:
        return self._ended.now

    def set_ended(self, ended: Commitment) -> None:
        if self._head is not None:
            self._ended.begin(self._head, ended)

    def write(self, batch: BlockBatch) -> None:
        with self._writing:
            if self._failure is not None:
                self._resume(self._failure)
            expiring = self._expiring(batch)
            try:
                self._lock.check()
                self._commit(batch, expiring)
            except StoreClosed:
                raise
            except StoreMoved as error:
                # For good: blocks that follow the refused one have no place here any more.
                self._failure, self._is_suspended = str(error), False
                raise
            except BaseException as error:
                # Also one from outside, as Ctrl-C: whether the batch is in is not known here.
                self._failure = str(error) or type(error).__name__
                self._is_suspended = isinstance(error, StoreFailed)
                if self._is_suspended:
                    raise StoreSuspended(self._suspended_message()) from error
                if isinstance(error, OSError):
                    raise StoreFailed(f"{self.layout.commit_marker}: {error}") from error
                raise
            self._expired(batch, expiring)

    def checkpoint(self, directory: Path) -> tuple[Head, int]:
        """Copy the database into a new directory; return head and sequence of the copy.

        Files are shared with the store by hard links, or copied where there are none. Raises
        StoreError where nothing was written yet, StoreFailed when the disk refuses.
        """
        with self._writing:
            if self._head is None:
                raise StoreError(f"{self.path} has no block yet, so there is nothing to keep")
            self._lock.check()
            self._database.checkpoint(directory)
            self._ended.look()  # which wrote out what was buffered
            return self._head, self.sequence

    def compact(self) -> None:
        """Give back the disk that deleted entries still take. Raises StoreDamaged, StoreFailed."""
        with self._writing:
            self._lock.check()
            self._database.compact()
            self._ended.look()

    def check_place(self) -> None:
        """Raise StoreMoved unless the store is where it was opened."""
        self._lock.check()

    def close(self) -> None:
        if not self._database.is_closed:
            self._database.close()
            with suppress(StoreMoved):
                self._lock.check()
                self._ended.close()
        self._marker.close()
        self._lock.release()

    def _open(self, chain_id: int | None, accept_loss: bool) -> None:
        self.layout.settle()
        seen = read_commit_marker(self.layout.commit_marker)
        self._identity = read_identity(self.layout.identity)
        new = self.layout.is_new()
        record = read_ended_record(self.layout.ended)
        if not new:
            inspect_database(self.layout.database, seen, chain_id, self._identity, accept_loss)
        if record is not None and not record.describes(self.layout.database):
            record = None
        follow = self._lock.follow
        self._ended = EndedTracker(follow(self.layout.ended), follow(self.layout.database))
        self._database = self._open_database(create=new, accept_loss=accept_loss)
        try:
            self._adopt(seen)
            if record is not None and (ended := record.at_head(self)) is not None:
                self.set_ended(ended)
        except BaseException:
            self._database.close()
            raise

    def _open_database(self, *, create: bool = False, accept_loss: bool = False) -> Database:
        # Also on closing RocksDB removes files, and they must be its own wherever they are.
        by = self._lock.follow(self.layout.database)
        return Database(self.layout.database, create=create, accept_loss=accept_loss, by=by)

    def _adopt(self, seen: Commit | None) -> None:
        self._read_records()
        if seen is not None and self.bookkeeping.sequence < seen.sequence:
            # The loss was accepted: what was seen is no longer missed.
            at = self._head.height if self._head else "none"
            _logger.warning(
                "%s: going on from block %s, though block %d was committed: those after are lost",
                *(self.path, at, seen.height),
            )
            self.bookkeeping = replace(self.bookkeeping, sequence=seen.sequence)
            self._database.write(self.bookkeeping.as_changes(), sync=True)
        self._oldest_undo = self._find_oldest_undo()
        self._marker = CommitMarker(self.layout.commit_marker)
        self._record_identity()
        self._record_commit()

    def _commit(self, batch: BlockBatch, expiring: range) -> None:
        origin = self.bookkeeping.origin
        if batch.head is not None and origin is None:
            origin = batch.head.height
        bookkeeping = Bookkeeping(self.sequence + 1, origin)
        changes: dict[str, Mapping[bytes, bytes | None]] = dict(batch.changes.items())
        expired = {height_key(height): None for height in expiring}
        changes[Family.UNDO] = {**batch.changes.get(Family.UNDO, {}), **expired}
        changes.update(bookkeeping.as_changes())
        self._unsynced += 1
        sync = 0 < self._sync_every <= self._unsynced
        self._database.write(changes, sync=sync)
        self._unsynced = 0 if sync else self._unsynced
        self.bookkeeping = bookkeeping
        self._head = batch.head or self._head
        if (head := batch.head) is not None:
            self._ended.committed(head, batch.ended)
        self._record_identity()
        self._record_commit()

    def _resume(self, failure: str) -> None:
        """Go on after a failed write where the disk lets us. Raises StoreFailed.

        RocksDB writes nothing more after its log failed, so it is opened again. First some room is
        tried for: without any, the old one is kept, from which at least reading goes on.
        """
        stopped = f"nothing more is written to {self.path} since a write failed ({failure}); "
        if not self._is_suspended:
            raise StoreFailed(stopped + "make room or repair the disk and open it again")
        self._lock.check()
        try:
            self._try_room()
        except OSError as error:
            self._failure = str(error)
            raise StoreSuspended(self._suspended_message()) from error
        self._is_suspended = False
        self._database.close()
        self._database = self._open_database()
        if Bookkeeping.read(self._database).sequence != self.sequence:
            raise StoreFailed(stopped + "it is in all the same: open the store again")
        self._failure = None
        _logger.warning("%s: there is room again, going on", self.path)

    def _suspended_message(self) -> str:
        return (
            f"nothing is written to {self.path}: the disk refuses it ({self._failure}); make room, "
            "and it goes on by itself"
        )

    def _try_room(self) -> None:
        """Raise OSError where the disk has no room for some blocks and what opening takes."""
        file = self._lock.follow(self.layout.root / "room")
        try:
            with file.open("wb") as opened:
                opened.write(bytes(_ROOM_BYTES))
                opened.flush()
                os.fsync(opened.fileno())
        finally:
            file.unlink(missing_ok=True)

    def _record_identity(self) -> None:
        """Note which chain this is, once there is a block to tell by."""
        if self._identity is None:
            self._identity = identity_of(self)
            if self._identity is not None:
                write_identity(self.layout.identity, self._identity)

    def _record_commit(self) -> None:
        if self._head is not None:
            commit = Commit(self.sequence, self._head.height, self._head.block_hash)
            self._marker.record(commit)

    def _checkpoint_heights(self) -> list[int]:
        return [
            info.height
            for info in list_checkpoints(self.path)
            if info.problem is None and info.manifest and self._has(info.manifest)
        ]

    def _has(self, manifest: Manifest) -> bool:
        """Return whether a checkpoint's block is on this chain, not on a branch that was left."""
        block_hash = self.get(Family.HASHES, height_key(manifest.height))
        return block_hash is not None and block_hash.hex() == manifest.block_hash


def _sync_every(policy: SyncPolicy) -> int:
    """Return after how many blocks to sync; 0 for never."""
    every = {"never": 0, "block": 1}.get(policy) if isinstance(policy, str) else policy
    if every is None or (every < 1 and policy != "never"):
        raise ValueError(f"sync must be 'block', 'never' or a number of blocks, got {policy!r}")
    return every
