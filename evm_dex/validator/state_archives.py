"""Archives of checkpoints, cut into chunks, for validators who join: state sync.

An archive is the same bytes on every validator, so chunks may come from any of them. Whoever joins
knows the hash of its block from the engine, and proves the archive against it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from checkpoint.archive import import_archive
from checkpoint.errors import StoreError, StoreFailed
from checkpoint.manifest import list_checkpoints
from evm_dex.chain.block_proof import inspect_block

_logger = logging.getLogger(__name__)
FORMAT = 1
"""Of an archive in chunks of `CHUNK_BYTES`, with their hashes one after another as metadata."""
CHUNK_BYTES = 2**20
_HASH_BYTES = 32
_MOST_CHUNKS = 2**16
_AT_LOW_PRIORITY = "import os; os.nice(10); from evm_dex.cli import main; main()"
_OFFERED = 2
"""The newest archives, which are offered."""
_SECONDS_KEPT = 60.0
"""For which another one is kept after it was made or asked for: it may be on its way to somebody,
whose engine would ask for two minutes in vain."""


class Offered(msgspec.Struct, frozen=True):
    """An archive that is offered."""

    height: int
    chunk_hashes: tuple[bytes, ...]

    @property
    def metadata(self) -> bytes:
        """The hashes of its chunks."""
        return b"".join(self.chunk_hashes)

    @property
    def hash(self) -> bytes:
        """The hash of those."""
        return hashlib.sha256(self.metadata).digest()


class Shelf:
    """The archives in a directory, each with the hashes of its chunks beside it."""

    def __init__(self, directory: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._now = now
        self._kept: dict[int, Offered] = {}
        self._asked_at: dict[int, float] = {}
        """By height, the time at which an archive was made or last asked for."""
        directory.mkdir(exist_ok=True)
        for file in directory.glob("*.json"):
            with suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
                offered = msgspec.json.decode(file.read_bytes(), type=Offered)
                if self.archive(offered.height).is_file():
                    self._keep(offered)

    def archive(self, height: int) -> Path:
        """Return where the archive of a height is, or would be."""
        return self._directory / f"{height}.evmdex"

    def offered(self) -> list[Offered]:
        """Return what is offered, the newest first."""
        return [self._kept[height] for height in sorted(self._kept, reverse=True)[:_OFFERED]]

    def add(self, height: int) -> None:
        """Offer an archive that was made, and take away those not asked for. Raises OSError."""
        hashes = []
        with self.archive(height).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                hashes.append(hashlib.sha256(chunk).digest())
        offered = Offered(height, tuple(hashes))
        self._listing(height).write_bytes(msgspec.json.encode(offered))
        self._keep(offered)
        oldest = self._now() - _SECONDS_KEPT
        for old in sorted(self._kept, reverse=True)[_OFFERED:]:
            if self._asked_at[old] < oldest:
                del self._kept[old]
                self._listing(old).unlink(missing_ok=True)
                self.archive(old).unlink(missing_ok=True)

    def chunk(self, height: int, index: int) -> bytes:
        """Return a chunk; empty for one that is not kept any more."""
        if height not in self._kept:
            return b""
        self._asked_at[height] = self._now()
        try:
            with self.archive(height).open("rb") as file:
                file.seek(index * CHUNK_BYTES)
                return file.read(CHUNK_BYTES)
        except FileNotFoundError:  # taken away just now, on the thread that adds
            return b""

    def _keep(self, offered: Offered) -> None:
        self._asked_at[offered.height] = self._now()
        self._kept[offered.height] = offered

    def _listing(self, height: int) -> Path:
        return self._directory / f"{height}.json"


class Archivist:
    """Makes an archive of each new checkpoint, in a process of its own at low priority."""

    def __init__(self, chain: Path, shelf: Shelf) -> None:
        self._chain = chain
        self._shelf = shelf
        self._moved = asyncio.Event()
        self._tried = -1

    def committed(self) -> None:
        """Look for a new checkpoint."""
        self._moved.set()

    async def run(self) -> None:
        """Make archives until it is cancelled; one that can't be made is logged."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            usable = [each.height for each in list_checkpoints(self._chain) if not each.problem]
            newest = max(usable, default=-1)
            known = [each.height for each in self._shelf.offered()]
            if newest > max([self._tried, *known]):
                self._tried = newest
                await self._make(newest)

    async def _make(self, height: int) -> None:
        target = self._shelf.archive(height)
        target.unlink(missing_ok=True)
        words = ("checkpoint", "export", str(target), "--height", str(height))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _AT_LOW_PRIORITY, *words, "--chain", str(self._chain)),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
        )
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            _logger.warning("no archive of block %d: %s", height, said.decode(errors="replace"))
            return
        try:
            await asyncio.to_thread(self._shelf.add, height)
        except OSError as error:
            _logger.warning("no archive of block %d: %s", height, error)
            return
        _logger.info("block %d is offered to those who join", height)


class WrongChunk(Exception):  # noqa: N818 - named for what came
    """A chunk is not the one that was announced."""


class WrongArchive(Exception):  # noqa: N818 - as above
    """All chunks are there, and what they are is not the state that was asked for."""


class Incoming:
    """A state on its way in, chunk by chunk."""

    def __init__(self, directory: Path, offered: Offered, block_hash: bytes) -> None:
        """`block_hash` is that of the block, from whom the engine trusts."""
        self._file = directory / "incoming.evmdex"
        self._offered = offered
        self._block_hash = block_hash
        self._missing = set(range(len(offered.chunk_hashes)))
        self._file.unlink(missing_ok=True)
        self._file.touch()

    @staticmethod
    def read_offer(height: int, chunks: int, snapshot_hash: bytes, metadata: bytes) -> Offered:
        """Return what an offer announces. Raises WrongArchive where it contradicts itself."""
        hashes = [metadata[at : at + _HASH_BYTES] for at in range(0, len(metadata), _HASH_BYTES)]
        offered = Offered(height, tuple(hashes))
        if not 0 < chunks == len(hashes) <= _MOST_CHUNKS or len(hashes[-1]) != _HASH_BYTES:
            raise WrongArchive(f"it must announce its {chunks} chunks, got {len(hashes)}")
        if offered.hash != snapshot_hash:
            raise WrongArchive("the hashes of its chunks are not those that it is named by")
        return offered

    @property
    def is_complete(self) -> bool:
        """True once every chunk is there."""
        return not self._missing

    def take(self, index: int, chunk: bytes) -> None:
        """Take in a chunk, in any order. Raises WrongChunk."""
        hashes = self._offered.chunk_hashes
        if index >= len(hashes) or hashlib.sha256(chunk).digest() != hashes[index]:
            raise WrongChunk(f"chunk {index} is not the one announced")
        with self._file.open("r+b") as file:
            file.seek(index * CHUNK_BYTES)
            file.write(chunk)
        self._missing.discard(index)

    def restore(self, chain: Path) -> None:
        """Make the chain of the archive.

        Raises WrongArchive where it is not of that block, and StoreFailed for the disk.
        """
        try:
            import_archive(self._file, chain, inspect=inspect_block, block_hash=self._block_hash)
        except StoreFailed:
            raise
        except StoreError as error:
            raise WrongArchive(str(error)) from error
        finally:
            self.forget()

    def forget(self) -> None:
        """Remove what came."""
        with suppress(FileNotFoundError):
            self._file.unlink()
