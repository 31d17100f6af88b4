"""Contracts are taken as compilers write them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from evm_dex.abi.artifact import ArtifactError, load_artifact, package_root
from evm_dex.sources.builds import build_of

TOKEN = load_artifact("TestToken")
ABI, CODE = TOKEN["abi"], TOKEN["bytecode"].removeprefix("0x")

SHAPES: dict[str, Callable[[], dict[str, Any]]] = {
    "Hardhat": lambda: {"contractName": "T", "abi": ABI, "bytecode": f"0x{CODE}"},
    "Foundry": lambda: {"abi": ABI, "bytecode": {"object": f"0x{CODE}", "linkReferences": {}}},
    "solc's standard JSON": lambda: {"abi": ABI, "evm": {"bytecode": {"object": CODE}}},
    "solc's combined JSON": lambda: {"abi": ABI, "bin": CODE},
}

ROOT = Path(__file__).parents[2]
SOLIDITY = ("artifacts", "examples", "forge", "hyper", "validators")


def test_the_package_brings_what_contracts_import() -> None:
    """Under the path that they have in a checkout, to Python's wheels as to npm's packages."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    included = wheel["targets"]["wheel"]["force-include"]
    assert all(target == f"evm_dex/{source}" for source, target in included.items())
    top = {f"contracts/{path.name}" for path in (ROOT / "contracts").glob("*.sol")}
    folders = {f"contracts/{name}" for name in SOLIDITY}
    assert set(included) == {"package.json"} | top | folders

    package = json.loads((ROOT / "package.json").read_text())
    brought = {path for pattern in package["files"] for path in ROOT.glob(pattern)}
    everything = set((ROOT / "contracts").rglob("*.sol"))
    left_out = {path for path in everything if {"test", "node_modules"} & set(path.parts)}
    assert everything - left_out <= brought
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert package["version"] == project["version"]


def test_the_root_of_imports_is_that_of_the_sources() -> None:
    assert package_root() == ROOT


@pytest.mark.parametrize("compiler", SHAPES)
def test_a_contract_is_deployed_from_what_a_compiler_wrote(compiler: str, tmp_path: Path) -> None:
    (tmp_path / "T.json").write_text(json.dumps(SHAPES[compiler]()))
    with evm_dex.open() as dex:
        for source in (tmp_path / "T.json", SHAPES[compiler]()):
            assert dex.deploy(source, "Gold", "AU", 3).call("symbol") == "AU"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"abi": []}, "has no `bytecode`: is it an interface or abstract"),
        ({"abi": [], "bytecode": "0x60__$abc$__"}, "is not hex: link its libraries first"),
        ({"contracts": {"T.sol": {}}}, "several: name one, as in "),
        ([], "expected a compiler's JSON for one contract$"),
    ],
)
def test_what_is_no_contract_is_named(content: object, said: str, tmp_path: Path) -> None:
    (tmp_path / "T.json").write_text(json.dumps(content))
    with evm_dex.open() as dex, pytest.raises(ArtifactError, match=said):
        dex.deploy(tmp_path / "T.json")


def test_an_artifact_stays_that_of_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two projects have one of the same name, each in its directory."""
    builds = set()
    for project in ("one", "two"):
        (tmp_path / project).mkdir()
        monkeypatch.chdir(tmp_path / project)
        whole = {"contracts": {"T.sol": {"T": SHAPES["solc's standard JSON"]()}}}
        Path("build.json").write_text(json.dumps(whole))
        builds.add(build_of(load_artifact("build.json:T")))
    assert builds == {tmp_path / "one" / "build.json", tmp_path / "two" / "build.json"}
