"""The archive that a node keeps for followers which begin: one at a time, given out in parts."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from checkpoint.head import Head
    from evm_dex.client.dex import Dex

PART_BYTES = 2**20
_SECONDS_FRESH = 30.0
"""For which an archive is given to whoever asks anew, or kept for who is at it."""
_MOST_BLOCKS_OLD = 256
"""Beyond this it is made anew: what cheats wrote is told of the newest blocks alone."""


class Archive(msgspec.Struct, frozen=True):
    """A finished archive."""

    archive_id: int
    head: Head
    size: int
    """In bytes."""
    file: IO[bytes]


class ArchiveShelf:
    """Makes archives of a chain's head on a thread of its own."""

    def __init__(self, dex: Dex, alone: Callable[[], AbstractContextManager[None]]) -> None:
        """`alone` gives a turn in which the chain does not change, which one in memory needs."""
        self._dex = dex
        self._alone = alone
        self._mutex = threading.Lock()
        self._made: Archive | None = None
        self._asked_at = 0.0
        self._count = 0
        self._thread: threading.Thread | None = None
        self._problem: Exception | None = None
        self._is_closed = False

    def get(self) -> Archive | None:
        """Return an archive of nearly the head; None while it is being made, so ask again.

        Raises what making it has raised.
        """
        with self._mutex:
            if self._problem is not None:
                problem, self._problem = self._problem, None
                raise problem
            if self._made is not None and self._is_fresh(self._made):
                self._asked_at = time.monotonic()
                return self._made
            if self._thread is None:
                self._thread = threading.Thread(target=self._make, name="archive", daemon=True)
                self._thread.start()
            return None

    def part(self, archive_id: int, offset: int) -> bytes:
        """Return the bytes of an archive from an offset. Raises ValueError for one that is gone."""
        with self._mutex:
            made = self._made
            if made is None or made.archive_id != archive_id:
                raise ValueError(f"archive {archive_id} is gone: ask for another one")
            self._asked_at = time.monotonic()
            made.file.seek(offset)
            return made.file.read(PART_BYTES)

    def close(self) -> threading.Thread | None:
        """Let go of the archive; the thread that makes another one still, if there is one."""
        with self._mutex:
            self._is_closed = True
            made, self._made = self._made, None
            thread = self._thread
        if made is not None:
            made.file.close()
        return thread

    def _is_fresh(self, made: Archive) -> bool:
        if time.monotonic() - self._asked_at > _SECONDS_FRESH:
            return False
        chain = self._dex.chain
        is_near = chain.head.block_number - made.head.height <= _MOST_BLOCKS_OLD
        return is_near and chain.blocks.is_on_chain(made.head.block_hash)

    def _make(self) -> None:
        try:
            made = self._exported()
        except Exception as error:
            with self._mutex:
                self._problem, self._thread = error, None
            return
        with self._mutex:
            useless = made if self._is_closed else self._made
            self._made = None if self._is_closed else made
            self._asked_at = time.monotonic()
            self._thread = None
        if useless is not None:
            useless.file.close()

    def _exported(self) -> Archive:
        from checkpoint.archive import export_archive  # noqa: PLC0415 - loads the database
        from evm_dex.chain.block_proof import inspect_block  # noqa: PLC0415 - as above

        store = self._dex.store
        with tempfile.TemporaryDirectory(prefix="evm-dex-") as directory:
            target = Path(directory) / "archive"
            if store.path is None:
                with self._alone():
                    summary = export_archive(store, target, inspect=inspect_block)
            else:
                summary = export_archive(store.path, target, inspect=inspect_block)
            # The file lives as long as it is open, so that a kill leaves none.
            file = target.open("rb")
            size = target.stat().st_size
        self._count += 1
        return Archive(self._count, summary.head, size, file)
