"""Atomic creation of a store: built under another name, and renamed when it is complete."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checkpoint.commit_marker import Commit, CommitMarker
from checkpoint.errors import AlreadyThere
from checkpoint.layout import StoreLayout, make_directory, rename, sync_directory, sync_file
from checkpoint.lock import StoreLock

_NOT_OURS = frozenset(("lost+found",))
"""Entries that a file system makes in its own root."""


def check_vacant(target: Path) -> None:
    """Raise AlreadyThere where something is in the place of the new store."""
    staged = f".{target.resolve().name}."
    if target.exists() and (
        not target.is_dir()
        or any(
            entry.name not in _NOT_OURS and not entry.name.startswith(staged)
            for entry in target.iterdir()
        )
    ):
        raise AlreadyThere(f"{target} is not empty; choose a new or empty directory")


@contextmanager
def staged_directory(target: Path, step: str) -> Iterator[StoreLayout]:
    """Give an empty store under another name, which is the target at the end, or nothing is there.

    It is built beside the target, and inside where the target is the root of a file system, which
    can't be replaced. `step` is part of its name. A kill leaves it under that name, to be used up
    by the next try; its lock keeps a second one out. Raises AlreadyThere, StoreLocked.
    """
    target = target.resolve()  # a link to a directory stays, and leads to the store
    check_vacant(target)
    is_root = target.is_mount()
    place = target if is_root else target.parent
    layout = StoreLayout(place / f".{target.name}.{step}")
    make_directory(layout.root)
    with StoreLock(layout.lock) as lock:
        try:
            _empty(layout)
            yield layout
            sync_directory(layout.root)
            lock.check()
            check_vacant(target)
            if is_root:
                _move_into(target, layout)
            else:
                rename(layout.root, target)
        except BaseException:
            shutil.rmtree(layout.root, ignore_errors=True)
            raise


def _empty(layout: StoreLayout) -> None:
    """Remove what an earlier try left, of a store with other settings maybe."""
    for entry in layout.root.iterdir():
        if entry == layout.lock:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _move_into(target: Path, layout: StoreLayout) -> None:
    """Move a finished store's entries up; with its database it is there, and whole."""
    rename(layout.database, target / layout.database.name)
    for entry in layout.root.iterdir():
        if entry != layout.lock:
            rename(entry, target / entry.name)
    shutil.rmtree(layout.root)


def write_commit_marker(file: Path, commit: Commit) -> None:
    """Record the one commit of a new store, durably."""
    marker = CommitMarker(file)
    try:
        marker.record(commit)
    finally:
        marker.close()
    sync_file(file)
