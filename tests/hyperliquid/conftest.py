from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from evm_dex.hyperliquid.served import LocalHyperliquid, serve_in_background
from tests.hyperliquid.trader import Trader

BOTS = Path(__file__).parents[2] / ".bots"


def _need(lock: str) -> None:
    """Skip a test where .ci/bots did not fetch what a file pins, but not in CI."""
    if not (BOTS / lock).is_file():
        said = f"what .ci/{Path(lock).name} pins is missing: sh .ci/bots fetches it"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)


@pytest.fixture(scope="session")
def freqtrade() -> Path:
    """The packages of freqtrade, for a process of its own."""
    _need("freqtrade/freqtrade.lock")
    return BOTS / "freqtrade"


@pytest.fixture(scope="session")
def bots() -> None:
    """Make the SDKs importable."""
    _need("bots.lock")
    if str(BOTS) not in sys.path:
        sys.path.append(str(BOTS))


@pytest.fixture
def local() -> Iterator[LocalHyperliquid]:
    with evm_dex.open(profile="hyperevm") as dex, serve_in_background(dex) as served:
        yield served


@pytest.fixture
def dex() -> Iterator[Any]:
    with evm_dex.open(profile="hyperevm") as dex:
        yield dex


@pytest.fixture
def traders(dex: Any) -> tuple[Trader, Trader]:
    """Two users of one chain, without a network between."""
    first = Trader(dex, 0)
    return first, Trader(dex, 1, first.api)
