"""Going back and forth as a user of the Python object does."""

from __future__ import annotations

from pathlib import Path

import pytest

import evm_dex
from evm_dex.errors import UnknownSnapshot

WETH = 10**18
USDC = 10**6


def test_orders_and_balances_come_back_with_a_snapshot() -> None:
    with evm_dex.open() as dex:
        weth = dex.tokens["WETH"]
        dex.spot.send("placeOrder", weth, WETH, 3_000 * USDC, False)
        before = dex.spot.call("getDepth", weth, 5)
        number = dex.snapshot()
        dex.snapshot("one ask")
        dex.spot.send("placeOrder", weth, 2 * WETH, 3_000 * USDC, True, sender=dex.accounts[1])
        after = dex.spot.call("getDepth", weth, 5)
        assert dex.revert(number) == dex.head
        assert dex.spot.call("getDepth", weth, 5) == before != after
        dex.mine(3)
        assert dex.revert("one ask").number == 1
        with pytest.raises(UnknownSnapshot):
            dex.revert("two asks")
        assert dex.self_check() == []


def test_a_rollback_on_disk_outlives_the_process(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=2) as dex:
        weth = dex.tokens["WETH"]
        for price in (3_000, 3_010, 3_020):
            dex.spot.send("placeOrder", weth, WETH, price * USDC, False)
        assert dex.rollback(1).number == 1
    with evm_dex.open(tmp_path) as dex:
        assert dex.spot.call("getDepth", dex.tokens["WETH"], 5).askPrices == (3_000 * USDC,)
        assert dex.head.number == 1
