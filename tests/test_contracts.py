"""The committed artifacts are what the sources compile to."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from eth_hash.auto import keccak

ROOT = Path(__file__).parent.parent
ARTIFACTS = sorted((ROOT / "contracts" / "artifacts").glob("*.json"))

SEED_SELECTORS = {
    "placeOrder(address,uint256,uint256,bool)",
    "cancelOrder(uint256)",
    "getOrder(uint256)",
    "getBestPrices(address)",
    "getDepth(address,uint256)",
}


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.stem)
def test_an_artifact_names_the_sources_it_was_built_from(path: Path) -> None:
    sources = json.loads(path.read_text())["sources"]
    assert sources
    for name, digest in sources.items():
        assert "0x" + keccak((ROOT / name).read_bytes()).hex() == digest, name


def test_compiling_the_sources_gives_the_artifacts() -> None:
    node = shutil.which("node")
    assert node, "the Solidity compiler needs node: run `make contracts-deps`"
    modules = ROOT / "contracts" / "node_modules" / "solc"
    assert modules.is_dir(), "the Solidity compiler is missing: run `make contracts-deps`"
    done = subprocess.run(
        [node, "contracts/build.mjs", "--check"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_seed_interface_keeps_its_selectors() -> None:
    artifact = json.loads((ROOT / "contracts" / "artifacts" / "ISpot.json").read_text())
    for signature in SEED_SELECTORS:
        assert artifact["methodIdentifiers"][signature] == keccak(signature.encode())[:4].hex()
