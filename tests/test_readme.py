"""What the README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import evm_dex

README = (Path(__file__).parent.parent / "README.md").read_text()


BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
)


def first(language: str) -> str:
    return next(text for kind, text in BLOCKS if kind == language)


PROGRAMS: list[tuple[str, str]] = re.findall(
    r"^```python\n(import evm_dex\n(?:(?!^```).)*)^```\n\n```\n(.*?)^```$",
    README,
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.slow
@pytest.mark.parametrize(("program", "output"), PROGRAMS)
def test_a_program_prints_the_output_below_it(program: str, output: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert done.stdout == output


def test_the_genesis_opens_a_chain_with_its_market() -> None:
    genesis = tomllib.loads(first("toml"))
    with evm_dex.open(genesis=genesis) as dex:
        market = dex.spot.call("getMarket", dex.tokens["WETH"])
        assert (market.tick, market.lot) == (10_000, 10**14)
        assert (market.makerFee, market.takerFee) == (10, 50)
        rich, usdc = dex.accounts[1], dex.tokens["USDC"]
        assert dex.spot.call("getBalance", rich, usdc).available == 9_000 * 10**6
        assert dex.perp.call("getAccount", rich).cash == 1_000 * 10**6
        assert dex.perp.call("getMarkPrice", dex.perp_markets["WETH"]) == 2_000 * 10**6


@pytest.mark.slow
def test_the_tests_it_shows_pass(tmp_path: Path) -> None:
    shown = next(text for kind, text in BLOCKS if kind == "python" and "def test_" in text)
    (tmp_path / "test_shown.py").write_text(shown)
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", ".", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert "1 passed" in done.stdout, done.stdout


def test_web3_is_connected_as_it_shows() -> None:
    shown = next(text for kind, text in BLOCKS if "EthereumTesterProvider" in text)
    names: dict[str, Any] = {}
    exec(shown, names)
    assert names["w3"].eth.get_balance(names["w3"].eth.accounts[0]) == 10**24


def test_there_are_programs_to_try() -> None:
    """The first one, and one for the perpetuals."""
    assert len(PROGRAMS) >= 2
    assert PROGRAMS[0][0] == first("python")


@pytest.mark.slow
def test_the_scenario_it_shows_runs(tmp_path: Path) -> None:
    shown = next(text for kind, text in BLOCKS if kind == "python" and "@scenario" in text)
    (tmp_path / "storms.py").write_text(shown)
    for seed, code in ((3, 0), (27, 1)):
        program = "from evm_dex.cli import main; main()"
        words = ["campaign", "storms:storm", "--seeds", str(seed)]
        command = [sys.executable, "-c", program, *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        assert (tmp_path / f"storm-{seed}.evmdex").exists()
