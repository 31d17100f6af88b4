"""The vault, compiled once and deployed anew in each test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from evm_dex import Contract, Dex

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The vault in its compiler's output; coverage wants it as it was written."""
    build = tmp_path_factory.mktemp("compiled") / "build.json"
    is_covered = request.config.getoption("evm_coverage") is not None
    options = ["--for-coverage"] if is_covered else []
    subprocess.run(["node", HERE / "compile.mjs", build, *options], check=True)
    return f"{build}:Vault"


@pytest.fixture
def vault(dex: Dex, dex_accounts, dex_markets, compiled: str) -> Contract:
    """A vault that account 0 manages."""
    return dex.deploy(compiled, dex_markets.usdc, dex_markets.weth, dex_accounts[0])
