"""The vault, compiled once and deployed anew in each test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from evm_dex import Contract, Dex

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vault's ABI and bytecode."""
    artifact = tmp_path_factory.mktemp("compiled") / "Vault.json"
    subprocess.run(["node", HERE / "compile.mjs", artifact], check=True)
    return artifact


@pytest.fixture
def vault(dex: Dex, dex_accounts, dex_markets, compiled: Path) -> Contract:
    """A vault that account 0 manages."""
    return dex.deploy(compiled, dex_markets.usdc, dex_markets.weth, dex_accounts[0])
