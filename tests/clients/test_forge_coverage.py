"""Coverage of the example contracts is that of `forge coverage`, line by line.

The same test contracts run in forge and on a chain of ours, from Foundry's own artifacts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import evm_dex
from evm_dex import Recorder
from evm_dex.coverage.lcov import lcov
from tests.clients.running import HERE, ROOT, foundry, run, skip_without

pytestmark = pytest.mark.slow
OFFLINE = {"FOUNDRY_OFFLINE": "true", "FOUNDRY_SOLC": str(HERE / "solc")}
SETTINGS = '[profile.default]\nevm_version = "prague"\noptimizer = false\nast = true\n'
GAS = 29_000_000

DIFFERENCES = {
    "delete": "forge has no item for a `delete` that is a statement",
    "modifier": "forge counts the first function that a modifier is in, we all of them",
    "called inside": "forge counts calls of a public function from outside, we all of them",
    "catch": "forge has '-' for a clause that was not gone into, where the call itself was made",
    "else if": "forge loses some ways into an `else` that is an `if`",
    "empty clause": "forge lists one way of a `try` whose clauses are empty",
}
"""Reasons why some numbers differ, by where they do below."""
KNOWN = {
    ("src/Counter.sol", "BRDA", "} else if (x > 5) {"): "catch",
    ("src/Counter.sol", "BRDA", "if (x > 10) {"): "else if",
    ("src/Counter.sol", "BRDA", "} catch {"): "catch",
    ("src/contracts/examples/Bracket.sol", "DA", "delete exitsOf[market];"): "delete",
    ("src/contracts/examples/MarketMaker.sol", "DA", "delete orderIds[asset];"): "delete",
    ("src/contracts/examples/ExchangeAccount.sol", "*", "modifier onlyOwner() {"): "modifier",
    ("src/contracts/examples/ExchangeAccount.sol", "*", "if (msg.sender != owner)"): "modifier",
    ("src/contracts/test/ShareVault.sol", "*", "function totalAssets()"): "called inside",
    ("src/contracts/test/ShareVault.sol", "*", "function convertToShares("): "called inside",
    ("src/contracts/examples/RevertAfterTrade.sol", "BRDA", "try this.tradeNested"): "empty clause",
}


class Count(NamedTuple):
    """A place of a report, and what is told of it."""

    file: str
    kind: str
    line: int
    told: tuple[str, ...]


def read(text: str) -> Iterator[Count]:
    """Counts of lines, functions by their line, and branches by theirs."""
    file, lines, branches = "", dict[str, int](), dict[int, list[str]]()
    for entry in text.splitlines():
        kind, _, rest = entry.partition(":")
        values = rest.split(",")
        if kind == "SF":
            file, lines, branches = rest, {}, {}
        elif kind == "FN":
            lines[values[1]] = int(values[0])
        elif kind == "FNDA":
            yield Count(file, "FN", lines[values[1]], (values[0],))
        elif kind == "DA":
            yield Count(file, "DA", int(values[0]), (values[1],))
        elif kind == "BRDA":
            branches.setdefault(int(values[0]), []).append(values[3])
        elif entry == "end_of_record":
            yield from (Count(file, "BRDA", line, tuple(it)) for line, it in branches.items())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    foundry("forge")
    skip_without(ROOT / "contracts/node_modules/solc", "the npm package solc")
    directory = tmp_path_factory.mktemp("forge") / "project"
    left_out = shutil.ignore_patterns("node_modules", "artifacts", "forge", "hyper", "*.mjs")
    shutil.copytree(ROOT / "contracts", directory / "src/contracts", ignore=left_out)
    for name in ("examples/HedgedVault", "examples/CoreTrader", "test/AllActions"):
        (directory / f"src/contracts/{name}.sol").unlink()  # they stand on HyperEVM
    shutil.copy(ROOT / "tests/coverage/Counter.sol", directory / "src")
    shutil.copy(ROOT / "tests/sources/Ledger.sol", directory / "src")
    (directory / "test").mkdir()
    shutil.copy(HERE / "forge_coverage/Drive.t.sol", directory / "test")
    (directory / "foundry.toml").write_text(SETTINGS)
    return directory


@pytest.fixture(scope="module")
def forges(project: Path) -> str:
    """The report of forge; it leaves no artifacts."""
    command: list[str | Path] = [foundry("forge"), "coverage", "--report", "lcov"]
    run(command, cwd=project, env=OFFLINE)
    return (project / "lcov.info").read_text()


@pytest.fixture(scope="module")
def ours(project: Path, forges: str) -> str:
    """The report of the same tests on a chain, each on contracts of its own."""
    assert forges
    run([foundry("forge"), "build"], cwd=project, env=OFFLINE)
    out = project / "out"
    with Recorder(gas=False) as recorder, evm_dex.open() as dex:
        for path in sorted((out / "Drive.t.sol").glob("*Test.json")):
            artifact = json.loads(path.read_text())
            libraries = {
                f"{source}:{name}": dex.deploy(out / Path(source).name / f"{name}.json")
                for source, names in artifact["bytecode"]["linkReferences"].items()
                for name in names
            }
            for entry in artifact["abi"]:
                if entry.get("name", "").startswith("test_"):
                    tests = dex.deploy(path, gas=GAS, libraries=libraries)
                    assert tests.send("setUp", gas=GAS).succeeded
                    receipt = tests.send(entry["name"], gas=GAS)
                    assert receipt.succeeded, receipt.trace()
    return lcov(recorder.coverage(project))


def reason(project: Path, count: Count) -> str:
    text = (project / count.file).read_text().splitlines()[count.line - 1].strip()
    for (file, kind, beginning), name in KNOWN.items():
        if (file, text[: len(beginning)]) == (count.file, beginning) and kind in ("*", count.kind):
            return name
    return ""


def test_every_line_function_and_branch_has_the_count_that_forge_has(
    project: Path, forges: str, ours: str
) -> None:
    expected, found = set(read(forges)), set(read(ours))
    expected = {it for it in expected if it.file != "test/Drive.t.sol"}
    assert len(expected) > 400
    assert sum(it.kind == "DA" and it.told != ("0",) for it in expected) > 120
    unexplained = sorted(it for it in expected ^ found if not reason(project, it))
    assert unexplained == []


def test_each_known_difference_is_one(project: Path, forges: str, ours: str) -> None:
    differing = set(read(forges)) ^ set(read(ours))
    assert {reason(project, it) for it in differing} - {""} == set(DIFFERENCES)
    assert set(KNOWN.values()) == set(DIFFERENCES)
