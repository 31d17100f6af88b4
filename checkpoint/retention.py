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


def settle_retention(file: Path, interval: int | None, keep: int | None) -> Retention:
    """The settings of the store whose record is `file`: what is given, else what is stored.

    What is given is stored from then on. A store that has none yet takes the defaults, but keeps
    all the checkpoints it has. Raises ValueError, StoreError for a record that can't be read.
    """
    stored = None if interval is not None and keep is not None else read_retention(file)
    if stored is None:
        existing = [info for info in list_checkpoints(file.parent) if not info.pinned]
        stored = Retention(DEFAULT_INTERVAL, max(DEFAULT_KEEP, len(existing)))
    settled = Retention(
        stored.interval if interval is None else interval, stored.keep if keep is None else keep
    )
    if settled != stored or not file.exists():
        _write(file, settled)
    return settled


def read_retention(file: Path) -> Retention | None:
    """The stored settings, or None. Raises StoreError."""
    try:
        record = msgspec.json.decode(file.read_bytes(), type=_Record)
        if record.version != _VERSION:
            raise ValueError(f"version {record.version}, this program reads {_VERSION}")
        return Retention(record.interval, record.keep)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ValueError) as error:
        raise StoreError(
            f"{file} can't be read ({error}): give checkpoint_interval and keep_checkpoints to "
            "replace it"
        ) from error


def _write(file: Path, retention: Retention) -> None:
    """Durably, and in one step."""
    record = _Record(_VERSION, retention.interval, retention.keep)
    new = file.with_suffix(".new")
    try:
        with new.open("wb") as stream:
            stream.write(msgspec.json.encode(record) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        rename(new, file)
    except OSError as error:
        raise StoreFailed(f"{file}: {error}") from error
