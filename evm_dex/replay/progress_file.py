"""The file that says how far a replay came, so that it goes on after a kill.

It is beside the chain. Its first line has what is replayed, and the block it began at; then comes a
line for each step that made blocks, written after them; the last has the report. A kill leaves it
at most one step behind the chain, a power failure may leave either behind: what only one of them
has is taken back, and done again.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from checkpoint.layout import write_file
from evm_dex.blocks.header import Header
from evm_dex.chain.chain import Chain
from evm_dex.replay.runner import ReplayError

FILE_NAME = "replay.progress"
_SYNC_EVERY = 1.0
_LONGEST_STEP = 64
"""More blocks than a step makes: beyond that they are somebody else's, and stay."""
_CHUNK = 1 << 20

Settings = dict[str, str]


class StoppedAt(NamedTuple):
    """A block that a replay was at, by height and hash."""

    height: int
    hash: str


class Applied(NamedTuple):
    """A step that made blocks."""

    step: int
    order_id: int
    """Of the order it placed; 0 where it placed none."""
    block: StoppedAt
    """The last one it made."""


class _Begun(Struct, frozen=True):
    settings: Settings
    block: StoppedAt


class _Ended(Struct, frozen=True):
    report: list[str]


class ProgressFile:
    """The progress of one replay, open to go on."""

    def __init__(self, path: Path, block: StoppedAt, applied: list[Applied], size: int) -> None:
        """Open a file to go on after its first `size` bytes, at a block. See `resume`."""
        self.applied = {it.step: it for it in applied}
        self._height = block.height
        os.truncate(path, size)
        self._file: FileIO = path.open("ab", buffering=0)
        self._synced = time.monotonic()

    def add(self, step: int, order_id: int, head: Header) -> None:
        """Note a step whose blocks are on the chain, where it made any."""
        if head.block_number == self._height:
            return
        self._height = head.block_number
        self._file.write(msgspec.json.encode(Applied(step, order_id, _stopped_at(head))) + b"\n")
        if time.monotonic() - self._synced > _SYNC_EVERY:
            self._sync()

    def end(self, report: Iterable[str]) -> None:
        """Note that all is done, with what came of it."""
        self._file.write(msgspec.json.encode(_Ended(list(report))) + b"\n")
        self._sync()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()


class Resumed(NamedTuple):
    """The replay found in a directory: its progress, or the report of one that ended."""

    progress: ProgressFile | None
    report: list[str]


def resume(directory: Path, settings: Settings, chain: Chain) -> Resumed:
    """Take the chain back to the last whole step of its replay, or begin at the chain's head.

    A replay that ended makes room for another. Raises ReplayError for another replay than the one
    begun, for a chain that was changed since, and for a file that is damaged.
    """
    path = directory / FILE_NAME
    content = path.read_bytes() if path.exists() else b""
    lines = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)
    try:
        begun = msgspec.json.decode(lines[0], type=_Begun) if lines else None
        is_ended = bool(lines) and lines[-1].startswith(b'{"report"')
        report = msgspec.json.decode(lines[-1], type=_Ended).report if is_ended else []
        noted = [] if is_ended else [msgspec.json.decode(it, type=Applied) for it in lines[1:]]
    except msgspec.MsgspecError as error:
        raise ReplayError(f"{path} is damaged ({error}): replay into another --chain") from error
    if begun is None or (is_ended and begun.settings != settings):
        head = _stopped_at(chain.head)
        first = msgspec.json.encode(_Begun(settings, head)) + b"\n"
        write_file(path, first)
        return Resumed(ProgressFile(path, head, [], len(first)), [])
    _check_same(directory, begun.settings, settings)
    kept = [it for it in noted if it.block.height <= chain.head.block_number]
    last = kept[-1].block if kept else begun.block
    if is_ended:
        return Resumed(None, report)
    _go_back(chain, last)
    size = sum(len(line) for line in lines[: 1 + len(kept)])
    return Resumed(ProgressFile(path, last, kept, size), [])


def _stopped_at(header: Header) -> StoppedAt:
    return StoppedAt(header.block_number, header.hash.hex())


def _go_back(chain: Chain, last: StoppedAt) -> None:
    """Take back the blocks of a step that was not noted. Raises ReplayError."""
    beyond = chain.head.block_number - last.height
    if beyond < 0 or _stopped_at(chain.header(last.height)) != last:
        raise ReplayError(
            f"block {last.height} of the chain is not the one that the replay came to: the chain "
            "was changed since; replay into another --chain"
        )
    if beyond > _LONGEST_STEP:
        raise ReplayError(
            f"the chain went on by {beyond} blocks after block {last.height}, where the replay "
            "stopped: replay into another --chain"
        )
    if beyond:
        chain.rollback(last.height)


def file_identity(path: Path) -> str:
    """Return what tells a file from others: its name and the SHA-256 of its content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return f"{path.name} (SHA-256 {digest.hexdigest()})"


def _check_same(directory: Path, begun: Settings, given: Settings) -> None:
    for name in sorted({*begun, *given}):
        before, now = begun.get(name, "none"), given.get(name, "none")
        if before != now:
            raise ReplayError(
                f"{directory} holds a replay that was begun with {name} {before}, got {now}: "
                "go on with the former, or replay into another --chain"
            )
