"""Reading leaves every file and directory as it was, so it works on media that can't be written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from blake3 import blake3
from typer.testing import CliRunner

import evm_dex
from checkpoint.archive import export_archive
from checkpoint.deep_verify import state_problems
from checkpoint.diff import differing_rows
from checkpoint.layout import BINDING_NAME
from checkpoint.manifest import CheckpointFile, Manifest, check_files, list_checkpoints
from checkpoint.restore import restore, restore_to, verify_checkpoint
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.snapshot_source import open_snapshot
from checkpoint.verify import verify_store
from evm_dex.chain.block_proof import inspect_block
from evm_dex.cli import app

Tree = dict[str, tuple[object, ...]]


def tree(directory: Path) -> Tree:
    """Every file and directory below, with all that writing would alter."""
    found: Tree = {}
    for path in (directory, *sorted(directory.rglob("*"))):
        status = path.stat()
        content = blake3(path.read_bytes()).digest() if path.is_file() else b""
        found[str(path.relative_to(directory))] = (
            status.st_mtime_ns,
            status.st_ctime_ns if path.is_file() and status.st_nlink == 1 else 0,
            status.st_ino,
            status.st_mode,
            content,
        )
    return found


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reading") / "chain"
    with evm_dex.open(path, checkpoint_interval=3) as dex:
        for number in range(7):
            dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, (3000 + number) * 10**6, False)
    return path


def look_beside(chain: Path) -> None:
    with evm_dex.open_beside(chain) as dex:
        assert dex.head.number == 7
        assert dex.self_check() == []


def prove_head(chain: Path) -> None:
    with closing(ReadOnlyStore(chain)) as store:
        assert verify_store(store, deep=True).difference is None


def prove_checkpoints(chain: Path) -> None:
    for info in list_checkpoints(chain):
        assert verify_checkpoint(info, deep=True).difference is None


def compare(chain: Path) -> None:
    with open_snapshot(chain, 3) as old, open_snapshot(chain, None) as new:
        assert list(differing_rows(old, new))


def walk(chain: Path) -> None:
    with open_snapshot(chain, 6) as store:
        assert list(state_problems(store)) == []


def export(chain: Path) -> None:
    for height in (None, 3):
        target = chain.parent / f"export-{height}"
        export_archive(chain, target, inspect=inspect_block, height=height)
        target.unlink()


def branch(chain: Path) -> None:
    restore_to(chain, chain.parent / "branch", 3)


@pytest.mark.parametrize(
    "read", [look_beside, prove_head, prove_checkpoints, compare, walk, export, branch]
)
def test_reading_leaves_all_as_it_was(chain: Path, read: Callable[[Path], None]) -> None:
    before = tree(chain)
    read(chain)
    assert tree(chain) == before


@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["book", "WETH"],
        ["positions", "WETH"],
        ["checkpoint", "list"],
        ["checkpoint", "verify", "--all"],
        ["checkpoint", "verify", "--deep"],
        ["checkpoint", "diff", "3", "6"],
    ],
    ids=" ".join,
)
def test_commands_that_read_leave_all_as_it_was(chain: Path, command: list[str]) -> None:
    """They find nothing wrong, too."""
    before = tree(chain)
    done = CliRunner().invoke(app, [*command, "--chain", str(chain)])
    assert tree(chain) == before
    assert done.exit_code == 0, done.output


def test_no_checkpoint_lists_what_the_binding_writes(chain: Path) -> None:
    for info in list_checkpoints(chain):
        assert info.manifest is not None
        assert BINDING_NAME not in {file.name for file in info.manifest.files}
        assert not (info.database / BINDING_NAME).exists()


@pytest.mark.parametrize("content", [b"", b"{", None, b'{"raw_mode":true,"prefix_extractors":{}}'])
def test_a_checkpoint_of_an_earlier_version_is_good_whatever_reading_left_of_that_file(
    chain: Path, tmp_path: Path, content: bytes | None
) -> None:
    """They list the file, and reading used to rewrite it: a kill there left it torn."""
    copy = tmp_path / "chain"
    restore_to(chain, copy, 3)
    (info,) = [info for info in list_checkpoints(chain) if info.height == 6]
    place = copy / "checkpoints" / info.path.name
    place.parent.mkdir()
    place.mkdir()
    (place / "db").mkdir()
    for file in info.database.iterdir():
        (place / "db" / file.name).write_bytes(file.read_bytes())
    if content is not None:
        (place / "db" / BINDING_NAME).write_bytes(content)
    manifest = Manifest.decode((info.path / "manifest.json").read_bytes(), "manifest")
    binding = CheckpointFile(BINDING_NAME, 40, "00" * 32)
    listed = msgspec.structs.replace(manifest, files=(*manifest.files, binding))
    (place / "manifest.json").write_bytes(listed.encode())
    (found,) = list_checkpoints(copy)
    check_files(found)
    assert restore(copy).height == 6
    with evm_dex.open(copy) as dex:
        assert dex.head.number == 6
