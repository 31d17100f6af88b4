"""The archive that a node keeps for followers which begin: one at a time, given out in parts."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
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

    def __init__(self, alone: Callable[[], AbstractContextManager[None]]) -> None:
        """`alone` gives a turn in which the chain does not change, which one in memory needs."""
        self._alone = alone
        self._mutex = threading.Lock()
        self._dex: Dex | None = None
        self._made: Archive | None = None
        self._asked_at = 0.0
        self._count = 0
        self._thread: threading.Thread | None = None
        self._problem: Exception | None = None
        self._is_closed = False

    def follow(self, dex: Dex | None) -> None:
        """Give out archives of another chain from now on; None of no chain."""
        with self._mutex:
            self._dex, self._problem = dex, None
            self._put(None)

    def get(self) -> Archive | None:
        """Return an archive of nearly the head; None while it is being made, so ask again.

        None as well where there is no chain. Raises what making it has raised.
        """
        with self._mutex:
            assert not self._is_closed, "an archive is asked for before the node is closed"
            if self._problem is not None:
                problem, self._problem = self._problem, None
                raise problem
            if self._dex is None:
                return None
            if self._made is not None and _is_near(self._made, self._dex) and self._is_in_use:
                self._asked_at = time.monotonic()
                return self._made
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._make, args=(self._dex,), name="archive", daemon=True
                )
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

    def close(self) -> None:
        """Let go of the archive, and wait until none is being made; whoever has a turn must not."""
        with self._mutex:
            self._is_closed = True
            self._put(None)
            thread = self._thread
        if thread is not None:
            thread.join()

    @property
    def _is_in_use(self) -> bool:
        return time.monotonic() - self._asked_at <= _SECONDS_FRESH

    def _put(self, archive: Archive | None) -> None:
        """Let go of the archive for another or none."""
        if self._made is not None:
            self._made.file.close()
        self._made = archive

    def _make(self, dex: Dex) -> None:
        try:
            made = self._exported(dex)
        except Exception as error:
            with self._mutex:
                if self._dex is dex:
                    self._problem = error
            return
        with self._mutex:
            if self._is_closed or self._dex is not dex:
                made.file.close()
            else:
                self._put(made)
                self._asked_at = time.monotonic()

    def _exported(self, dex: Dex) -> Archive:
        from checkpoint.archive import export_archive  # noqa: PLC0415 - loads the database
        from evm_dex.chain.block_proof import inspect_block  # noqa: PLC0415 - as above

        with ExitStack() as opened:
            with tempfile.TemporaryDirectory(prefix="evm-dex-") as directory:
                target = Path(directory) / "archive"
                if dex.store.path is None:
                    with self._alone():
                        summary = export_archive(dex.store, target, inspect=inspect_block)
                else:
                    summary = export_archive(dex.store.path, target, inspect=inspect_block)
                # The file lives as long as it is open, so that a kill leaves none.
                file = opened.enter_context(target.open("rb"))
                size = target.stat().st_size
            opened.pop_all()
        self._count += 1
        return Archive(self._count, summary.head, size, file)


def _is_near(made: Archive, dex: Dex) -> bool:
    """Return True if a chain has the archive's block among its newest."""
    chain = dex.chain
    is_near = chain.head.block_number - made.head.height <= _MOST_BLOCKS_OLD
    return is_near and chain.blocks.is_on_chain(made.head.block_hash)
