"""`evm-dex campaign`: what it writes and says, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evm_dex.cli import app

SCENARIO = "tests.campaign.storms:short"


def run(*words: str, code: int) -> str:
    done = CliRunner().invoke(app, ["campaign", *words])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def test_one_seed_leaves_its_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(SCENARIO, "--seeds", "17", code=1)
    assert "seed 17 failed: AssertionError: seed 17 ends in 7" in said
    assert "evm-dex checkpoint import short-17.evmdex --chain short-17" in said
    assert "exists: remove it" in run(SCENARIO, "--seeds", "17", code=1)
    found = json.loads(run(SCENARIO, "--seeds", "18", "--json", "--archive", "x", code=0))
    assert (found["seed"], found["passed"], found["archive"]) == (18, True, "x")
    assert sorted(it.name for it in tmp_path.iterdir()) == ["short-17.evmdex", "x"]


@pytest.mark.slow
def test_many_seeds_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(SCENARIO, "--seeds", "0..20", "-n", "2", code=1)
    assert "seed 7: AssertionError: seed 7 ends in 7" in said
    assert "20 seeds, 2 failed" in said
    assert f"evm-dex campaign {SCENARIO} --seeds 7" in said
    rows = [json.loads(line) for line in Path("short.jsonl").read_text().splitlines()]
    assert [row["seed"] for row in rows] == list(range(20))
    found = json.loads(run(SCENARIO, "--seeds=8..30", "-x", "--json", "-n1", code=1))
    assert (found["seeds"], found["smallest_failing_seed"]) == (10, 17)


def test_what_can_not_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words, code, said in (
        (["nothing:here"], 1, "can't be imported"),
        (["crash"], 1, "must be module:function or one of price_crash"),
        (["tests.campaign.storms:unstorable", "--seeds", "1"], 1, "'account' can't be stored"),
        ([SCENARIO, "--seeds", "5..5"], 2, "must be FROM..TO"),
        ([SCENARIO, "--seeds", "-3"], 2, "must be FROM..TO"),
        ([SCENARIO, "--archive", "x"], 2, "is for a single seed"),
        ([SCENARIO, "--out", "x.csv"], 1, "must be a .jsonl or .parquet file"),
    ):
        assert said in run(*words, code=code).replace("│ ", "")
    assert list(tmp_path.iterdir()) == []
