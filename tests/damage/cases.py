"""Every case of damage: which file of what, and how; and what comes of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from checkpoint.archive.importer import import_archive
from checkpoint.errors import StoreError
from checkpoint.families import Family
from checkpoint.manifest import CheckpointInfo, list_checkpoints, read_checkpoint
from checkpoint.restore import restore, verify_checkpoint
from checkpoint.rocks import RocksStore
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.rocks.reader import RocksReader
from checkpoint.store import Store, StoreReader
from evm_dex.chain.block_proof import inspect_block
from tests.checkpoint.fake_chain import State
from tests.damage.original import FILE_CLASSES, LAST, Original
from tests.damage.ways import apply, replace, ways

HARMLESS, NAMED = "harmless", "named"


@dataclass(frozen=True, slots=True)
class Case:
    """One damage to one copy."""

    subject: str
    """What is damaged: the store, a checkpoint, or an archive."""
    kind: str
    """The class of the file."""
    name: str
    damage: Callable[[Path], bool]
    """Given the copy of the store; whether anything was changed."""


def all_cases(original: Original, parts: int) -> Iterator[Case]:
    yield from _files("store", original.store, original.store / "db", parts)
    for name, way in ways(parts).items():
        yield Case("store", "witness", f"witness {name}", _damaging(Path("witness"), way))
    for info in list_checkpoints(original.store):
        subject = f"checkpoint {info.height}"
        yield from _files(subject, original.store, info.database, parts)
        for name, way in ways(parts).items():
            manifest = Path("checkpoints") / info.path.name / "manifest.json"
            yield Case(subject, "manifest", f"manifest.json {name}", _damaging(manifest, way))
    for name, way in ways(4 * parts).items():
        yield Case("archive", "archive", f"archive {name}", _damaging(Path("../archive"), way))
    yield from _swaps(original)


def _damaging(file: Path, way: Callable[[bytes], bytes | None]) -> Callable[[Path], bool]:
    return lambda store: apply(way, store / file)


def _files(subject: str, store: Path, database: Path, parts: int) -> Iterator[Case]:
    """Every file of a database directory, in every way."""
    for kind, pattern in FILE_CLASSES.items():
        for file in sorted(database.glob(pattern)):
            relative = file.relative_to(store)
            for name, way in ways(parts).items():
                yield Case(subject, kind, f"{file.name} {name}", _damaging(relative, way))


def _swaps(original: Original) -> Iterator[Case]:
    """Files and whole databases of one state in the place of those of another."""
    infos = list_checkpoints(original.store)
    others = [*(info.path for info in infos), original.store, original.other]
    for info in infos:
        subject, home = f"checkpoint {info.height}", info.path.relative_to(original.store)
        for other in others:
            if other != info.path:
                yield from _swapped(subject, home, other)
                manifest = other / "manifest.json"
                if manifest.exists():
                    yield Case(
                        subject,
                        "manifest",
                        f"manifest.json of {other.name}",
                        partial(_replace, home / "manifest.json", manifest),
                    )
    for other in others:
        if other != original.store:
            yield from _swapped("store", Path(), other)
    foreign = original.other / "witness"
    yield Case("store", "witness", "of another chain", partial(_replace, Path("witness"), foreign))


def _swapped(subject: str, home: Path, other: Path) -> Iterator[Case]:
    """The database at `home`, or one file of it, replaced by that of `other`."""
    whole = partial(_replace_database, home / "db", other / "db")
    yield Case(subject, "database", f"database of {other.name}", whole)
    for kind, pattern in FILE_CLASSES.items():
        for file in sorted((other / "db").glob(pattern)):
            swap = partial(_replace_like, home / "db", pattern, file)
            yield Case(subject, kind, f"{file.name} of {other.name}", swap)


def _replace(file: Path, other: Path, store: Path) -> bool:
    return replace(store / file, other)


def _replace_like(database: Path, pattern: str, other: Path, store: Path) -> bool:
    """The file of the same name, or else the first of its class."""
    same = store / database / other.name
    found = [same] if same.exists() else sorted((store / database).glob(pattern))
    return bool(found) and replace(found[0], other)


def _replace_database(database: Path, other: Path, store: Path) -> bool:
    shutil.rmtree(store / database)
    shutil.copytree(other, store / database)
    return True


def outcome(case: Case, original: Original, directory: Path) -> str | None:
    """HARMLESS or NAMED; None where nothing was changed. Fails where another state is accepted."""
    store = directory / "store"
    shutil.copytree(original.store, store)
    shutil.copy(original.archive, directory / "archive")
    if not case.damage(store):
        return None
    if case.subject == "store":
        return _outcome_of_store(store, original)
    if case.subject == "archive":
        return _outcome_of_archive(directory, original.states[LAST])
    height = int(case.subject.removeprefix("checkpoint "))
    return _outcome_of_checkpoint(store, height, original.states[height])


def _outcome_of_store(store: Path, original: Original) -> str:
    expected = original.states[LAST]
    _outcome_of_opening(ReadOnlyStore, store, expected)
    found = _outcome_of_opening(RocksStore, store, expected)
    if found == NAMED:
        # What is refused can be replaced by a checkpoint, and is whole then.
        height = restore(store).height
        assert _outcome_of_opening(RocksStore, store, original.states[height]) == HARMLESS
    return found


def _outcome_of_opening(opening: Callable[[Path], Store], path: Path, expected: State) -> str:
    try:
        with closing(opening(path)) as store:
            return _read(store, expected)
    except StoreError as error:
        return _named(error, str(path), "family", "head")


def _outcome_of_checkpoint(store: Path, height: int, expected: State) -> str:
    path = store / "checkpoints" / f"{height:012d}"
    info: CheckpointInfo = read_checkpoint(path)
    try:
        verify_checkpoint(info)
    except StoreError as error:
        return _named(error, str(path))
    with closing(RocksReader(info.database)) as reader:
        return _read(reader, expected)


def _outcome_of_archive(directory: Path, expected: State) -> str:
    archive, target = directory / "archive", directory / "imported"
    try:
        import_archive(archive, target, inspect=inspect_block)
    except FileNotFoundError as error:
        return _named(error, str(archive))
    except StoreError as error:
        assert not target.exists()
        return _named(error, "archive")
    with closing(RocksStore(target)) as imported:
        assert dict(imported.iterate(Family.ROWS)) == expected[Family.ROWS]
        assert dict(imported.iterate(Family.HEAD)) == expected[Family.HEAD]
    return HARMLESS


def _read(store: StoreReader, expected: State) -> str:
    """Every entry, by iterating and by its key: all as expected, or the family is named."""
    for family in Family:
        try:
            found = dict(store.iterate(family))
            values = {key: store.get(family, key) for key in expected[family]}
        except StoreError as error:
            return _named(error, f"family {family}")
        assert found == values == expected[family], f"family {family} is accepted with other rows"
    return HARMLESS


def _named(error: Exception, *names: str) -> str:
    """The error says where to look."""
    assert any(name in str(error) for name in names), f"unclear: {error}"
    return NAMED
