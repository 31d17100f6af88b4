"""Many bots at once, beside a market: every answer and every order is there."""

from __future__ import annotations

import os

import pytest

from tests.hyperliquid.many_bots import main

NIGHTLY = os.environ.get("EVM_DEX_PROFILE") == "nightly"


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_no_bot_misses_an_answer() -> None:
    bots, seconds = (50, 600) if NIGHTLY else (10, 20)
    figures = main(bots, seconds)
    assert figures.filled
    if NIGHTLY:
        first, _, last = figures.told()["MiB by third"][:3]
        assert last < 1.25 * first
