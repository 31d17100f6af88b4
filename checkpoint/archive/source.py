"""Where a state is exported from: a closed store, a checkpoint, or a store that is in use."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from checkpoint.errors import NotAStore
from checkpoint.layout import StoreLayout
from checkpoint.lock import StoreLock
from checkpoint.manifest import check_files
from checkpoint.restore import choose_checkpoint
from checkpoint.rocks import RocksStore
from checkpoint.rocks.opening import inspect
from checkpoint.rocks.reader import RocksReader
from checkpoint.store import StoreReader
from checkpoint.witness import read_witness

Source = str | Path | StoreReader
"""The path of a store, or a store that is open."""

_TEMPORARY = ".making-export-"
"""A checkpoint manager removes what a kill leaves under such a name."""


@contextmanager
def open_source(source: Source, height: int | None) -> Iterator[StoreReader]:
    """A state to read that nobody changes meanwhile.

    A path is that of a closed store, which is locked while it is read; with a height, the
    checkpoint of that height is read instead, and the store may be running. An open store on
    disk gives a copy of its head by hard links. Raises NotAStore, NoCheckpoint, StoreLocked,
    StoreDamaged.
    """
    if isinstance(source, str | Path):
        layout = StoreLayout(Path(source))
        opened = _head(layout) if height is None else _checkpoint(layout, height)
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
def _head(layout: StoreLayout) -> Iterator[StoreReader]:
    _require(layout)
    with StoreLock(layout.lock):
        layout.settle()
        inspect(layout.database, read_witness(layout.witness), None, accept_loss=False)
        with closing(RocksReader(layout.database)) as reader:
            yield reader


@contextmanager
def _checkpoint(layout: StoreLayout, height: int) -> Iterator[StoreReader]:
    _require(layout)
    info = choose_checkpoint(layout.root, height)
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


def _require(layout: StoreLayout) -> None:
    if not (layout.database.is_dir() or layout.replaced.is_dir()):
        raise NotAStore(f"there is no store at {layout.root}; give the path of one")
