"""Contracts that import ours from node_modules, or from where Python's package is."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.clients.running import HERE, PACKAGES, ROOT, foundry, javascript, package, run

TRADER = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {SPOT} from "evm-dex/contracts/ISpot.sol";
import {Trader} from "evm-dex/contracts/examples/Trader.sol";

contract Other is Trader {
    function best(address asset) external view returns (uint256 bid) {
        (bid,) = SPOT.getBestPrices(asset);
    }
}
"""
CONFIG = """
export default {
  solidity: {
    version: "0.8.37",
    path: process.env.SOLJSON,
    settings: { evmVersion: "prague" },
  },
};
"""
OFFLINE = {"FOUNDRY_OFFLINE": "true", "FOUNDRY_SOLC": str(HERE / "solc")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/Other.sol").write_text(TRADER)
    return tmp_path


@pytest.fixture
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What npm packs of this directory, as it unpacks it."""
    directory = tmp_path_factory.mktemp("packed")
    javascript()
    told = run(["npm", "pack", "--silent", "--pack-destination", directory], cwd=ROOT)
    with tarfile.open(directory / told.split()[-1]) as archive:
        archive.extractall(directory, filter="data")
    return directory / "package"


def test_hardhat_finds_them_in_node_modules(project: Path, packed: Path) -> None:
    hardhat = package("hardhat") / "dist/src/cli.js"
    modules = project / "node_modules"
    modules.mkdir()
    for installed in PACKAGES.iterdir():
        (modules / installed.name).symlink_to(installed)
    packed.rename(modules / "evm-dex")
    (project / "package.json").write_text(json.dumps({"type": "module"}))
    (project / "hardhat.config.js").write_text(CONFIG)
    compiler = str(ROOT / "contracts/node_modules/solc/soljson.js")
    env = {"SOLJSON": compiler, "HARDHAT_DISABLE_TELEMETRY": "true"}
    run([javascript(), hardhat, "compile"], cwd=project, env=env)
    assert (project / "artifacts/contracts/Other.sol/Other.json").is_file()


def test_forge_finds_them_in_node_modules(project: Path, packed: Path) -> None:
    (project / "node_modules").mkdir()
    packed.rename(project / "node_modules/evm-dex")
    built: list[str | Path] = [
        foundry("forge"),
        "build",
        "--contracts",
        "contracts",
        "--lib-paths",
        "node_modules",
    ]
    run([*built, "--evm-version", "prague"], cwd=project, env=OFFLINE)
    assert (project / "out/Other.sol/Other.json").is_file()


def test_forge_finds_them_where_pythons_package_is(project: Path) -> None:
    remapping = run(["evm-dex", "contracts", "remapping"]).strip()
    assert remapping == f"evm-dex/={run(['evm-dex', 'contracts', 'path']).strip()}/"
    built: list[str | Path] = [
        foundry("forge"),
        "build",
        "--contracts",
        "contracts",
        "--remappings",
        remapping,
    ]
    run([*built, "--evm-version", "prague"], cwd=project, env=OFFLINE)
    assert (project / "out/Other.sol/Other.json").is_file()


def test_a_package_has_what_contracts_need_and_nothing_else(packed: Path) -> None:
    found = {path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()}
    assert {"contracts/ISpot.sol", "contracts/artifacts/ISpot.json"} <= found
    assert {"contracts/forge/ExchangeTest.sol", "examples/forge/test/Orders.t.sol"} <= found
    kinds = {Path(name).suffix for name in found - {"LICENSE", "README.md"}}
    assert kinds == {".sol", ".json", ".toml", ".mjs"}
    assert not any("node_modules" in name or name.endswith(".py") for name in found)
