"""Copying a database that is open, where its files can't be shared by hard links."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from checkpoint.errors import StoreFailed

_TRIES = 20
_PAUSE = 0.1
"""Seconds: merges in the background end meanwhile."""
_COPIED = ("*.sst", "*.log", "OPTIONS-*", "IDENTITY")


def copy_database(source: Path, target: Path) -> None:
    """Copy a database into a new directory while nothing is written to it.

    Files may still be merged in the background. The file list says so: when it is the same after
    copying, everything it names was there all the while. Raises StoreFailed.
    """
    try:
        for _ in range(_TRIES):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            if _copy_once(source, target):
                return
            time.sleep(_PAUSE)
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
