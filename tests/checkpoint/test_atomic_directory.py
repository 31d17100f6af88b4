"""A new store appears whole at its place, whatever kind of directory that is."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from checkpoint.atomic_directory import staged_directory
from checkpoint.errors import AlreadyThere
from checkpoint.layout import StoreLayout
from checkpoint.manager import CheckpointManager
from checkpoint.restore import restore_to
from checkpoint.retention import DEFAULT_INTERVAL, read_retention
from checkpoint.rocks import RocksStore
from checkpoint.verify import verify_store
from tests.checkpoint.archive.archives import export, filled, load
from tests.checkpoint.fake_chain import FakeChain


@pytest.fixture
def is_root(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a directory look like the root of a file system, which no rename can replace."""

    def make(directory: Path) -> None:
        directory.mkdir()
        (directory / "lost+found").mkdir()
        monkeypatch.setattr(Path, "is_mount", lambda path: path == directory)

    return make


def test_an_import_into_a_mount_point_is_whole(
    tmp_path: Path, is_root: Callable[[Path], None]
) -> None:
    chain, store = filled(3, 4)
    export(store, tmp_path / "archive")
    is_root(tmp_path / "volume")
    load(tmp_path / "archive", tmp_path / "volume")
    with closing(RocksStore(tmp_path / "volume")) as imported:
        assert imported.head() == chain.head
        assert verify_store(imported).difference is None
    assert not list((tmp_path / "volume").glob(".*"))
    with pytest.raises(AlreadyThere):
        load(tmp_path / "archive", tmp_path / "volume")


@pytest.mark.parametrize("renames", range(6))
def test_a_mount_point_has_the_whole_store_or_none_after_a_kill(
    tmp_path: Path,
    is_root: Callable[[Path], None],
    renames: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped before each rename, with nothing tidied up as after a kill."""
    chain, store = filled(3, 4)
    export(store, tmp_path / "archive")
    is_root(tmp_path / "volume")
    allowed = iter(range(renames))
    child = os.fork()
    if child == 0:
        original = Path.rename

        def rename(path: Path, target: Path) -> Path:
            if next(allowed, None) is None:
                os._exit(9)
            return original(path, target)

        monkeypatch.setattr(Path, "rename", rename)
        load(tmp_path / "archive", tmp_path / "volume")
        os._exit(0)
    os.waitpid(child, 0)
    if not (tmp_path / "volume" / "db").exists():
        load(tmp_path / "archive", tmp_path / "volume")
    with closing(RocksStore(tmp_path / "volume")) as imported:
        assert imported.head() == chain.head
        assert verify_store(imported).difference is None


def test_an_import_through_a_link_to_an_empty_directory(tmp_path: Path) -> None:
    chain, store = filled(3, 4)
    export(store, tmp_path / "archive")
    (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "place")
    load(tmp_path / "archive", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    with closing(RocksStore(tmp_path / "place")) as imported:
        assert imported.head() == chain.head


def test_settings_of_an_interrupted_try_are_not_those_of_the_next(tmp_path: Path) -> None:
    for name, interval in (("first", 7), ("second", None)):
        with closing(RocksStore(tmp_path / name)) as store:
            store.write(FakeChain().block({(1, b"a"): b"1"}))
            CheckpointManager(store, interval).create()
    (tmp_path / "second" / "retention.json").unlink()
    left = StoreLayout(tmp_path / ".branch.restoring")
    left.root.mkdir()
    left.retention.write_bytes((tmp_path / "first" / "retention.json").read_bytes())
    left.checkpoints.mkdir()
    restore_to(tmp_path / "second", tmp_path / "branch")
    assert read_retention(StoreLayout(tmp_path / "branch").retention).interval == DEFAULT_INTERVAL
    assert not (tmp_path / "branch" / "checkpoints").exists()


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(step: str) -> None:
        with staged_directory(tmp_path / "store", step) as layout:
            layout.retention.touch()
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fail("making")
    assert list(tmp_path.iterdir()) == []
