"""Making a whole new store: beside its place, and moved there when it is complete."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checkpoint.commit_marker import Commit, CommitMarker
from checkpoint.errors import AlreadyThere
from checkpoint.layout import StoreLayout, make_directory, rename, sync_directory, sync_file
from checkpoint.lock import StoreLock


def check_vacant(target: Path) -> None:
    """Raises AlreadyThere where something is in the place of the new store."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AlreadyThere(f"{target} is not empty; choose a new or empty directory")


@contextmanager
def staged_directory(target: Path, step: str) -> Iterator[StoreLayout]:
    """An empty store beside the target, moved there at the end, or nothing is there.

    `step` is part of its name until then. A kill leaves it under that name, to be used up by the
    next try; its lock keeps a second one out. Raises AlreadyThere, StoreLocked.
    """
    target = target.absolute()
    check_vacant(target)
    layout = StoreLayout(target.with_name(f".{target.name}.{step}"))
    make_directory(layout.root)
    with StoreLock(layout.lock):
        try:
            shutil.rmtree(layout.database, ignore_errors=True)
            layout.witness.unlink(missing_ok=True)
            yield layout
            sync_directory(layout.root)
            check_vacant(target)
            rename(layout.root, target)
        except BaseException:
            shutil.rmtree(layout.root, ignore_errors=True)
            raise


def write_commit_marker(file: Path, commit: Commit) -> None:
    """Vouch for the one commit of a new store, durably."""
    witness = CommitMarker(file)
    try:
        witness.record(commit)
    finally:
        witness.close()
    sync_file(file)
