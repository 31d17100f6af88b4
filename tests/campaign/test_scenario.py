"""One scenario, one seed: what is found, what is recorded, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from checkpoint.archive import import_archive
from evm_dex.campaign import Report, ScenarioError, scenario
from evm_dex.campaign.library import price_crash
from evm_dex.campaign.scenario import as_scenario, load_scenario, shipped
from evm_dex.campaign.seed_run import run_seed
from evm_dex.chain.block_proof import inspect_block
from tests.campaign import storms
from tests.conftest import fuller

HERE = "tests.campaign.storms"


def test_a_report_keeps_what_json_has() -> None:
    report = Report()
    report.record(a=1, b="x", c=None, d=[1, {"e": (True, 1.5)}], f=1 << 100)
    assert report.values == {
        "a": 1,
        "b": "x",
        "c": None,
        "d": [1, {"e": [True, 1.5]}],
        "f": 1 << 100,
    }
    for value in (b"x", float("nan"), {1: 2}, object(), [b"x"]):
        with pytest.raises(ScenarioError, match="'bad' can't be stored: it must be a text"):
            report.record(bad=value)


def test_values_are_refused_that_only_some_places_can_keep() -> None:
    report = Report()
    without_end: list[Any] = []
    without_end.append(without_end)
    for value, said in (
        (10**5_000, "4300 digits"),
        ("\ud800", "surrogates not allowed"),
        ({"\ud800": 1}, "surrogates not allowed"),
        (without_end, "more than 64 levels"),
    ):
        with pytest.raises(ScenarioError, match=f"'bad' can't be stored: .*{said}"):
            report.record(bad=value)
    assert report.values == {}


def test_what_is_raised_is_told_whatever_it_says() -> None:
    half = run_seed(as_scenario(storms.raises_half_a_character), 1)
    assert half.error == "ValueError: half \\ud800"
    assert "half \\ud800" in half.traceback
    silent = run_seed(as_scenario(storms.raises_what_can_not_be_told), 1)
    assert silent.error == "Silent: its text can't be told (TypeError)"


def test_an_object_that_can_be_called_is_a_scenario() -> None:
    found = run_seed(load_scenario(f"{HERE}:CALLABLE"), 3)
    assert (found.passed, found.values) == (True, {"seed": 3})


def test_what_is_no_scenario_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "half_written.py").write_text("def storm(:\n")
    (tmp_path / "ends_python.py").write_text("raise SystemExit(4)")
    for target, said in (
        ("no_such_module:storm", "can't be imported: ModuleNotFoundError"),
        ("half_written:storm", "can't be imported: SyntaxError"),
        ("ends_python:storm", "can't be imported: SystemExit: 4"),
        (f"{HERE}:no_such_function", "has no function 'no_such_function'"),
        (f"{HERE}:NO_SCENARIO", "has no function 'NO_SCENARIO'"),
        ("crash", "one of price_crash, liquidation_cascade"),
        ("Dex", "one of price_crash, liquidation_cascade"),
    ):
        with pytest.raises(ScenarioError, match=said):
            load_scenario(target)
    with pytest.raises(ScenarioError, match="options of a scenario must be genesis, profile"):
        scenario(path="chain")(storms.slow)
    with pytest.raises(ScenarioError, match="has_no_chain can't be opened"):
        run_seed(storms.has_no_chain, 1)


def test_a_scenario_of_the_current_directory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "storm_of_mine.py").write_text("def storm(seed, dex, report): return {'s': seed}\n")
    assert run_seed(load_scenario("storm_of_mine:storm"), 4).values == {"s": 4}


def test_a_seed_gives_the_same_chain_and_its_failure_is_told() -> None:
    found = load_scenario(f"{HERE}:short")
    first, again, other = (run_seed(found, seed) for seed in (7, 7, 8))
    assert (first.error, first.passed) == ("AssertionError: seed 7 ends in 7", False)
    assert "seed % 10 != 7" in first.traceback
    assert first.values == {"orders": 2}
    assert first.row() == again.row()
    assert (other.passed, other.error, other.values["big"]) == (True, "", 8 << 70)
    assert first.block_hash != other.block_hash
    for name, said in (
        ("unstorable", "'account' can't be stored"),
        ("returns_a_number", "got int"),
    ):
        with pytest.raises(ScenarioError, match=f"{name}, seed 2: .*{said}"):
            run_seed(load_scenario(f"{HERE}:{name}"), 2)


def test_invariants_are_checked_after_the_scenario() -> None:
    result = run_seed(as_scenario(storms.breaks_invariants), 1)
    assert not result.passed
    assert "invariants broken" in result.error


def test_the_chain_of_a_seed_is_left_as_an_archive(tmp_path: Path) -> None:
    file = tmp_path / "seed.evmdex"
    result = run_seed(load_scenario(f"{HERE}:short"), 17, file)
    assert not result.passed
    assert result.row() == run_seed(load_scenario(f"{HERE}:short"), 17).row()
    import_archive(file, tmp_path / "chain", inspect=inspect_block)
    with evm_dex.open(tmp_path / "chain") as dex:
        assert f"0x{dex.chain.head.hash.hex()}" == result.block_hash
        assert dex.chain.head.block_number == result.height
    assert sorted(it.name for it in tmp_path.iterdir()) == ["chain", "seed.evmdex"]


@pytest.mark.parametrize(
    "name", ["price_crash", *fuller(*sorted(shipped().keys() - {"price_crash"}))]
)
def test_a_scenario_that_ships_passes(name: str) -> None:
    result = run_seed(load_scenario(name), 3)
    assert result.error == "", result.traceback
    assert shipped()[name].endswith(".")
    if name in ("price_crash", "liquidation_cascade"):
        assert result.values["liquidations"] > 0


def test_pytest_runs_the_same(
    dex_scenario: Callable[[Any, int], Mapping[str, Any]],
) -> None:
    assert dex_scenario(price_crash, 3) == run_seed(price_crash, 3).values
    with pytest.raises(AssertionError, match="seed 7 ends in 7"):
        dex_scenario(storms.short, 7)
    with pytest.raises(AssertionError, match="invariants broken"):
        dex_scenario(storms.breaks_invariants, 1)
