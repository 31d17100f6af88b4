"""How often a chain makes checkpoints and how many it keeps, stored beside them.

A file of its own and not a row: a restore brings back the chain's state, not its owner's wishes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from checkpoint.errors import StoreError, StoreFailed
from checkpoint.layout import rename
from checkpoint.manifest import list_checkpoints

DEFAULT_INTERVAL = 1000
DEFAULT_KEEP = 10
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Retention:
    """One checkpoint every `interval` blocks, the last `keep` of them and the pinned kept."""

    interval: int
    keep: int

    def __post_init__(self) -> None:
        if self.interval < 1 or self.keep < 1:
            raise ValueError(
                f"interval and keep must be at least 1, not {self.interval} and {self.keep}"
            )


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    interval: int
    keep: int


def resolve_retention(file: Path, interval: int | None, keep: int | None) -> Retention:
    """The settings of the store whose record is `file`: what is given, else what is stored.

    What is given is stored from then on. A store that has none yet takes the defaults, but keeps
    all the checkpoints it has. Raises ValueError, StoreError for a record that can't be read.
    """
    if interval is None or keep is None:
        stored = read_retention(file)
        interval = stored.interval if interval is None else interval
        keep = stored.keep if keep is None else keep
    settled = Retention(interval, keep)
    _write(file, settled)
    return settled


def read_retention(file: Path) -> Retention:
    """The settings of a store without changing anything. Raises StoreError."""
    stored = _read(file)
    if stored is None:
        existing = [info for info in list_checkpoints(file.parent) if not info.pinned]
        return Retention(DEFAULT_INTERVAL, max(DEFAULT_KEEP, len(existing)))
    return stored


def _read(file: Path) -> Retention | None:
    try:
        record = msgspec.json.decode(file.read_bytes(), type=_Record)
        if record.version != _VERSION:
            raise ValueError(f"version {record.version}, this program reads {_VERSION}")
        return Retention(record.interval, record.keep)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ValueError) as error:
        raise StoreError(
            f"{file} can't be read ({error}): remove it for the defaults, or open the store with "
            "checkpoint_interval and keep_checkpoints"
        ) from error


def _write(file: Path, retention: Retention) -> None:
    """Durably, and in one step; not at all where it says so already."""
    content = msgspec.json.encode(_Record(_VERSION, retention.interval, retention.keep)) + b"\n"
    new = file.with_suffix(".new")
    try:
        if file.exists() and file.read_bytes() == content:
            return
        with new.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        rename(new, file)
    except OSError as error:
        raise StoreFailed(f"{file}: {error}") from error
