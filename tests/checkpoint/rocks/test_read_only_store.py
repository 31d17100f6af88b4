"""A chain that a process holds is looked at beside it; what needs the lock names the holder."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import evm_dex
from checkpoint.commit_marker import Commit, CommitMarker
from checkpoint.errors import CommitsLost, NotAStore, StoreError
from checkpoint.families import Family
from checkpoint.rocks import RocksStore, read_only_store
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.verify import verify_store
from evm_dex.cli import app
from evm_dex.errors import ChainStopped
from tests.checkpoint.fake_chain import FakeChain, contents
from tests.checkpoint.processes import start
from tests.conftest import LONG

runner = CliRunner()


def run(*arguments: object, code: int = 0) -> tuple[str, str]:
    """Output and errors of a command."""
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def test_what_is_read_beside_the_writer_is_its_state_at_that_moment(tmp_path: Path) -> None:
    """Log, row files and the families together; later blocks do not appear in it."""
    chain = FakeChain()
    with closing(RocksStore(tmp_path)) as store:
        for height in range(6):
            store.write(chain.block({(1, b"k"): b"%d" % height, (6, b"o%d" % height): b"\x01"}))
            if height == 3:
                store.checkpoint(tmp_path / "flushed")
        expected = contents(store)
        with closing(ReadOnlyStore(tmp_path)) as beside:
            assert contents(beside) == expected
            assert beside.head() == chain.head
            store.write(chain.block({(1, b"k"): b"later"}))
            assert contents(beside) == expected
        with closing(ReadOnlyStore(tmp_path)) as beside:
            assert beside.row(1, b"k") == b"later"


WRITER = """
import sys
from random import Random
from checkpoint.manager import CheckpointManager
from checkpoint.rocks import RocksStore
from tests.checkpoint.fake_chain import FakeChain
store, chain, random = RocksStore(sys.argv[1]), FakeChain(), Random(1)
manager = CheckpointManager(store, interval=2, keep=2)
while True:
    store.write(chain.random_block(random, 20))
    manager.committed(chain.head)
    if chain.height == 20:
        print("writing", flush=True)
"""


@pytest.mark.slow
def test_beside_a_busy_writer_every_look_is_a_whole_block(tmp_path: Path) -> None:
    """Its log and files of rows come and go all the time; later looks see later blocks."""
    heights: list[int] = []
    deadline = time.monotonic() + 60  # a busy machine may give the writer little of its time
    with start(WRITER, tmp_path) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        while len(heights) < 25 or (len(set(heights)) <= 5 and time.monotonic() < deadline):
            with closing(ReadOnlyStore(tmp_path)) as beside:
                report = verify_store(beside)
            assert report.difference is None
            assert report.head is not None
            heights.append(report.head.height)
        writer.kill()
    assert heights == sorted(heights)
    assert len(set(heights)) > 5


def test_what_does_not_add_up_beside_a_writer_is_looked_at_again(tmp_path: Path) -> None:
    """For a moment the witness is ahead of what is read; without a writer it would stay so."""
    chain, witness = FakeChain(), tmp_path / "witness"
    with closing(RocksStore(tmp_path)) as store:
        store.write(chain.block({}))
        assert chain.head is not None
        kept = witness.read_bytes()
        ahead = CommitMarker(witness)
        ahead.record(Commit(store.sequence + 1, 7, chain.head.block_hash))
        ahead.close()
        later = threading.Timer(0.3, lambda: witness.write_bytes(kept))
        later.start()
        with closing(ReadOnlyStore(tmp_path)) as beside:
            assert beside.head() == chain.head
        later.join()


def test_a_writer_whose_process_is_not_seen_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in another container: its lock file names a process of another namespace."""
    monkeypatch.setattr(read_only_store, "holder_of", lambda _: None)
    heights = []
    with start(WRITER, tmp_path) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        for _ in range(134 if LONG else 10):
            with closing(ReadOnlyStore(tmp_path)) as beside:
                head = beside.head()
            assert head is not None
            heights.append(head.height)
        writer.kill()
    assert heights == sorted(heights)


def test_damage_is_told_at_once_where_nobody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(read_only_store, "time", SimpleNamespace(sleep=waits.append))
    with closing(RocksStore(tmp_path)) as store:
        store.write(FakeChain().block({(1, b"k"): b"1"}))
    for log in (tmp_path / "db").glob("*.log"):
        log.unlink()
    with pytest.raises(CommitsLost):
        ReadOnlyStore(tmp_path)
    assert waits == []


def test_looking_changes_no_file_of_the_store(tmp_path: Path) -> None:
    with closing(RocksStore(tmp_path)) as store:
        store.write(FakeChain().block({(1, b"k"): b"1"}))
        before = files_of(tmp_path)
        with closing(ReadOnlyStore(tmp_path)) as beside:
            list(beside.iterate(Family.ROWS))
        assert files_of(tmp_path) == before


def files_of(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_lost_log_does_not_pass_as_an_older_head_beside_either(tmp_path: Path) -> None:
    chain = FakeChain()
    with closing(RocksStore(tmp_path)) as store:
        store.write(chain.block({(1, b"k"): b"1"}))
        store.checkpoint(tmp_path / "flushed")
        store.write(chain.block({(1, b"k"): b"2"}))
    for log in (tmp_path / "db").glob("*.log"):
        log.unlink()
    with pytest.raises(CommitsLost, match="is at height 0 but height 1 was committed"):
        ReadOnlyStore(tmp_path)


def test_a_path_without_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAStore, match="has no database"):
        ReadOnlyStore(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_chain_read_beside_refuses_new_blocks(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path) as dex, evm_dex.open_beside(tmp_path) as beside:
        assert beside.head == dex.head
        with pytest.raises(ChainStopped, match="open read-only"):
            beside.mine()
        with pytest.raises(StoreError, match="when it is free"):
            beside.store.write(FakeChain().block({}))


def test_commands_that_read_work_beside_and_say_so(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=2) as dex:
        dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, 3_000 * 10**6, False)
        dex.mine(2)
        output, told = run("check", tmp_path, "--json")
        assert json.loads(output)["height"] == dex.head.number
        assert json.loads(output)["wrong"] == []
        assert f"held by process {os.getpid()}" in told.replace("\n", " ")
        assert "3,000" in run("book", tmp_path, "WETH")[0]
        assert [
            info["height"] for info in json.loads(run("checkpoint", "list", tmp_path, "--json")[0])
        ]


@pytest.mark.parametrize("command", ["create", "restore"])
def test_commands_that_need_the_lock_name_its_holder_and_what_works(
    tmp_path: Path, command: str
) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=1) as dex:
        dex.mine()
        told = run("checkpoint", command, tmp_path, code=1)[1].replace("\n", " ")
        assert f"is in use by process {os.getpid()} (" in told
        assert "These commands work while a chain is running: check, book, positions" in told
