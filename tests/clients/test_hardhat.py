"""Hardhat against the node, in projects of its own: what must hold is asserted in JavaScript."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.clients.running import (
    HERE,
    PACKAGES,
    ROOT,
    javascript,
    package,
    run,
    skip_without,
    started_node,
)

SOURCES = ("*.sol", "examples/*Account.sol", "examples/Trader.sol", "examples/PerpTrader.sol")
QUIET = {"HARDHAT_DISABLE_TELEMETRY": "true", "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true"}
HELPERS = 17
"""That both majors have; those of `time` count as one."""


def make_project(directory: Path, major: str, packages: Path) -> None:
    shutil.copytree(HERE / major, directory, ignore=shutil.ignore_patterns("node_modules", "pack*"))
    shutil.copy(HERE / "network_helpers.mjs", directory)
    (directory / "package.json").write_text(json.dumps({"type": "module"}))
    (directory / "node_modules").symlink_to(packages)


def add_contracts(directory: Path) -> None:
    contracts = ROOT / "contracts"
    for source in (path for pattern in SOURCES for path in contracts.glob(pattern)):
        target = directory / "contracts" / source.relative_to(contracts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def test_a_script_compiles_deploys_trades_and_reads_errors(url: str, tmp_path: Path) -> None:
    package("@nomicfoundation/hardhat-ethers")
    hardhat = package("hardhat") / "dist/src/cli.js"
    compiler = ROOT / "contracts/node_modules/solc/soljson.js"
    skip_without(compiler, "the npm package solc")
    make_project(tmp_path / "project", "hardhat", PACKAGES)
    add_contracts(tmp_path / "project")
    told = run(
        [javascript(), hardhat, "run", "trade.js"],
        cwd=tmp_path / "project",
        env={"EVM_DEX_URL": url, "SOLJSON": str(compiler), **QUIET},
    )
    assert "traded on the spot exchange\nheld a position\n" in told


@pytest.mark.parametrize(
    ("major", "packages", "program", "script", "name"),
    [
        ("hardhat", PACKAGES, "hardhat/dist/src/cli.js", "helpers.js", "hardhat"),
        (
            "hardhat2",
            HERE / "hardhat2/node_modules",
            "hardhat/internal/cli/cli.js",
            "helpers.mjs",
            "anvil",
        ),
    ],
)
def test_every_network_helper(
    major: str, packages: Path, program: str, script: str, name: str, tmp_path: Path
) -> None:
    helpers = packages / "@nomicfoundation/hardhat-network-helpers"
    skip_without(helpers, f"hardhat-network-helpers of {major}")
    make_project(tmp_path / "project", major, packages)
    with started_node("--client-name", name) as url:
        told = run(
            [javascript(), packages / program, "run", "--no-compile", "--network", "dex", script],
            cwd=tmp_path / "project",
            env={"EVM_DEX_URL": url, **QUIET},
        )
    assert told.count("tried ") >= HELPERS, told
