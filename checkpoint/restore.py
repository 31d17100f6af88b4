"""Restoring: a checkpoint becomes the live store, or a new one."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import closing, suppress
from pathlib import Path

from checkpoint.atomic_directory import staged_directory, write_commit_marker
from checkpoint.block_record import BlockInspector
from checkpoint.chain_identity import (
    ChainIdentity,
    identity_of,
    read_identity,
    write_identity,
)
from checkpoint.commit_marker import Commit, read_commit_marker
from checkpoint.deep_verify import block_problems, state_problems
from checkpoint.errors import NoCheckpoint, NotAStore, StoreDamaged, StoreError, StoreFailed
from checkpoint.layout import BINDING_NAME, StoreLayout, rename, sync_directory, sync_file
from checkpoint.lock import StoreLock
from checkpoint.manifest import CheckpointInfo, Manifest, check_files, list_checkpoints
from checkpoint.metrics import stopwatch
from checkpoint.rocks.bookkeeping import set_sequence
from checkpoint.rocks.reader import RocksReader
from checkpoint.store import Progress
from checkpoint.verify import VerifyReport, verify_store
from precompiles.ledger.commitment import digest

_logger = logging.getLogger(__name__)


def restore(
    path: str | Path, height: int | None = None, *, progress: Progress | None = None
) -> CheckpointInfo:
    """Make the newest checkpoint of the store at `path`, or that at `height`, its state.

    Offline: takes the store's lock. The checkpoint is proven first (see `copy_verified`), then
    put in place by renames; a kill at any moment leaves the old state or the new one, and
    opening the store or restoring again sorts out the rest. What was replaced is kept until then.

    Checkpoints stay as they are, also those above the restored height: they are of a future
    the chain may not take again. Newest means made last, whatever its height, so once the
    chain has made a checkpoint on its new way, that one is the newest.

    Raises NoCheckpoint, StoreLocked, StoreDamaged (naming the first thing that is wrong, with
    nothing changed), StoreFailed.
    """
    layout = StoreLayout(Path(path))
    if not layout.root.is_dir():
        raise NotAStore(f"{path} does not exist; give the path of a store")
    layout.prepare()
    with StoreLock(layout.lock) as lock:
        info = choose_checkpoint(layout.root, height)
        try:
            layout.settle()
            with stopwatch() as watch:
                _build(info, layout, progress)
                lock.check()
                _swap(layout)
        except OSError as error:
            raise StoreFailed(f"restoring {info.path}: {error}") from error
    _logger.info("restored block %d at %s, %.3f s", info.height, layout.root, watch.seconds)
    return info


def restore_to(
    path: str | Path,
    target: str | Path,
    height: int | None = None,
    *,
    progress: Progress | None = None,
) -> CheckpointInfo:
    """Make a new store at `target` of the newest checkpoint of the store at `path`, or another.

    For trying out another future: the store at `path` is only read, and may be in use; row files
    are shared with it where the file system can. The new one begins without checkpoints and will
    make and keep them as the old one does. It is built and proven under another name beside
    `target` and appears whole or not at all; after a kill, this can be run again.

    Raises AlreadyThere where `target` is a file or a directory with something in it, NotAStore,
    NoCheckpoint, StoreLocked while another process is at the same target, StoreDamaged,
    StoreFailed.
    """
    if not Path(path).is_dir():
        raise NotAStore(f"{path} does not exist; give the path of a store")
    info = choose_checkpoint(Path(path), height)
    assert info.manifest is not None
    commit = Commit(info.manifest.sequence, info.height, bytes.fromhex(info.manifest.block_hash))
    try:
        with staged_directory(Path(target), "restoring") as layout, stopwatch() as watch:
            source = StoreLayout(Path(path))
            identity = copy_verified(info, layout.database, progress, _known_identity(source))
            if identity is not None:
                write_identity(layout.identity, identity)
            write_commit_marker(layout.commit_marker, commit)
            with suppress(FileNotFoundError):
                _copy(source.retention, layout.retention)
            sync_directory(layout.database)
    except OSError as error:
        raise StoreFailed(f"restoring {info.path} to {target}: {error}") from error
    _logger.info("restored block %d to %s, %.3f s", info.height, target, watch.seconds)
    return info


def choose_checkpoint(store: Path, height: int | None) -> CheckpointInfo:
    """Return the newest usable checkpoint, or the newest at `height`. Raises NoCheckpoint."""
    found = list_checkpoints(store)
    usable = [info for info in found if info.problem is None]
    wanted = [info for info in usable if height is None or info.height == height]
    if wanted:
        return wanted[-1]
    broken = [f"{info.path.name}: {info.problem}" for info in found if info.height == height]
    heights = ", ".join(str(info.height) for info in usable) or "none"
    where = f"{store}" if height is None else f"{store} at height {height}"
    reason = f" ({'; '.join(broken)})" if broken else ""
    raise NoCheckpoint(f"no usable checkpoint of {where}{reason}; there are: {heights}")


def copy_verified(
    info: CheckpointInfo,
    directory: Path,
    progress: Progress | None = None,
    identity: ChainIdentity | None = None,
) -> ChainIdentity | None:
    """Copy a checkpoint's database into a new directory, sharing its row files, and verify it.

    Every file is compared with the manifest, then the copy is opened and verified: rows,
    commitment, storage slot, state root, header, block hash, all of the state and the blocks by
    their headers, and all of it against the manifest; that it is of the chain of `identity` too,
    where one is given. Returns its own. Raises StoreDamaged naming the first thing that differs.
    """
    check_files(info)
    assert info.manifest is not None
    directory.mkdir()
    for file in info.manifest.files:
        if file.name == BINDING_NAME:
            continue
        _copy(info.database / file.name, directory / file.name)
    sync_directory(directory)
    with closing(RocksReader(directory)) as reader:
        problem = (
            verify_store(reader, progress).difference
            or next(state_problems(reader), None)
            or next(block_problems(reader, None), None)
        )
        if problem is not None:
            raise StoreDamaged(problem, str(info.path))
        _compare(reader, info.manifest, info.path)
        if identity is not None:
            identity.check(reader, str(info.path))
        return identity_of(reader)


def verify_checkpoint(
    info: CheckpointInfo,
    *,
    progress: Progress | None = None,
    deep: bool = False,
    inspect: BlockInspector | None = None,
) -> VerifyReport:
    """Verify a checkpoint where it lies; changes nothing.

    Its files are compared with the manifest, and what they hold is verified as `verify_store` does
    and compared with the manifest and with the chain of the store that it lies in. Raises
    StoreDamaged naming the first thing that differs.
    """
    check_files(info)
    assert info.manifest is not None
    identity = read_identity(StoreLayout(info.path.parents[1]).identity)
    with closing(RocksReader(info.database)) as reader:
        report = verify_store(reader, progress, deep=deep, inspect=inspect)
        if report.difference is not None:
            raise StoreDamaged(report.difference, str(info.path))
        _compare(reader, info.manifest, info.path)
        if identity is not None:
            identity.check(reader, str(info.path))
    return report


def _build(info: CheckpointInfo, layout: StoreLayout, progress: Progress | None) -> None:
    """Build the new database, ready to be put in place; nothing of it stays if that fails."""
    shutil.rmtree(layout.restoring, ignore_errors=True)
    try:
        copy_verified(info, layout.restoring, progress, _known_identity(layout))
        set_sequence(layout.restoring, _next_sequence(layout))
        sync_directory(layout.restoring)
    except BaseException:
        shutil.rmtree(layout.restoring, ignore_errors=True)
        raise


def _known_identity(layout: StoreLayout) -> ChainIdentity | None:
    """Return which chain a store is of, by its record or by the database that is there."""
    identity = read_identity(layout.identity)
    if identity is None and layout.database.is_dir():
        with suppress(StoreError), closing(RocksReader(layout.database)) as reader:
            return identity_of(reader)
    return identity


def _compare(reader: RocksReader, manifest: Manifest, path: Path) -> None:
    head = reader.head()
    assert head is not None
    held = {
        "chain_id": head.chain_id,
        "height": head.height,
        "block_hash": head.block_hash.hex(),
        "state_root": head.state_root.hex(),
        "digest": digest(head.commitment).hex(),
        "rows": {str(table): count for table, count in head.commitment.counts.items()},
        "sequence": reader.bookkeeping.sequence,
    }
    for name, value in held.items():
        if getattr(manifest, name) != value:
            raise StoreDamaged(
                f"its {name} is {value}, its manifest says {getattr(manifest, name)}", str(path)
            )


def _copy(source: Path, target: Path) -> None:
    """Share a row file, which never changes, where the file system can; copy others."""
    if source.suffix == ".sst":
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copyfile(source, target)
    sync_file(target)


def _next_sequence(layout: StoreLayout) -> int:
    """Return a count above all given out here, so that the restored state is the newest commit."""
    seen = read_commit_marker(layout.commit_marker)
    counts = [info.manifest.sequence for info in list_checkpoints(layout.root) if info.manifest]
    return 1 + max((*counts, seen.sequence if seen else 0))


def _swap(layout: StoreLayout) -> None:
    if layout.database.exists():
        rename(layout.database, layout.replaced)
    rename(layout.restoring, layout.database)
    if layout.replaced.exists():
        shutil.rmtree(layout.replaced)
