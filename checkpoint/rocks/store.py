"""The store on disk: RocksDB, a lock, and a witness of the last commit."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal
from weakref import WeakSet

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    Checkpoint,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    RdictIter,
    WriteBatch,
    WriteOptions,
)

from checkpoint.batch import BlockBatch
from checkpoint.checks import check_opening
from checkpoint.errors import CommitsLost, StoreClosed, StoreDamaged, StoreError, StoreFailed
from checkpoint.families import HEAD_KEY, Family, height_key
from checkpoint.head import Head
from checkpoint.layout import StoreLayout
from checkpoint.lock import StoreLock
from checkpoint.manifest import list_checkpoints
from checkpoint.store import DEFAULT_UNDO_WINDOW, Store, StoreReader
from checkpoint.witness import Commit, WitnessFile, read_witness

SyncPolicy = Literal["block", "never"] | int
"""When a block is forced to the disk itself: each one, every k-th, or when the system likes.

A killed process loses nothing under any of them; only a power failure tells them apart.
"""

_MEBIBYTE = 1 << 20
_BOOKKEEPING = "default"
"""The column family every RocksDB has; holds what is about the store, not the chain."""
_SEQUENCE_KEY = b"sequence"
_LARGE_VALUES = {Family.BODIES, Family.RECEIPTS}

Changes = Mapping[str, Mapping[bytes, bytes | None]]
"""Per family, new values by key; None deletes."""


class Database:
    """RocksDB with our families, speaking our errors."""

    def __init__(
        self,
        directory: Path,
        *,
        create: bool = False,
        read_only: bool = False,
        accept_loss: bool = False,
    ) -> None:
        """Open it. Read-only changes no file. Raises StoreDamaged or StoreFailed.

        A log record that was cut off at the end is what a kill leaves, and ignored. One that
        is wrong inside is refused, with the log left as it is; `accept_loss` goes back to the
        block before it and drops the rest.
        """
        self._where = str(directory)
        access = AccessType.read_only(False) if read_only else AccessType.read_write()
        cache = Cache(64 * _MEBIBYTE)
        families = {str(family): _family_options(family, cache) for family in Family}
        try:
            options = _database_options(create, accept_loss)
            self._rocks: Rdict | None = Rdict(self._where, options, families, access)
        except Exception as error:
            raise _translated(error, self._where) from error
        self._readers = {
            name: self._rocks.get_column_family(name) for name in (*families, _BOOKKEEPING)
        }
        self._handles = {name: self._rocks.get_column_family_handle(name) for name in self._readers}
        self._cursors: WeakSet[_Cursor] = WeakSet()

    def get(self, family: str, key: bytes) -> bytes | None:
        """One value. Raises StoreDamaged naming family and key."""
        try:
            value: bytes | None = self._reader(family).get(key)
        except StoreError:
            raise
        except Exception as error:
            raise _translated(error, f"family {family}, key {key.hex()}") from error
        return value

    def iterate(self, family: str, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Pairs from `start` on while they have `prefix`. Raises StoreDamaged."""
        cursor = _Cursor(self._reader(family), family, start)
        self._cursors.add(cursor)
        while (pair := cursor.next()) is not None and pair[0].startswith(prefix):
            yield pair

    def write(self, changes: Changes, *, sync: bool) -> None:
        """Apply all changes in one step. Raises StoreFailed."""
        if self._rocks is None:
            raise StoreClosed(f"{self._where} is closed")
        batch = WriteBatch(raw_mode=True)
        for family, pairs in changes.items():
            handle = self._handles[family]
            for key, value in pairs.items():
                if value is None:
                    batch.delete(key, handle)
                else:
                    batch.put(key, value, handle)
        options = WriteOptions()
        options.sync = sync
        try:
            self._rocks.write(batch, options)
        except Exception as error:
            raise StoreFailed(f"{self._where}: {error}") from error

    def checkpoint(self, directory: Path) -> None:
        """A copy of the database as it is, by hard links, in a directory that must not exist."""
        if self._rocks is None:
            raise StoreClosed(f"{self._where} is closed")
        try:
            Checkpoint(self._rocks).create_checkpoint(str(directory))
        except Exception as error:
            raise _translated(error, f"checkpoint {directory}") from error

    def close(self) -> None:
        """Close it, and its lock with it; closing twice does no harm."""
        if self._rocks is None:
            return
        # RocksDB stays open while any object of it lives, and with it its lock.
        for cursor in self._cursors:
            cursor.close()
        self._readers.clear()
        self._handles.clear()
        self._rocks.close()
        self._rocks = None

    def _reader(self, family: str) -> Rdict:
        try:
            return self._readers[family]
        except KeyError:
            raise StoreClosed(f"{self._where} is closed") from None


class _Cursor:
    """A RocksDB iterator that can be taken away from whoever holds it."""

    def __init__(self, reader: Rdict, family: str, start: bytes) -> None:
        self._family = family
        self._last = start
        self._iterator: RdictIter | None = reader.iter()
        self._iterator.seek(start)

    def next(self) -> tuple[bytes, bytes] | None:
        """The pair it is at, then one step on; None at the end."""
        if self._iterator is None:
            raise StoreClosed(f"the store was closed while family {self._family} was read")
        if not self._iterator.valid():
            self._check_end(self._iterator)
            return None
        pair = self._iterator.key(), self._iterator.value()
        self._last = pair[0]
        self._iterator.next()
        return pair

    def close(self) -> None:
        self._iterator = None

    def _check_end(self, iterator: RdictIter) -> None:
        """RocksDB ends an iteration at a damaged block as if it were the last."""
        try:
            iterator.status()
        except Exception as error:
            where = f"family {self._family}, at or after key {self._last.hex()}"
            raise _translated(error, where) from error


class RocksReader(StoreReader):
    """A database directory nobody writes, as a store to read; changes none of its files."""

    def __init__(self, directory: Path, *, accept_loss: bool = False) -> None:
        """Open a database directory, not a store's root. Raises StoreDamaged, WrongFormat."""
        self._database = Database(directory, read_only=True, accept_loss=accept_loss)
        try:
            self._head = _read_head(self._database)
            self.sequence = _read_sequence(self._database)
        except StoreError:
            self._database.close()
            raise

    def head(self) -> Head | None:
        return self._head

    def get(self, family: Family, key: bytes) -> bytes | None:
        return self._database.get(family, key)

    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._database.iterate(family, prefix, max(prefix, start or b""))

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()


class RocksStore(Store):
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
        WrongFormat, WrongChain.
        """
        self.path = Path(path)
        self.undo_window = undo_window
        self._sync_every = {"never": 0, "block": 1}[sync] if isinstance(sync, str) else sync
        self._unsynced = 0
        self._failure: str | None = None
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
        """How many batches were written to this store, restores counted on."""
        return self._sequence

    def head(self) -> Head | None:
        return self._head

    def get(self, family: Family, key: bytes) -> bytes | None:
        return self._database.get(family, key)

    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._database.iterate(family, prefix, max(prefix, start or b""))

    def write(self, batch: BlockBatch) -> None:
        with self._writing:
            if self._failure is not None:
                raise StoreFailed(
                    f"nothing more is written to {self.path} since a write failed "
                    f"({self._failure}); make room or repair the disk and open it again"
                )
            expiring = self._expiring(batch)
            try:
                self._commit(batch, expiring)
            except StoreClosed:
                raise
            except BaseException as error:
                # Also one from outside, as Ctrl-C: whether the batch is in is not known here.
                self._failure = str(error) or type(error).__name__
                if isinstance(error, OSError):
                    raise StoreFailed(f"{self.layout.witness}: {error}") from error
                raise
            self._expired(batch, expiring)

    def checkpoint(self, directory: Path) -> tuple[Head, int]:
        """Copy the database into a new directory; the head and sequence that the copy has.

        Files are shared with the store by hard links. Raises StoreError where nothing was
        written yet, StoreFailed when the disk refuses.
        """
        with self._writing:
            if self._head is None:
                raise StoreError(f"{self.path} has no block yet, so there is nothing to keep")
            self._database.checkpoint(directory)
            return self._head, self._sequence

    def close(self) -> None:
        self._database.close()
        self._witness.close()
        self._lock.release()

    def _open(self, chain_id: int | None, accept_loss: bool) -> None:
        self.layout.settle()
        seen = read_witness(self.layout.witness)
        new = self.layout.is_new()
        if not new:
            # Looked at before it is opened for writing, so that a damaged store stays as it is.
            with closing(RocksReader(self.layout.database, accept_loss=accept_loss)) as reader:
                check_opening(reader, chain_id)
                if seen is not None and not accept_loss:
                    self._compare(reader, seen)
        self._database = Database(self.layout.database, create=new, accept_loss=accept_loss)
        try:
            self._adopt(seen, chain_id)
        except BaseException:
            self._database.close()
            raise

    def _compare(self, reader: RocksReader, seen: Commit) -> None:
        """The witness may be behind the database, and never ahead."""
        head = reader.head()
        if reader.sequence < seen.sequence:
            found = head.height if head else None
            raise CommitsLost(str(self.layout.database), found, seen.height)
        if reader.sequence == seen.sequence and head and head.block_hash != seen.block_hash:
            raise StoreDamaged(
                f"it is at block {head.block_hash.hex()} but {seen.block_hash.hex()} was "
                "committed: this is another store's database",
                str(self.layout.database),
            )

    def _adopt(self, seen: Commit | None, chain_id: int | None) -> None:
        self._head = _read_head(self._database)
        check_opening(self, chain_id)
        self._sequence = max(_read_sequence(self._database), seen.sequence if seen else 0)
        self._oldest_undo = self._find_oldest_undo()
        self._witness = WitnessFile(self.layout.witness)
        self._record_commit()

    def _commit(self, batch: BlockBatch, expiring: range) -> None:
        sequence = self._sequence + 1
        changes: dict[str, Mapping[bytes, bytes | None]] = dict(batch.changes.items())
        expired = {height_key(height): None for height in expiring}
        changes[Family.UNDO] = {**batch.changes.get(Family.UNDO, {}), **expired}
        changes[_BOOKKEEPING] = {_SEQUENCE_KEY: sequence.to_bytes(8, "big")}
        self._unsynced += 1
        sync = 0 < self._sync_every <= self._unsynced
        self._database.write(changes, sync=sync)
        self._unsynced = 0 if sync else self._unsynced
        self._sequence = sequence
        self._head = batch.head or self._head
        self._record_commit()

    def _record_commit(self) -> None:
        if self._head is not None:
            commit = Commit(self._sequence, self._head.height, self._head.block_hash)
            self._witness.record(commit)

    def _checkpoint_heights(self) -> list[int]:
        return [info.height for info in list_checkpoints(self.path) if info.problem is None]


def set_sequence(directory: Path, sequence: int) -> None:
    """Make a database directory that nobody has open count its batches on from `sequence`."""
    database = Database(directory)
    try:
        database.write({_BOOKKEEPING: {_SEQUENCE_KEY: sequence.to_bytes(8, "big")}}, sync=True)
    finally:
        database.close()


def _read_head(database: Database) -> Head | None:
    value = database.get(Family.HEAD, HEAD_KEY)
    return None if value is None else Head.decode(value)


def _read_sequence(database: Database) -> int:
    return int.from_bytes(database.get(_BOOKKEEPING, _SEQUENCE_KEY) or b"", "big")


def _translated(error: Exception, where: str) -> StoreError:
    """Our error for one of RocksDB's, which has a single type and puts its kind in the text."""
    text = str(error)
    if text.startswith("Corruption") or "No such file" in text or "does not exist" in text:
        return StoreDamaged(text, where)
    return StoreFailed(f"{where}: {text}")


def _database_options(create: bool, accept_loss: bool) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(create)
    options.create_missing_column_families(create)
    # All families reach their files together, so that they agree even if the log is lost.
    options.set_atomic_flush(True)
    options.set_wal_recovery_mode(
        DBRecoveryMode.point_in_time()
        if accept_loss
        else DBRecoveryMode.tolerate_corrupted_tail_records()
    )
    options.set_max_total_wal_size(64 * _MEBIBYTE)
    options.set_db_write_buffer_size(64 * _MEBIBYTE)
    # Written back while it grows, so that a flush or a sync does not wait for all of it at once.
    options.set_bytes_per_sync(_MEBIBYTE)
    options.set_wal_bytes_per_sync(_MEBIBYTE)
    options.set_manifest_preallocation_size(_MEBIBYTE // 16)
    options.set_keep_log_file_num(2)
    return options


def _family_options(family: Family, cache: Cache) -> Options:
    options = Options(raw_mode=True)
    # Small, since a checkpoint first writes out what is buffered; the levels below in proportion.
    options.set_write_buffer_size(2 * _MEBIBYTE)
    options.set_level_zero_file_num_compaction_trigger(8)
    options.set_max_bytes_for_level_base(32 * _MEBIBYTE)
    options.set_target_file_size_base(8 * _MEBIBYTE)
    options.set_compression_type(
        DBCompressionType.zstd() if family in _LARGE_VALUES else DBCompressionType.lz4()
    )
    table = BlockBasedOptions()
    table.set_block_cache(cache)
    # Most look-ups name one key: hashes of nodes, blocks, transactions; keys of rows.
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    return options
