"""The manifest of a checkpoint: what it claims to hold, and how its files must look."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from blake3 import blake3

from checkpoint.errors import StoreDamaged, StoreError, WrongFormat
from checkpoint.head import FORMAT
from checkpoint.layout import BINDING_NAME, Usage, disk_usage

MANIFEST_NAME = "manifest.json"
DATABASE_NAME = "db"
PINNED_NAME = "pinned"
_DIRECTORY_NAME = re.compile(r"(\d{12})(-[0-9a-f]{8})?")


class CheckpointFile(msgspec.Struct, frozen=True):
    """One file of a checkpoint's database.

    Earlier versions listed what the binding writes too, which reading altered: it is passed over.
    """

    name: str
    size: int
    digest: str
    """BLAKE3, hex."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a checkpoint. Hashes are hex."""

    format: int
    chain_id: int
    height: int
    block_hash: str
    state_root: str
    digest: str
    """Of the commitment, as in the storage slot."""
    rows: dict[str, int]
    """Number of rows per table number."""
    sequence: int
    """The store's count of batches: tells which checkpoint is newer, across restores too."""
    made_at: str
    """ISO 8601, UTC."""
    versions: dict[str, str]
    """Of the libraries that wrote it."""
    files: tuple[CheckpointFile, ...]

    def encode(self) -> bytes:
        """Return the JSON, with a digest of itself."""
        content: dict[str, object] = msgspec.to_builtins(self)
        content["manifest_digest"] = _digest_of(content)
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"

    @classmethod
    def decode(cls, value: bytes, name: str) -> Manifest:
        """Read a manifest that errors call `name`. Raises WrongFormat or StoreDamaged."""
        try:
            content = msgspec.json.decode(value, type=dict[str, object])
            claimed = content.pop("manifest_digest", None)
            if content.get("format") != FORMAT:
                raise WrongFormat(name, str(content.get("format")), FORMAT)
            if claimed != _digest_of(content):
                raise StoreDamaged("it was altered: its digest differs", name)
            manifest = msgspec.convert(content, cls)
            for file in manifest.files:
                if Path(file.name).name != file.name:
                    found = f"files must be named without folders, got {file.name!r}"
                    raise StoreDamaged(found, name)
            return manifest
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreDamaged(f"it does not decode: {error}", name) from error


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """A directory among the checkpoints."""

    path: Path
    height: int
    manifest: Manifest | None
    problem: str | None
    """Why it is no checkpoint; None where its manifest is in order."""
    pinned: bool

    @property
    def database(self) -> Path:
        """Its RocksDB directory."""
        return self.path / DATABASE_NAME

    def usage(self) -> Usage:
        """Return the disk it takes now."""
        return disk_usage(self.path)


def list_checkpoints(store: Path) -> tuple[CheckpointInfo, ...]:
    """Return the checkpoints of the store at a path, oldest first, unusable ones before all.

    Needs no lock. Looks at manifests only; restoring reads and proves all of it.
    Older means made earlier: after a restore the chain may come to the same heights again.
    """
    found = [read_checkpoint(path) for path in _directories(store / "checkpoints")]
    return tuple(sorted(found, key=_age))


def usable_heights(store: Path) -> list[int]:
    """Return the heights of a store's usable checkpoints, oldest first."""
    return [info.height for info in list_checkpoints(store) if info.problem is None]


def read_checkpoint(path: Path) -> CheckpointInfo:
    """Read the manifest of a checkpoint directory."""
    name = _DIRECTORY_NAME.fullmatch(path.name)
    assert name is not None
    height = int(name[1])
    manifest, problem = None, None
    try:
        file = path / MANIFEST_NAME
        manifest = Manifest.decode(file.read_bytes(), str(file))
        if manifest.height != height:
            problem = f"its manifest is for height {manifest.height}"
    except (OSError, StoreError) as error:
        problem = str(error)
    return CheckpointInfo(path, height, manifest, problem, (path / PINNED_NAME).exists())


def check_files(info: CheckpointInfo) -> None:
    """Check every byte of a checkpoint's files against its manifest. Raises StoreDamaged."""
    problem = info.problem or first_wrong_file(info)
    if problem is not None or info.manifest is None:
        raise StoreDamaged(problem or "it has no manifest", str(info.path))
    for file in info.manifest.files:
        if file.name != BINDING_NAME and file_digest(info.database / file.name) != file.digest:
            raise StoreDamaged("it was altered: its digest differs", str(info.database / file.name))


def first_wrong_file(info: CheckpointInfo) -> str | None:
    """Return which file is missing, surplus, or of another size than in the manifest."""
    if info.manifest is None:
        return "it has no manifest"
    present = {}
    if info.database.is_dir():
        present = {entry.name: entry.stat().st_size for entry in os.scandir(info.database)}
    present.pop(BINDING_NAME, None)
    for file in info.manifest.files:
        size = present.pop(file.name, None)
        if size != file.size and file.name != BINDING_NAME:
            found = "is missing" if size is None else f"has {size} bytes"
            return f"{file.name} {found}, its manifest says {file.size} bytes"
    return f"{min(present)} is not in its manifest" if present else None


def describe_files(database: Path, earlier: CheckpointInfo | None) -> tuple[CheckpointFile, ...]:
    """Describe the files of a new checkpoint.

    A file shared with an earlier checkpoint by a hard link never changes once written, so its
    digest is taken from there; only what is new is read.
    """
    known: dict[str, CheckpointFile] = {}
    if earlier is not None and earlier.manifest is not None:
        known = {file.name: file for file in earlier.manifest.files}
    described = []
    for path in sorted(database.iterdir()):
        file = known.get(path.name)
        if file is None or earlier is None or not _is_same(path, earlier.database / path.name):
            file = CheckpointFile(path.name, path.stat().st_size, file_digest(path))
        described.append(file)
    return tuple(described)


def file_digest(path: Path) -> str:
    """Return the BLAKE3 digest of a file, in hex."""
    hasher = blake3(max_threads=blake3.AUTO)
    hasher.update_mmap(path)
    return hasher.hexdigest()


def _directories(checkpoints: Path) -> Iterator[Path]:
    if checkpoints.is_dir():
        for path in checkpoints.iterdir():
            if _DIRECTORY_NAME.fullmatch(path.name):
                yield path


def _age(info: CheckpointInfo) -> tuple[int, int]:
    usable = info.manifest is not None and info.problem is None
    return (info.manifest.sequence if usable and info.manifest else -1, info.height)


def _is_same(path: Path, other: Path) -> bool:
    return path.suffix == ".sst" and other.exists() and path.samefile(other)


def _digest_of(content: dict[str, object]) -> str:
    return blake3(msgspec.json.encode(content, order="sorted")).hexdigest()
