"""Replays on disk that are killed, stopped or cut short anywhere, against one that was not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

import evm_dex
from evm_dex.cli.app import app
from evm_dex.market.scenarios import MakerSettings, MarketSpec
from evm_dex.replay.progress_file import FILE_NAME
from tests.replay.test_node_replay import ALICE, order, recorded, status, write_lines

KILLS = 3 if os.environ.get("EVM_DEX_PROFILE") not in ("nightly", "torture") else 60

# Ends itself as a kill does after so many blocks, or on the way to one: a block is in the store and
# nobody was told, or it was noted and the next one is not in the store.
_VICTIM = """
import os, sys
from checkpoint.rocks.rocks_store import RocksStore
from evm_dex.cli.app import app
left, before = int(sys.argv[1]), sys.argv[2] == "before"
write = RocksStore.write
def counted(self, batch):
    global left
    left -= 1
    if before and left < 0:
        os._exit(9)
    write(self, batch)
    if not before and left < 0:
        os._exit(9)
RocksStore.write = counted
app(sys.argv[3:])
"""


def bitstamp(path: Path, rows: int = 120) -> Path:
    """Orders around a price, changed and deleted at random."""
    random, left, lines = Random(3), dict[int, int](), ["id,price,volume,action,direction"]
    for order_id in range(rows):
        if left and random.random() < 0.6:
            known = random.choice(list(left))
            left[known] -= 1
            gone = left[known] == 0
            lines.append(f"{known},100,{left[known]},{'deleted' if gone else 'changed'},bid")
            if gone:
                del left[known]
        is_bid = random.random() < 0.5
        price = 100 + random.randrange(-6, 3) if is_bid else 100 + random.randrange(-3, 6)
        left[order_id] = random.randrange(1, 4)
        side = "bid" if is_bid else "ask"
        lines.append(f"{order_id},{price},{left[order_id]},created,{side}")
    path.write_text("\n".join(lines) + "\n")
    return path


def databento(path: Path, rows: int = 80) -> Path:
    random, lines = Random(4), ["action,side,price,size,order_id"]
    for order_id in range(1, rows):
        side, price = random.choice((("B", 99), ("B", 100), ("A", 101), ("A", 102)))
        lines.append(f"A,{side},{price}.0,{random.randrange(2, 9)},{order_id}")
        if order_id % 3 == 0:
            lines.append(f"C,{side},{price}.0,1,{order_id}")
        if order_id % 5 == 0:
            lines.append(f"M,{side},{price}.0,1,{order_id - 1}")
        if order_id % 7 == 0:
            lines.append("T,A,99.0,2,0")
    path.write_text("\n".join(lines) + "\n")
    return path


def hyperliquid(directory: Path) -> list[Path | str]:
    with evm_dex.open(profile="hyperevm") as dex:
        dex.market(MarketSpec(makers=MakerSettings(every=5, levels=2), seed="4")).run(20)
        statuses, diffs = recorded(dex)
    left_out = order(10**6, "B", "0.1", "5", coin="DOGE")
    statuses[5:5] = [status(ALICE, "open", left_out), status(ALICE, "canceled", left_out)]
    status_file = write_lines(directory / "statuses", statuses)
    diff_file = write_lines(directory / "diffs", [{"block_number": 1, "events": diffs}])
    return [status_file, "--diffs", diff_file]


def given(kind: str, directory: Path) -> list[Path | str]:
    """The arguments of a replay, and its files."""
    if kind == "bitstamp-orders":
        return ["replay", "--format", kind, bitstamp(directory / "events.csv")]
    if kind == "databento-mbo":
        return ["replay", "--format", kind, databento(directory / "mbo.csv")]
    return ["replay", "--format", kind, *hyperliquid(directory)]


def run(*arguments: Path | str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(it) for it in arguments])
    assert result.exit_code == code, result.output
    return result.output


def head(directory: Path) -> tuple[int, str]:
    with evm_dex.open(directory) as dex:
        assert dex.self_check() == []
        return dex.head.number, dex.head.state_root.hex()


def report_of(output: str) -> list[str]:
    """The lines of the report and the book, without those of progress."""
    lines = [line.strip() for line in output.splitlines()]
    return [line for line in lines if line and "Replaying" not in line]


def killed(after: int, *, before: bool, arguments: list[Path | str]) -> int:
    words = [str(after), "before" if before else "after", *(str(it) for it in arguments)]
    done = subprocess.run([sys.executable, "-c", _VICTIM, *words], check=False, capture_output=True)
    return done.returncode


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bitstamp-orders", "databento-mbo", "hyperliquid"])
def test_a_replay_killed_anywhere_comes_to_the_same_end(tmp_path: Path, kind: str) -> None:
    arguments = given(kind, tmp_path)
    whole = [*arguments, "--chain", tmp_path / "whole"]
    expected = report_of(run(*whole))
    at_end = head(tmp_path / "whole")
    assert at_end[0] > 60
    random, chain = Random(kind), tmp_path / "chain"
    again = [*arguments, "--chain", chain]
    kills = 0
    while kills < KILLS:
        code = killed(random.randrange(at_end[0] // 3), before=kills % 2 == 0, arguments=again)
        assert code in (0, 9)
        if code == 0:
            assert head(chain) == at_end
            shutil.rmtree(chain)
            continue
        kills += 1
    assert report_of(run(*again)) == expected
    assert head(chain) == at_end
    assert report_of(run(*again)) == expected, "it is told again, not replayed again"
    assert head(chain) == at_end


def test_a_file_torn_or_behind_goes_on_from_its_last_line(tmp_path: Path) -> None:
    arguments = [*given("bitstamp-orders", tmp_path), "--chain", tmp_path / "chain"]
    expected = report_of(run(*arguments))
    at_end = head(tmp_path / "chain")
    progress = tmp_path / "chain" / FILE_NAME
    lines = progress.read_bytes().splitlines(keepends=True)
    for content in (
        b"".join(lines[:-1]),
        b"".join(lines[:-2]) + lines[-2][:9],
        b"".join(lines[:-12]),
    ):
        progress.write_bytes(content)
        assert report_of(run(*arguments)) == expected
        assert head(tmp_path / "chain") == at_end
        assert progress.read_bytes() == b"".join(lines)
    # The chain is behind, as a power failure may leave it.
    with evm_dex.open(tmp_path / "chain") as dex:
        dex.rollback(at_end[0] - 20)
    progress.write_bytes(b"".join(lines[:-1]))
    assert report_of(run(*arguments)) == expected
    assert head(tmp_path / "chain") == at_end


def test_what_was_not_begun_is_refused(tmp_path: Path) -> None:
    chain, events = tmp_path / "chain", bitstamp(tmp_path / "events.csv", 20)
    arguments = ("replay", "--format", "bitstamp-orders", events, "--chain", chain)
    run(*arguments)
    progress = chain / FILE_NAME
    lines = progress.read_bytes().splitlines(keepends=True)
    stopped = b"".join(lines[:-1])
    progress.write_bytes(stopped)
    before = head(chain)

    def refused(expected: str, *others: Path | str) -> None:
        said = " ".join(run(*(others or arguments), code=1).split())
        assert expected in said
        assert head(chain) == before

    generated = ("replay", "--format", "generated", "--chain", chain)
    refused("no market WETH here", *generated)
    mbo = databento(tmp_path / "mbo.csv", 8)
    other = ("replay", "--format", "databento-mbo", mbo, "--chain", chain)
    refused("begun with --format bitstamp-orders, got databento-mbo", *other)
    text = events.read_text()
    events.write_text(text.replace("100,", "101,", 1))
    refused("holds a replay that was begun with file 1 events.csv (SHA-256")
    events.write_text(text)
    progress.write_bytes(stopped[:40] + b"\n" + stopped[40:])
    refused("is damaged")
    progress.write_bytes(stopped)
    with evm_dex.open(chain) as dex:
        dex.mine(100)
        before = (dex.head.number, dex.head.state_root.hex())
    refused("the chain went on by 100 blocks")
    with evm_dex.open(chain) as dex:
        dex.rollback(5)
        dex.mine(200)
        before = (dex.head.number, dex.head.state_root.hex())
    refused("is not the one that the replay came to")


def test_one_that_ended_makes_room_for_another(tmp_path: Path) -> None:
    chain = tmp_path / "chain"
    first = ("replay", "--format", "generated", "--count", "30", "--chain", chain)
    run(*first)
    height = head(chain)[0]
    run(*first, "--seed", "2")
    assert head(chain)[0] > height
    begun = json.loads((chain / FILE_NAME).read_bytes().splitlines()[0])
    assert begun["settings"]["--seed"] == "2"


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    chain = tmp_path / "chain"
    generated = ("replay", "--format", "generated", "--count")
    program = [sys.executable, "-m", "evm_dex", *generated, "3000", "--chain", str(chain)]
    process = subprocess.Popen(program, stderr=subprocess.PIPE)
    try:
        while process.poll() is None and _lines(chain / FILE_NAME) < 20:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0
    assert b"the same command goes on" in said
    assert _lines(chain / FILE_NAME) >= 20
    said_of_others = run(*generated, "40", "--chain", chain, code=1)
    assert "--count 3000, got 40" in " ".join(said_of_others.split())


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
