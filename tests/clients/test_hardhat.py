"""Hardhat 3 with hardhat-ethers against the node, in a project of its own with our contracts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.clients.running import HERE, PACKAGES, ROOT, javascript, package, run, skip_without

SOURCES = ("*.sol", "examples/*Account.sol", "examples/Trader.sol", "examples/PerpTrader.sol")


def make_project(directory: Path) -> None:
    shutil.copytree(HERE / "hardhat", directory)
    (directory / "package.json").write_text(json.dumps({"type": "module"}))
    (directory / "node_modules").symlink_to(PACKAGES)
    contracts = ROOT / "contracts"
    for source in (path for pattern in SOURCES for path in contracts.glob(pattern)):
        target = directory / "contracts" / source.relative_to(contracts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def test_a_script_compiles_deploys_trades_and_reads_errors(url: str, tmp_path: Path) -> None:
    """What must hold is asserted in hardhat/trade.js."""
    package("@nomicfoundation/hardhat-ethers")
    hardhat = package("hardhat") / "dist/src/cli.js"
    compiler = ROOT / "contracts/node_modules/solc/soljson.js"
    skip_without(compiler, "the npm package solc")
    make_project(tmp_path / "project")
    told = run(
        [javascript(), hardhat, "run", "trade.js"],
        cwd=tmp_path / "project",
        env={"EVM_DEX_URL": url, "SOLJSON": str(compiler), "HARDHAT_DISABLE_TELEMETRY": "true"},
    )
    assert "traded on the spot exchange\nheld a position\n" in told
