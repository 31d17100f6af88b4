"""Disk usage of a directory: its own, and what it shares by hard links."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes of a directory's files."""

    own: int
    """In files that are nowhere else: what removing the directory frees."""
    shared: int
    """In files that are hard-linked from elsewhere too: the live store, or other checkpoints."""


def disk_usage(directory: Path) -> Usage:
    """Measure all files below a directory; those removed meanwhile are not counted."""
    own = shared = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            try:
                status = (Path(parent) / name).stat()
            except FileNotFoundError:
                continue
            if status.st_nlink > 1:
                shared += status.st_size
            else:
                own += status.st_size
    return Usage(own, shared)


def disk_used(root: Path) -> int:
    """Return the bytes of all files below a directory, each once however many names it has."""
    files = {}
    for parent, _, names in os.walk(root):
        for name in names:
            status = (Path(parent) / name).stat()
            files[status.st_dev, status.st_ino] = status.st_size
    return sum(files.values())
