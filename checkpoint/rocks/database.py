"""RocksDB with our families and our errors; the only module that imports it."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from weakref import WeakSet

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    Checkpoint,
    DBCompactionStyle,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    RdictIter,
    WriteBatch,
    WriteOptions,
)

from checkpoint.errors import OtherVersion, StoreClosed, StoreDamaged, StoreError, StoreFailed
from checkpoint.families import HASHED, Family

BOOKKEEPING = "default"
"""The column family every RocksDB has; holds what is about the store, not the chain."""
_MEBIBYTE = 1 << 20
_ADDED = {str(Family.ORIGIN)}
"""Families that databases of earlier versions do not have."""
_LARGE_VALUES = {Family.BODIES, Family.RECEIPTS}

Changes = Mapping[str, Mapping[bytes, bytes | None]]
"""Per family, new values by key; None deletes."""


MOST_OPEN = 128
"""Row files open at once: stores of any size can be kept by a process with 256 descriptors."""
MOST_SMALL = 24
"""Row files of a family that wait to be merged; usually a third of that."""
_MOST_AHEAD = 256
"""Pairs read at once by an iteration, which begins with one."""
_COPY_TRIES = 20
_COPY_PAUSE = 0.1
"""Seconds: merges in the background end meanwhile."""
_COPIED = ("*.sst", "*.log", "OPTIONS-*", "IDENTITY")


class Database:
    """RocksDB with our families, speaking our errors."""

    def __init__(
        self,
        directory: Path,
        *,
        create: bool = False,
        read_only: bool = False,
        accept_loss: bool = False,
        by: Path | None = None,
        most_open: int = MOST_OPEN,
    ) -> None:
        """Open it. Read-only changes no file. Raises StoreDamaged or StoreFailed.

        RocksDB goes `by` another path to the directory where one is given; errors name this one.
        Row files beyond `most_open` are opened when they are needed; -1 for no bound.

        A log record that was cut off at the end is what a kill leaves, and ignored. One that
        is wrong inside is refused, with the log left as it is; `accept_loss` goes back to the
        block before it and drops the rest.
        """
        self._where, self._by = str(directory), str(by or directory)
        access = AccessType.read_only(False) if read_only else AccessType.read_write()
        cache = Cache(64 * _MEBIBYTE)
        families = {str(family): _family_options(family, cache) for family in Family}
        options = _database_options(create, accept_loss)
        options.set_max_open_files(most_open)
        try:
            try:
                rocks = Rdict(self._by, options, families, access)
            except Exception:
                if set(families) - set(Rdict.list_cf(self._by)) != _ADDED:
                    raise
                if read_only:
                    families = {name: families[name] for name in families.keys() - _ADDED}
                options.create_missing_column_families(not read_only)
                rocks = Rdict(self._by, options, families, access)
        except Exception as error:
            raise self._translated(error, self._where) from error
        self._rocks: Rdict | None = rocks
        self._readers = {
            name: self._rocks.get_column_family(name) for name in (*families, BOOKKEEPING)
        }
        self._handles = {name: self._rocks.get_column_family_handle(name) for name in self._readers}
        self._cursors: WeakSet[_Cursor] = WeakSet()
        self._write_options = {sync: _write_options(sync=sync) for sync in (False, True)}

    def get(self, family: str, key: bytes) -> bytes | None:
        """Return one value. Raises StoreDamaged naming family and key."""
        if self._lacks(family):
            return None
        try:
            value: bytes | None = self._reader(family).get(key)
        except StoreError:
            raise
        except Exception as error:
            raise self._translated(error, f"family {family}, key {key.hex()}") from error
        return value

    def iterate(self, family: str, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs from `start` on while they have `prefix`. Raises StoreDamaged."""
        if self._lacks(family):
            return
        cursor = _Cursor(self._reader(family), family, start)
        self._cursors.add(cursor)
        count = 1
        while pairs := cursor.take(count, prefix):
            yield from pairs
            count = min(2 * count, _MOST_AHEAD)

    def write(self, changes: Changes, *, sync: bool) -> None:
        """Apply all changes in one step. Raises StoreFailed."""
        if self._rocks is None:
            raise StoreClosed(f"{self._where} is closed")
        try:
            # No name of this frame may hold the batch: an error's traceback keeps them, and what
            # holds a part of the database keeps it from being closed.
            self._rocks.write(self._batch(changes), self._write_options[sync])
        except Exception as error:
            raise StoreFailed(f"{self._where}: {self._text(error)}") from error

    def _batch(self, changes: Changes) -> WriteBatch:
        batch = WriteBatch(raw_mode=True)
        put = batch.put
        for family, pairs in changes.items():
            handle = self._handles[family]
            for key, value in pairs.items():
                if value is None:
                    batch.delete(key, handle)
                else:
                    put(key, value, handle)
        return batch

    def checkpoint(self, directory: Path) -> None:
        """Copy it into a directory that must not exist, by hard links where there are any.

        Nothing may be written meanwhile. Raises StoreDamaged, StoreFailed.
        """
        if self._rocks is None:
            raise StoreClosed(f"{self._where} is closed")
        try:
            Checkpoint(self._rocks).create_checkpoint(str(directory))
        except Exception as error:
            if not _is_link_refused(str(error)):
                raise self._translated(error, f"checkpoint {directory}") from error
            _copy_database(Path(self._where), directory)

    def compact(self) -> None:
        """Give back the disk that deleted and overwritten entries still take."""
        for family, reader in self._readers.items():
            try:
                reader.compact_range(None, None)
            except Exception as error:
                raise self._translated(error, f"compacting family {family}") from error

    @property
    def is_closed(self) -> bool:
        """True after `close`."""
        return self._rocks is None

    def close(self) -> None:
        """Close it, and its lock with it; closing twice does no harm."""
        if self._rocks is None:
            return
        # Its own close would write each family to a file by itself. The log has everything, so
        # that is stopped, and dropping every object of it is what closes it and its lock.
        self._rocks.cancel_all_background(True)
        for cursor in self._cursors:
            cursor.close()
        self._readers.clear()
        self._handles.clear()
        self._rocks = None

    def _translated(self, error: Exception, where: str) -> StoreError:
        return _translated(self._text(error), where)

    def _text(self, error: Exception) -> str:
        return str(error).replace(self._by, self._where)

    def _lacks(self, family: str) -> bool:
        """Tell whether the database was made before there was a family, and is only read."""
        return family in _ADDED and family not in self._readers and self._rocks is not None

    def _reader(self, family: str) -> Rdict:
        try:
            return self._readers[family]
        except KeyError:
            raise StoreClosed(f"{self._where} is closed") from None


class _Cursor:
    """A RocksDB iterator that can be closed while it is in use."""

    def __init__(self, reader: Rdict, family: str, start: bytes) -> None:
        self._family = family
        self._last = start
        self._iterator: RdictIter | None = reader.iter()
        self._iterator.seek(start)

    def take(self, count: int, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Return the next pairs, at most `count`, while they have `prefix`; none at the end."""
        iterator = self._iterator
        if iterator is None:
            raise StoreClosed(f"the store was closed while family {self._family} was read")
        pairs: list[tuple[bytes, bytes]] = []
        while len(pairs) < count:
            if not iterator.valid():
                self._check_end(iterator)
                break
            key = iterator.key()
            if not key.startswith(prefix):
                break
            self._last = key
            pairs.append((key, iterator.value()))
            iterator.next()
        return pairs

    def close(self) -> None:
        self._iterator = None

    def _check_end(self, iterator: RdictIter) -> None:
        """Raise at damage: RocksDB ends an iteration there as if it were the last block."""
        try:
            iterator.status()
        except Exception as error:
            where = f"family {self._family}, at or after key {self._last.hex()}"
            raise _translated(str(error), where) from error


def _translated(text: str, where: str) -> StoreError:
    """Return our error for one of RocksDB's, which has one type and tells its kind in the text."""
    if text.startswith("Corruption") or "No such file" in text or "does not exist" in text:
        return StoreDamaged(text, where)
    if "Column famil" in text:  # one we know is not there, or there is one that we do not know
        return OtherVersion(where, text)
    return StoreFailed(f"{where}: {text}")


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database into a new directory while nothing is written to it.

    Files may still be merged in the background. The file list says so: when it is the same after
    copying, everything it names was there all the while. Raises StoreFailed.
    """
    try:
        for _ in range(_COPY_TRIES):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            if _copy_once(source, target):
                return
            time.sleep(_COPY_PAUSE)
    except OSError as error:
        raise StoreFailed(f"copying {source}: {error}") from error
    raise StoreFailed(f"copying {source}: its files did not stay the same for long enough")


def _copy_once(source: Path, target: Path) -> bool:
    current = (source / "CURRENT").read_bytes()
    file_list = source / current.decode().strip()
    listed = file_list.read_bytes()
    (target / "CURRENT").write_bytes(current)
    (target / file_list.name).write_bytes(listed)
    try:
        for pattern in _COPIED:
            for file in source.glob(pattern):
                shutil.copyfile(file, target / file.name)
    except FileNotFoundError:
        return False
    return (source / "CURRENT").read_bytes() == current and file_list.read_bytes() == listed


def _is_link_refused(text: str) -> bool:
    """Return whether files can't be shared because of the kind of file system."""
    refusals = (errno.EPERM, errno.EMLINK, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS)
    return "link file" in text and any(os.strerror(number) in text for number in refusals)


def _write_options(*, sync: bool) -> WriteOptions:
    options = WriteOptions()
    options.sync = sync
    return options


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
    # Its diary, which a running store would otherwise let grow for ever.
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(8 * _MEBIBYTE)
    return options


def _compression(family: Family) -> DBCompressionType:
    if family is Family.NODES:  # hashes for the most part, which nothing makes shorter
        return DBCompressionType.none()
    return DBCompressionType.zstd() if family in _LARGE_VALUES else DBCompressionType.lz4()


def _family_options(family: Family, cache: Cache) -> Options:
    options = Options(raw_mode=True)
    # What five hundred blocks of one transaction fill. Smaller ones are written out and merged more
    # often, which takes longer than writing them; larger ones hold up a checkpoint, which first
    # writes out what is buffered.
    options.set_write_buffer_size(4 * _MEBIBYTE)
    options.set_level_zero_file_num_compaction_trigger(8)
    # Where merging falls behind, writing waits for it, which bounds the files.
    options.set_level_zero_stop_writes_trigger(MOST_SMALL)
    options.set_max_bytes_for_level_base(32 * _MEBIBYTE)
    options.set_target_file_size_base(64 * _MEBIBYTE)
    if family not in HASHED:
        # By levels, files whose keys follow each other are moved down as they are, never merged:
        # one small file would stay for each checkpoint ever made.
        options.set_compaction_style(DBCompactionStyle.universal())
    options.set_compression_type(_compression(family))
    table = BlockBasedOptions()
    table.set_block_cache(cache)
    # Most look-ups name one key: hashes of nodes, blocks, transactions; keys of rows.
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    return options
