"""The checkpoint commands: what people trust with their state, in words and in JSON."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import evm_dex
from checkpoint.layout import disk_usage
from evm_dex.cli import app

runner = CliRunner()
PRICE = 3_000 * 10**6


def run(*arguments: object, code: int = 0) -> str:
    """A command's output."""
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def answer(*arguments: object, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain with checkpoints at 4, 8 and 12, an order in each block."""
    path = tmp_path_factory.mktemp("original") / "chain"
    with evm_dex.open(path, checkpoint_interval=4, keep_checkpoints=9) as dex:
        for number in range(14):
            asset = dex.tokens["WETH"]
            dex.spot.send("placeOrder", asset, 10**18, PRICE + number * 10**6, False)
    return path


@pytest.fixture
def chain(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "chain"))


def heights(chain: Path) -> list[int]:
    return [info["height"] for info in answer("checkpoint", "list", "--chain", chain)]


def test_list_tells_rows_by_table_and_who_else_has_the_files(original: Path) -> None:
    listed = answer("checkpoint", "list", "--chain", original)
    assert [info["height"] for info in listed] == [4, 8, 12]
    assert [info["rows"]["orders"] for info in listed] == [4, 8, 12]
    for info in listed:
        usage = disk_usage(Path(info["path"]))
        assert (info["own_bytes"], info["shared_bytes"]) == (usage.own, usage.shared)
        assert info["shared_bytes"] > 0
        assert len(info["block_hash"]) == 64
    text = run("checkpoint", "list", "--chain", original)
    for word in ("age", "own", "shared", "Rows by table", "balances", listed[0]["block_hash"][:8]):
        assert word in text


def test_shared_bytes_are_those_in_files_with_another_name(tmp_path: Path) -> None:
    for name, size in (("a/one", 10), ("a/two", 200), ("b/three", 3_000)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "b" / "link").hardlink_to(tmp_path / "a" / "two")
    usage = disk_usage(tmp_path / "a")
    assert (usage.own, usage.shared) == (10, 200)


def test_a_checkpoint_with_a_problem_is_listed_with_it(chain: Path) -> None:
    manifest = chain / "checkpoints" / f"{8:012d}" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"height": 8', '"height": 9'))
    (broken,) = [info for info in answer("checkpoint", "list", "--chain", chain) if info["problem"]]
    assert broken["height"] == 8
    assert "was altered" in run("checkpoint", "list", "--chain", chain)


def test_pinned_checkpoints_survive_pruning_and_a_dry_run_removes_nothing(chain: Path) -> None:
    assert answer("checkpoint", "pin", "--chain", chain, 4)["pinned"]
    dry = answer("checkpoint", "remove", "--chain", chain, "--keep", 1, "--dry-run")
    assert dry == {"removed": [8], "dry_run": True}
    assert "would remove" in run("checkpoint", "remove", "--chain", chain, "--keep", 1, "--dry-run")
    assert heights(chain) == [4, 8, 12]
    assert answer("checkpoint", "remove", "--chain", chain, "--keep", 1)["removed"] == [8]
    assert heights(chain) == [4, 12]
    assert "block 4 is no longer pinned" in run("checkpoint", "unpin", "--chain", chain, 4)
    assert "removed" in run("checkpoint", "remove", "--chain", chain, "--keep", 1)
    assert heights(chain) == [12]
    assert "nothing to remove" in run("checkpoint", "remove", "--chain", chain, "--keep", 1)


def test_create_reports_the_checkpoint_of_the_head(chain: Path) -> None:
    made = answer("checkpoint", "create", "--chain", chain)
    assert made["height"] == 14
    assert made["rows"]["orders"] == 14
    assert heights(chain) == [4, 8, 12, 14]


def test_verify_proves_one_all_or_the_head(original: Path) -> None:
    assert [found["height"] for found in answer("checkpoint", "verify", "--chain", original)] == [
        12
    ]
    for asked in ((8,), ("--height", 8)):
        (one,) = answer("checkpoint", "verify", "--chain", original, *asked)
        assert (one["height"], one["wrong"], one["rows"]["orders"]) == (8, None, 8)
    every = answer("checkpoint", "verify", "--chain", original, "--all", "--deep")
    assert [(found["height"], found["wrong"]) for found in every] == [
        (4, None),
        (8, None),
        (12, None),
    ]
    (head,) = answer("checkpoint", "verify", "--chain", original, "--head", "--deep")
    assert (head["height"], head["wrong"], head["rows"]["orders"]) == (14, None, 14)
    assert "every row decoded" in run(
        "checkpoint", "verify", "--chain", original, "--head", "--deep"
    )


def test_verify_names_the_damaged_one_among_all_and_fails(chain: Path) -> None:
    database = chain / "checkpoints" / f"{8:012d}" / "db"
    file = next(database.glob("MANIFEST-*"))
    file.write_bytes(file.read_bytes()[:-1])
    results = answer("checkpoint", "verify", "--chain", chain, "--all", code=1)
    wrong = {found["height"]: found["wrong"] for found in results}
    assert wrong[4] is wrong[12] is None
    assert file.name in wrong[8]
    assert file.name in run("checkpoint", "verify", "--chain", chain, "--all", code=1)


def test_diff_counts_all_and_shows_as_many_as_asked_for(original: Path) -> None:
    found = answer("checkpoint", "diff", "--chain", original, 4, 12, "--limit", 3)
    assert found["counts"]["orders"] == {"added": 8, "changed": 0, "removed": 0}
    assert found["counts"]["counters"] == {"added": 0, "changed": 1, "removed": 0}
    assert len(found["rows"]) == 3
    counter = next(row for row in found["rows"] if row["table"] == "counters")
    assert counter["fields"] == {"next_id": [5, 13]}
    back = answer("checkpoint", "diff", "--chain", original, 12, 4)
    assert back["counts"]["orders"] == {"added": 0, "changed": 0, "removed": 8}
    text = run("checkpoint", "diff", "--chain", original, 4, "head", "--limit", 1)
    assert "next_id 5 → 15" in text
    assert "more; --limit" in text
    same = answer("checkpoint", "diff", "--chain", original, "latest", 12)
    assert same == {"old": "latest", "new": "12", "counts": {}, "rows": []}


def test_diff_shows_added_and_removed_rows_with_their_fields(original: Path) -> None:
    added = run("checkpoint", "diff", "--chain", original, 12, "head", "--limit", 100)
    assert "+ orders 13: " in added
    assert f"price {PRICE + 12 * 10**6}" in added
    assert "- orders 13: " in run(
        "checkpoint", "diff", "--chain", original, "head", 12, "--limit", 100
    )


def test_diff_with_a_height_there_is_not_says_which_there_are(original: Path) -> None:
    assert "there are: 4, 8, 12" in run(
        "checkpoint", "diff", "--chain", original, 5, "head", code=1
    )
    assert "must be a height" in run(
        "checkpoint", "diff", "--chain", original, "then", "head", code=2
    )


def test_restore_to_leaves_the_chain_and_makes_another(chain: Path, tmp_path: Path) -> None:
    branch = tmp_path / "branch"
    assert answer("checkpoint", "restore", "--chain", chain, 8, "--to", branch)["height"] == 8
    assert answer("check", "--chain", branch)["height"] == 8
    assert answer("check", "--chain", chain)["height"] == 14
    refused = run("checkpoint", "restore", "--chain", chain, "--to", branch, code=1)
    assert "is not empty; choose a new or empty directory" in refused


def test_beside_a_running_chain_all_that_reads_works(chain: Path, tmp_path: Path) -> None:
    with evm_dex.open(chain):
        assert heights(chain) == [4, 8, 12]
        assert answer("checkpoint", "verify", "--chain", chain, "--all")[0]["wrong"] is None
        for command in (("verify", "--head"), ("diff", 12, "head")):
            told = run("checkpoint", *command, "--chain", chain)
            assert f"held by process {os.getpid()} (" in told
            assert "reading it meanwhile" in told
        assert answer("checkpoint", "pin", "--chain", chain, 4)["pinned"]
        run("checkpoint", "restore", "--chain", chain, 4, "--to", tmp_path / "branch")
        assert answer("checkpoint", "remove", "--chain", chain, "--keep", 1, "--dry-run")[
            "removed"
        ] == [8]
        for locked in ("remove", "create", "restore"):
            assert "is in use by process" in run("checkpoint", locked, "--chain", chain, code=1)
