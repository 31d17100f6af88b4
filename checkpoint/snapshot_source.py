"""Opening a state to read: a store by its path, one of its checkpoints, an open store."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from checkpoint.manifest import check_files
from checkpoint.restore import choose_checkpoint
from checkpoint.rocks import RocksStore
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.rocks.reader import RocksReader
from checkpoint.store import StoreReader

SnapshotSource = str | Path | StoreReader
"""The path of a store, or a store that is open."""

_TEMPORARY = ".making-export-"
"""A checkpoint manager removes what a kill leaves under such a name."""


@contextmanager
def open_snapshot(source: SnapshotSource, height: int | None) -> Iterator[StoreReader]:
    """Open a state that does not change meanwhile.

    A path gives the head its store is at now, also while another process has it open; with a
    height, the checkpoint of that height. A store that this process has open gives a copy of its
    head, on disk by hard links; one in memory itself, and must not be written meanwhile. Raises
    NotAStore, NoCheckpoint, StoreDamaged, WrongFormat.
    """
    opened: AbstractContextManager[StoreReader]
    if isinstance(source, str | Path):
        path = Path(source)
        opened = closing(ReadOnlyStore(path)) if height is None else _checkpoint(path, height)
    elif height is not None:
        raise ValueError("checkpoints are exported by the path of their store")
    elif isinstance(source, RocksStore):
        opened = _copy(source)
    else:
        yield source
        return
    with opened as reader:
        yield reader


@contextmanager
def _checkpoint(path: Path, height: int) -> Iterator[StoreReader]:
    info = choose_checkpoint(path, height)
    check_files(info)
    with closing(RocksReader(info.database)) as reader:
        yield reader


@contextmanager
def _copy(store: RocksStore) -> Iterator[StoreReader]:
    store.layout.checkpoints.mkdir(exist_ok=True)
    parent = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=store.layout.checkpoints))
    try:
        store.checkpoint(parent / "db")
        with closing(RocksReader(parent / "db")) as reader:
            yield reader
    finally:
        shutil.rmtree(parent, ignore_errors=True)
