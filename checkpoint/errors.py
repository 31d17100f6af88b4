"""Errors of a store, each saying what to do next."""

# ruff: noqa: N818 - each class is named for what happened

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """Base of the errors of stores, checkpoints, restores and archives."""


class StoreLocked(StoreError):
    """Another process has the store open."""

    def __init__(self, path: Path, pid: int | None, command: str | None, since: str | None) -> None:
        self.path, self.pid, self.command, self.since = path, pid, command, since
        self.holder = (
            "another process" if pid is None else f"process {pid} ({command}) since {since}"
        )
        super().__init__(f"{path} is in use by {self.holder}; stop it or choose another path")


class StoreDamaged(StoreError):
    """The store does not hold what was written: `what` is wrong, `where` it is."""

    def __init__(self, what: str, where: str) -> None:
        self.what, self.where = what, where
        super().__init__(f"{where}: {what}; restore a checkpoint or a copy")


class CommitsLost(StoreDamaged):
    """The store opens at an older block than was committed to it."""

    def __init__(self, where: str, height: int | None, committed: int) -> None:
        self.height, self.committed = height, committed
        found = "is empty" if height is None else f"is at height {height}"
        if height is not None and height >= committed:
            found += ", from before a rollback,"
        super().__init__(
            f"the store {found} but height {committed} was committed: the end of its log is lost "
            "(deleted, cut off, or the power failed before it was synced). `evm-dex node "
            "--accept-loss`, or accept_loss=True in Python, goes on from what is there",
            where,
        )


class StoreFailed(StoreError):
    """The disk refused; nothing more is written until the store is opened again."""


class StoreSuspended(StoreFailed):
    """The disk refused a batch, none of which counts; the store goes on when the disk does."""


class StoreMoved(StoreFailed):
    """The store's directory was moved, removed or replaced while this process holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} must stay where it was opened, but it was moved, removed or replaced: nothing "
            "more is written; close it and open it where it is now"
        )


class StoreClosed(StoreError):
    """The store was used after `close`."""


class NotAStore(StoreError):
    """The path holds something else, which is left alone."""


class WrongFormat(StoreError):
    """`key` was written in another format than this program reads."""

    def __init__(self, key: str, found: int | str, expected: int) -> None:
        self.key, self.found, self.expected = key, found, expected
        super().__init__(
            f"{key} has format {found}, this program reads format {expected}; "
            "open it with the version that wrote it"
        )


class OtherVersion(StoreError):
    """The store's families are not those of this program."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(
            f"{where}: another version of this program made it ({problem}); open it with that one"
        )


class WrongChain(StoreError):
    """The store belongs to another chain."""

    def __init__(self, expected: int, found: int) -> None:
        self.expected, self.found = expected, found
        super().__init__(
            f"the store belongs to chain {found}, not {expected}; choose another path or chain id"
        )


class UnknownBlock(StoreError):
    """The store has no block of that height."""

    def __init__(self, height: int, head: int | None) -> None:
        self.height, self.head = height, head
        reach = "it has no blocks yet" if head is None else f"its head is at {head}"
        super().__init__(f"the store has no block {height}: {reach}")


class UndoExpired(StoreError):
    """The changes of a block are no longer kept."""

    def __init__(self, height: int, oldest: int, nearest_checkpoint: int | None) -> None:
        self.height, self.oldest, self.nearest_checkpoint = height, oldest, nearest_checkpoint
        way_back = (
            "there is no checkpoint at or below it"
            if nearest_checkpoint is None
            else f"the nearest checkpoint at or below it is at height {nearest_checkpoint}"
        )
        super().__init__(
            f"the changes of block {height} are no longer kept (the oldest are those of block "
            f"{oldest}); {way_back}"
        )


class NoCheckpoint(StoreError):
    """There is no usable checkpoint where one was asked for."""


class NotAnArchive(StoreError):
    """The file is not an archive of a chain's state."""


class ArchiveDamaged(StoreError):
    """An archive is not what was exported: `what` is wrong, `where` in the archive it is."""

    def __init__(self, what: str, where: str) -> None:
        self.what, self.where = what, where
        super().__init__(f"{where}: {what}; fetch the archive again or export another")


class AlreadyThere(StoreError):
    """The place of a new store or archive is taken."""


class UnexpectedBlock(StoreError):
    """An archive holds the state of another block than was asked for."""

    def __init__(self, expected: bytes, found: bytes) -> None:
        self.expected, self.found = expected, found
        super().__init__(
            f"the archive holds the state of block {found.hex()}, not of {expected.hex()}; "
            "choose the archive of that block"
        )
