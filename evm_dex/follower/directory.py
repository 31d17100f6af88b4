"""A follower's directory: a chain, whom it follows, and how another chain takes its place."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evm_dex.errors import ChainError

if TYPE_CHECKING:
    from checkpoint.store import Progress

_RECORD = "follows.json"
_INCOMING, _OUTGOING = ".incoming", ".outgoing"


class FollowerDirectory:
    """The directory of one follower. Every step may be killed: `recover` finishes or forgets it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._incoming = path.with_name(path.name + _INCOMING)
        self._outgoing = path.with_name(path.name + _OUTGOING)
        self._record = path / _RECORD

    @property
    def archive(self) -> Path:
        """The file in which an archive is kept while it is fetched."""
        return self._incoming / "archive"

    @property
    def has_chain(self) -> bool:
        """True if there is a chain."""
        return (self.path / "db").is_dir()

    @property
    def is_a_followers(self) -> bool:
        """True if all of its chain came from a node, so that it may be taken back."""
        return self._record.is_file()

    def recover(self) -> None:
        """Finish or forget what a kill has interrupted.

        Raises ChainError for a chain that was promoted, and where something else is at the path, or
        where the chains that take each other's place would be.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ChainError(f"{self.path} must be a directory, got a file: choose another --chain")
        incoming, outgoing = _entries(self._incoming), _entries(self._outgoing)
        for left, is_ours in (
            (self._incoming, all(map(_is_fetched, incoming))),
            (self._outgoing, _RECORD in outgoing or not outgoing),
        ):
            if not is_ours:
                raise ChainError(f"{left} has other files: choose another --chain, or move them")
        if self._outgoing.exists() and not self.path.exists():
            self._outgoing.rename(self.path)
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._remove_outgoing()
        if self.path.is_dir() and not self.has_chain and any(self.path.iterdir()):
            raise ChainError(f"{self.path} has other files: choose another --chain, or remove them")
        if self.is_a_followers and self._is_promoted():
            raise ChainError(
                f"the chain at {self.path} was promoted, and may have blocks of its own: serve it "
                f"by `evm-dex node --chain {self.path}`, or follow with another --chain"
            )

    def promote(self) -> None:
        """Write down that it follows no more, if it did. Raises ChainError for a damaged record."""
        if self.is_a_followers and not self._is_promoted():
            self.note(self._recorded()["node"], promoted=True)

    def _is_promoted(self) -> bool:
        return bool(self._recorded()["promoted"])

    def _recorded(self) -> dict[str, Any]:
        try:
            found = json.loads(self._record.read_text())
            return {name: found[name] for name in ("node", "promoted")}
        except (ValueError, KeyError, TypeError):
            raise ChainError(
                f"{self._record} is damaged, so whether the chain has blocks of its own is not "
                f"known: serve it by `evm-dex node --chain {self.path}`, or remove "
                f"{self._record.name} to follow where its blocks are the node's"
            ) from None

    def note(self, url: str, *, promoted: bool = False) -> None:
        """Write down whom it follows, or that it follows no more."""
        written = self._record.with_suffix(".new")
        with written.open("w") as file:
            file.write(json.dumps({"node": url, "promoted": promoted}))
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._record)

    def begin_fetching(self) -> None:
        """Make room for an archive."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)

    def forget_fetched(self) -> None:
        """Remove what was fetched in part."""
        shutil.rmtree(self._incoming, ignore_errors=True)

    def prove(self, block_hash: bytes, url: str, progress: Progress | None = None) -> None:
        """Make a chain of the archive that was fetched, to be swapped in.

        Raises what importing an archive raises: one that is not of the block is not taken.
        """
        from checkpoint.archive import import_archive  # noqa: PLC0415 - loads the database
        from evm_dex.chain.block_proof import inspect_block  # noqa: PLC0415 - loads the chain

        chain = self._incoming / "chain"
        import_archive(
            self.archive, chain, inspect=inspect_block, block_hash=block_hash, progress=progress
        )
        FollowerDirectory(chain).note(url)

    def swap(self) -> None:
        """Put the fetched chain in place of the one that is here, which nobody has open."""
        if self.path.exists():
            self.path.rename(self._outgoing)
        (self._incoming / "chain").rename(self.path)
        self._remove_outgoing()
        shutil.rmtree(self._incoming, ignore_errors=True)

    def _remove_outgoing(self) -> None:
        """Remove the chain that was replaced, its record last: by that a part of it is known."""
        for name in _entries(self._outgoing):
            left = self._outgoing / name
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            elif name != _RECORD:
                left.unlink(missing_ok=True)
        shutil.rmtree(self._outgoing, ignore_errors=True)


def _entries(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()] if directory.is_dir() else []


def _is_fetched(name: str) -> bool:
    """Return True for an archive, and for the chain that is made of it, be it unfinished."""
    return name == "archive" or "chain" in name
