"""One process per store: a file lock that says who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from checkpoint.errors import StoreLocked, StoreMoved

_MAX_BYTES = 4096
_MAX_COMMAND = 200


class StoreLock:
    """A lock held from creation to `release`; the operating system drops it with the process.

    The file stays behind, empty: removing it would let two processes lock two files. The lock is
    on a file and not on a path: once the directory is moved, another process may make a store at
    the same path. So a writer by a path calls `check` first, or writes to `follow` of it.
    """

    def __init__(self, file: Path) -> None:
        """Take the lock. Raises StoreLocked, naming the holder."""
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(os.pread(self._descriptor, _MAX_BYTES, 0))
            os.close(self._descriptor)
            raise StoreLocked(file.parent, *holder) from None
        self._file, self._path, self._status = file, str(file), os.fstat(self._descriptor)
        self._directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, _describe_self(), 0)

    def check(self) -> None:
        """Raise StoreMoved unless the path still leads to the directory that is held."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - called for each block; a Path's takes three times as long
        except OSError:
            raise StoreMoved(self._file.parent) from None
        if not os.path.samestat(found, self._status):
            raise StoreMoved(self._file.parent)

    def follow(self, path: Path) -> Path:
        """Return a path to the same file that stays true when the directory is moved.

        It goes by the open directory where the system shows those (Linux); elsewhere it is `path`.
        """
        directory = Path(f"/proc/self/fd/{self._directory}")
        if not directory.is_dir():
            return path
        return directory / path.relative_to(self._file.parent)

    def release(self) -> None:
        """Let others in; releasing twice does no harm."""
        if self._descriptor < 0:
            return
        os.truncate(self._descriptor, 0)
        os.close(self._descriptor)
        os.close(self._directory)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def holder_of(file: Path) -> StoreLocked | None:
    """Return who holds a store, by its lock file alone; None where no running process does.

    The lock itself is not touched, so no process is kept from taking it.
    """
    try:
        pid, command, since = _holder(file.read_bytes()[:_MAX_BYTES])
    except FileNotFoundError:
        return None
    if pid is None or not _runs(pid):
        return None
    return StoreLocked(file.parent, pid, command, since)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _describe_self() -> bytes:
    command = " ".join(shlex.join(sys.orig_argv).split())
    holder = {
        "pid": os.getpid(),
        "command": command if len(command) <= _MAX_COMMAND else command[:_MAX_COMMAND] + "…",
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(holder).encode()


def _holder(content: bytes) -> tuple[int | None, str | None, str | None]:
    """Return process, command and time from a lock file; Nones where it is not filled in yet."""
    try:
        holder = json.loads(content)
        return int(holder["pid"]), str(holder["command"]), str(holder["since"])
    except (ValueError, KeyError, TypeError):
        return None, None, None
