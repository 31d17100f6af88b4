"""titanoboa, moccasin and ape on examples/vyper, each as its users start it.

They are in `.tools`, an environment of their own, since they want older versions of what is used
here: with them evm-dex itself is on those.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.clients.running import OWNER_KEY, ROOT, run, skip_without, started_node

PROGRAMS = ROOT / ".tools/bin"
NODE_URL = "http://127.0.0.1:8545"
TEST = ("test", "test_ape.py", "--network")


def tool(name: str) -> Path:
    return skip_without(PROGRAMS / name, name, "tools")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "examples/vyper", tmp_path / "project"))


def started(project: Path, *command: str | Path, succeeds: bool = True) -> str:
    """What a tool prints, with settings and caches of its own."""
    env = {
        "HOME": str(project),
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins/ape'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return run(command, cwd=project, env=env, succeeds=succeeds)


def passed(told: str) -> int:
    found = re.search(r"(\d+) passed", told)
    assert found is not None, told
    return int(found[1])


def compile_for_ape(project: Path) -> None:
    """What ape's Vyper plugin would make; that fetches compilers by itself."""
    contracts = project / "contracts"
    contracts.mkdir()
    abi, code = started(project, tool("vyper"), "-f", "abi,bytecode", "Bidder.vy").splitlines()
    bidder = {
        "contractName": "Bidder",
        "abi": json.loads(abi),
        "deploymentBytecode": {"bytecode": code},
    }
    (contracts / "Bidder.json").write_text(json.dumps(bidder))
    spot = json.loads((ROOT / "contracts/artifacts/ISpot.json").read_text())
    contract = {"contractName": "ISpot", "abi": spot["abi"]}
    (contracts / "ISpot.json").write_text(json.dumps(contract))


def test_titanoboa_executes_the_exchanges_itself(project: Path) -> None:
    told = started(
        project, tool("python"), "-m", "pytest", "-q", "-p", "no:ape_test", "test_boa.py"
    )
    assert passed(told) == 8


def test_moccasin_deploys_to_a_node_and_trades_there(project: Path) -> None:
    bid = ("run", "bid", "--network", "evm-dex", "--private-key", OWNER_KEY)
    with started_node() as url:
        settings = project / "moccasin.toml"
        settings.write_text(settings.read_text().replace(NODE_URL, url))
        assert "bid, as order 1\n" in started(project, tool("mox"), *bid)


def test_ape_starts_a_node_and_trades_there(project: Path) -> None:
    compile_for_ape(project)
    assert passed(started(project, tool("ape"), *TEST, "ethereum:local:evm-dex")) == 5


def test_apes_plugin_for_anvil_takes_the_node_for_one(project: Path) -> None:
    compile_for_ape(project)
    with started_node() as url:
        (project / "ape-config.yaml").write_text(f"foundry:\n  host: {url}\n")
        assert passed(started(project, tool("ape"), *TEST, "ethereum:local:foundry")) == 5


@pytest.mark.nightly
def test_ape_says_that_no_node_is_there(project: Path) -> None:
    (project / "ape-config.yaml").write_text("evm_dex:\n  url: http://127.0.0.1:1\n")
    told = started(project, tool("ape"), *TEST, "ethereum:local:evm-dex", succeeds=False)
    assert "no node answers at http://127.0.0.1:1: start `evm-dex node` there" in told
