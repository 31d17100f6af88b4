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


@pytest.fixture(scope="session")
def bots() -> None:
    """Make the SDKs importable; where they were not fetched the test is skipped, but not in CI."""
    if not (BOTS / "bots.lock").is_file():
        if os.environ.get("CI"):
            pytest.fail("the SDKs are missing: sh .ci/bots fetches them")
        pytest.skip("the SDKs are missing: sh .ci/bots fetches them")
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
