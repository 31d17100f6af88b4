"""Makes checkpoints as the chain goes, and removes the old ones."""

from __future__ import annotations

import logging
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from checkpoint.errors import StoreError, StoreFailed
from checkpoint.head import FORMAT, Head
from checkpoint.layout import (
    BINDING_NAME,
    StoreLayout,
    make_directory,
    rename,
    sync_directory,
    sync_file,
)
from checkpoint.lock import StoreLock
from checkpoint.manifest import (
    DATABASE_NAME,
    MANIFEST_NAME,
    PINNED_NAME,
    CheckpointInfo,
    Manifest,
    describe_files,
    first_wrong_file,
    list_checkpoints,
    read_checkpoint,
)
from checkpoint.metrics import CheckpointMetrics, stopwatch
from checkpoint.retention import read_retention, resolve_retention
from checkpoint.rocks import RocksStore
from precompiles.ledger.commitment import digest

_logger = logging.getLogger(__name__)
_MAKING = ".making-"
_REMOVING = ".removing-"


class CheckpointManager:
    """The checkpoints of one open store."""

    def __init__(
        self, store: RocksStore, interval: int | None = None, keep: int | None = None
    ) -> None:
        """Make a checkpoint every `interval` blocks; keep the last `keep` and the pinned ones.

        What is not given is as it was last time (see `resolve_retention`). Removes what an
        interrupted checkpoint or removal left behind. Raises ValueError, StoreError.
        """
        retention = resolve_retention(store.layout.retention, interval, keep)
        self.store, self.interval, self.keep = store, retention.interval, retention.keep
        self._told: int | None = None
        self._is_due = False
        self._failures = self._blocks_to_wait = 0
        self.metrics = CheckpointMetrics()
        self.directory = store.layout.checkpoints
        make_directory(self.directory)
        for path in self.directory.iterdir():
            if path.name.startswith((_MAKING, _REMOVING)):
                shutil.rmtree(path)

    def committed(self, head: Head) -> CheckpointInfo | None:
        """Make and remove checkpoints when it is time; called each time the head moved.

        That is at every `interval`th height, and where several blocks at once went past one.
        Going back makes none: there was a time for it when the chain came by.
        Called with the head of a store that was just opened, it makes up for a checkpoint
        that a kill prevented; one that is there is not made again.

        A checkpoint that can't be made is logged and made up for after a later block: the block
        is durable without it. Between two tries twice as many blocks pass each time.
        """
        before, self._told = self._told, head.height
        self._is_due = self._is_due or self._is_time(head.height, before)
        self._blocks_to_wait = max(0, self._blocks_to_wait - 1)
        if not self._is_due or self._blocks_to_wait:
            return None
        try:
            info = self.create()
            self.remove_old()
        except (StoreError, OSError) as error:
            self._note_failure(error, head)
            return None
        self._is_due, self._failures = False, 0
        return info

    def create(self) -> CheckpointInfo:
        """Make a checkpoint of the store as it is, or return the one that this block has.

        It is built under another name and appears with all its content, or not at all.
        """
        self.store.check_place()
        making = self.directory / f"{_MAKING}{self.store.sequence}"
        try:
            existing = self.list()
            for info in existing:
                if self._is_of_head(info):
                    if first_wrong_file(info) is None:
                        return info
                    _remove(info)
            with stopwatch() as watch:
                info = self._make(making, existing)
        except OSError as error:
            raise StoreFailed(f"checkpoint in {self.directory}: {error}") from error
        finally:
            shutil.rmtree(making, ignore_errors=True)
        self._note_made(info, watch.seconds)
        return info

    def list(self) -> tuple[CheckpointInfo, ...]:
        """Return the checkpoints, oldest first; see `list_checkpoints`."""
        return list_checkpoints(self.store.path)

    def remove_old(self, *, dry_run: bool = False) -> tuple[CheckpointInfo, ...]:
        """Remove all but the newest `keep` checkpoints; returns what goes.

        Pinned ones stay and are not counted; unusable directories are left for their owner.
        """
        gone = _surplus(self.list(), self.keep)
        if not dry_run:
            _remove_all(gone, self.store.check_place)
            self.metrics = replace(self.metrics, removed=self.metrics.removed + len(gone))
        return gone

    def _is_time(self, height: int, before: int | None) -> bool:
        if height == 0 or (before is not None and height < before):
            return False
        passed = before is not None and height // self.interval > before // self.interval
        return passed or height % self.interval == 0

    def _note_failure(self, error: Exception, head: Head) -> None:
        self._failures += 1
        self._blocks_to_wait = min(2**self._failures, self.interval)
        self.metrics = replace(
            self.metrics, failed=self.metrics.failed + 1, last_failure=str(error)
        )
        _logger.warning(
            "no checkpoint of block %d, which is durable all the same: %s; trying again %d blocks "
            "later",
            head.height,
            error,
            self._blocks_to_wait,
        )

    def _note_made(self, info: CheckpointInfo, seconds: float) -> None:
        assert info.manifest is not None
        rows = sum(info.manifest.rows.values())
        _logger.info("checkpoint of block %d: %d rows, %.3f s", info.height, rows, seconds)
        self.metrics = replace(
            self.metrics,
            made=self.metrics.made + 1,
            seconds=self.metrics.seconds + seconds,
            last_seconds=seconds,
            last_height=info.height,
            last_rows=rows,
        )

    def _is_of_head(self, info: CheckpointInfo) -> bool:
        head = self.store.head()
        claimed = info.manifest.block_hash if info.manifest else None
        return head is not None and head.block_hash.hex() == claimed

    def _make(self, making: Path, existing: tuple[CheckpointInfo, ...]) -> CheckpointInfo:
        making.mkdir()
        head, sequence = self.store.checkpoint(making / DATABASE_NAME)
        _settle_files(making / DATABASE_NAME)
        earlier = existing[-1] if existing else None
        manifest = Manifest(
            format=FORMAT,
            chain_id=head.chain_id,
            height=head.height,
            block_hash=head.block_hash.hex(),
            state_root=head.state_root.hex(),
            digest=digest(head.commitment).hex(),
            rows={str(table): count for table, count in sorted(head.commitment.counts.items())},
            sequence=sequence,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            versions={"python": platform.python_version(), "rocksdict": version("rocksdict")},
            files=describe_files(making / DATABASE_NAME, earlier),
        )
        with (making / MANIFEST_NAME).open("xb") as file:
            file.write(manifest.encode())
            file.flush()
            os.fsync(file.fileno())
        sync_directory(making)
        self.store.check_place()
        target = self._free_name(head)
        rename(making, target)
        return read_checkpoint(target)

    def _free_name(self, head: Head) -> Path:
        """Return the height as a name; with part of the block hash where another branch has it."""
        target = self.directory / f"{head.height:012d}"
        if target.exists():
            target = target.with_name(f"{target.name}-{head.block_hash.hex()[:8]}")
        return target


def _settle_files(database: Path) -> None:
    """Force files to the disk that are not shared; shared ones are there since they were made."""
    (database / BINDING_NAME).unlink(missing_ok=True)
    for file in database.iterdir():
        if file.stat().st_nlink == 1:
            sync_file(file)
    sync_directory(database)


def remove_checkpoints(
    path: Path, keep: int | None = None, *, dry_run: bool = False
) -> tuple[CheckpointInfo, ...]:
    """Remove all but the newest `keep` checkpoints of a store nobody holds; returns what goes.

    By default as many are kept as the chain keeps by itself.
    Pinned ones stay and are not counted, unusable directories are left. A dry run needs no lock.
    Raises StoreLocked, StoreFailed, ValueError.
    """
    if keep is None:
        keep = read_retention(StoreLayout(path).retention).keep
    if keep < 1:
        raise ValueError(f"keep must be at least 1, got {keep}")
    if dry_run:
        return _surplus(list_checkpoints(path), keep)
    with StoreLock(StoreLayout(path).lock) as lock:
        gone = _surplus(list_checkpoints(path), keep)
        _remove_all(gone, lock.check)
    return gone


def set_pinned(info: CheckpointInfo, pinned: bool) -> None:
    """Pin a checkpoint, which keeps it from being removed, or unpin it."""
    marker = info.path / PINNED_NAME
    if pinned:
        marker.touch()
    else:
        marker.unlink(missing_ok=True)


def _surplus(checkpoints: Sequence[CheckpointInfo], keep: int) -> tuple[CheckpointInfo, ...]:
    usable = [info for info in checkpoints if info.problem is None and not info.pinned]
    return tuple(usable[:-keep])


def _remove_all(checkpoints: Sequence[CheckpointInfo], check_place: Callable[[], None]) -> None:
    for info in checkpoints:
        check_place()
        try:
            _remove(info)
        except OSError as error:
            raise StoreFailed(f"removing {info.path}: {error}") from error
        _logger.info("removed the checkpoint of block %d", info.height)


def _remove(info: CheckpointInfo) -> None:
    """Rename and remove a checkpoint, so that half of one never looks like one."""
    removing = info.path.with_name(f"{_REMOVING}{info.path.name}")
    rename(info.path, removing)
    shutil.rmtree(removing)
