"""Retention: how often a chain makes checkpoints and how many it keeps, stored beside them.

A file of its own and not a row: a restore brings back the chain's state, not its owner's wishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from checkpoint.errors import StoreError, StoreFailed
from checkpoint.layout import write_file
from checkpoint.manifest import list_checkpoints
from checkpoint.record_codec import sign_record, signed_record

DEFAULT_INTERVAL = 1000
DEFAULT_KEEP = 10
_VERSION = 2
_UNSIGNED_VERSION = 1


@dataclass(frozen=True, slots=True)
class Retention:
    """Make a checkpoint every `interval` blocks; keep the last `keep` and the pinned ones."""

    interval: int
    keep: int

    def __post_init__(self) -> None:
        if self.interval < 1 or self.keep < 1:
            raise ValueError(
                f"interval and keep must be at least 1, got {self.interval} and {self.keep}"
            )


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    interval: int
    keep: int
    digest: str | None = None
    """Of the other fields; version 1 had none."""


def resolve_retention(file: Path, interval: int | None, keep: int | None) -> Retention:
    """Return the settings of the store whose record is `file`: those given, else those stored.

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
    """Read the settings of a store. Raises StoreError."""
    stored = _read(file)
    if stored is None:
        existing = [info for info in list_checkpoints(file.parent) if not info.pinned]
        return Retention(DEFAULT_INTERVAL, max(DEFAULT_KEEP, len(existing)))
    return stored


def _read(file: Path) -> Retention | None:
    try:
        content = file.read_bytes()
        record = msgspec.json.decode(content, type=_Record)
        if record.version != _UNSIGNED_VERSION or record.digest is not None:
            signed_record(content)
        if record.version not in (_UNSIGNED_VERSION, _VERSION):
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
    """Write the record, durably and in one step."""
    fields = {"version": _VERSION, "interval": retention.interval, "keep": retention.keep}
    try:
        write_file(file, sign_record(fields))
    except OSError as error:
        raise StoreFailed(f"{file}: {error}") from error
