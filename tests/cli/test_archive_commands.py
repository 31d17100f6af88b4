"""`evm-dex checkpoint export` and `import`: for people, for programs, beside a running chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import evm_dex
from evm_dex.cli import app

runner = CliRunner()


def run(*arguments: object, code: int = 0) -> str:
    """A command's output, in lines as long as they come."""
    result = runner.invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def answer(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json"))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a checkpoint at 4, and six orders in all."""
    path = tmp_path_factory.mktemp("cli") / "chain"
    with evm_dex.open(path, checkpoint_interval=4) as dex:
        for number in range(6):
            price = (3_000 + number) * 10**6
            dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, price, False)
    return path


def test_there_and_back(chain: Path, tmp_path: Path) -> None:
    exported = answer("checkpoint", "export", "--chain", chain, tmp_path / "a.evmdex")
    assert exported["height"] == 6
    assert exported["rows"]["orders"] == 6
    assert exported["bytes"] == (tmp_path / "a.evmdex").stat().st_size
    imported = answer("checkpoint", "import", tmp_path / "a.evmdex", "--chain", tmp_path / "new")
    same = ("chain_id", "height", "block_hash", "state_root", "blocks", "accounts", "slots", "rows")
    assert {name: imported[name] for name in same} == {name: exported[name] for name in same}
    assert "✓ block 6: rows, digest, state root, invariants" in run(
        "check", "--chain", tmp_path / "new"
    )
    told = run("checkpoint", "export", "--chain", tmp_path / "new", tmp_path / "b.evmdex")
    assert "rows: orders 6" in told
    assert exported["block_hash"] in told
    assert (tmp_path / "b.evmdex").read_bytes() == (tmp_path / "a.evmdex").read_bytes()


def test_a_checkpoint_and_a_running_chain(chain: Path, tmp_path: Path) -> None:
    earlier = answer("checkpoint", "export", "--chain", chain, tmp_path / "four", "--height", 4)
    assert (earlier["height"], earlier["rows"]["orders"]) == (4, 4)
    with evm_dex.open(chain):
        assert "held by process" in run(
            "checkpoint", "export", "--chain", chain, tmp_path / "six", "--head"
        )
    assert (
        answer("checkpoint", "import", tmp_path / "six", "--chain", tmp_path / "new")["height"] == 6
    )
    assert "at height 5" in run(
        *("checkpoint", "export", "--chain", chain, tmp_path / "five", "--height", 5), code=1
    )
    both = ("checkpoint", "export", "--chain", chain, tmp_path / "both", "--height", 4, "--head")
    assert "not both" in run(*both, code=2)


def test_json_lines(chain: Path, tmp_path: Path) -> None:
    lines = tmp_path / "state.jsonl"
    found = answer("checkpoint", "export", "--chain", chain, lines, "--format", "jsonl")
    kinds = [json.loads(line)["kind"] for line in lines.read_text().splitlines()]
    assert kinds.count("row") == sum(found["rows"].values())
    assert kinds.count("account") == found["accounts"]
    again = answer("checkpoint", "import", lines, "--chain", tmp_path / "new")
    assert again["rows"] == found["rows"]
    assert again["block_hash"] == found["block_hash"]
    lines.write_text("{}\n")
    told = run("checkpoint", "import", lines, "--chain", tmp_path / "other", code=1)
    assert "line 1: it is no line of a state" in told


def test_mistakes_are_one_line_that_says_what_to_do(chain: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    found = answer("checkpoint", "export", "--chain", chain, archive)
    assert "exists; choose another name" in run(
        "checkpoint", "export", "--chain", chain, archive, code=1
    )
    assert "there is no chain at" in run(
        "checkpoint", "export", "--chain", tmp_path / "no", archive, code=1
    )
    assert "is not empty" in run("checkpoint", "import", archive, "--chain", chain, code=1)
    assert "No such file" in run(
        "checkpoint", "import", tmp_path / "no", "--chain", tmp_path / "x", code=1
    )
    to = ("checkpoint", "import", archive, "--chain", tmp_path / "new", "--block-hash")
    assert "must be a block hash of 64 hex digits" in run(*to, "0x12", code=2)
    assert "not of 00000000" in run(*to, "00" * 32, code=1)
    run(*to, found["block_hash"])
    content = archive.read_bytes()
    archive.write_bytes(content[:-1])
    assert "trailer" in run("checkpoint", "import", archive, "--chain", tmp_path / "other", code=1)
    assert not (tmp_path / "other").exists()
