"""An active-order index that disagrees with the orders is repaired, and said to have been."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

import evm_dex
from checkpoint.errors import CommitsLost
from checkpoint.rocks import RocksStore

WETH, USDC = 10**18, 10**6


def test_a_chain_whose_last_blocks_are_lost_is_gone_on_with_when_that_is_accepted(
    tmp_path: Path,
) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=5) as dex:
        dex.mine(7)
    for log in (tmp_path / "db").glob("*.log"):
        log.write_bytes(b"")
    with pytest.raises(CommitsLost, match="accept_loss=True"):
        evm_dex.open(tmp_path)
    with evm_dex.open(tmp_path, accept_loss=True) as dex:
        assert dex.head.number == 5
        dex.mine()
    with evm_dex.open(tmp_path) as dex:
        assert dex.head.number == 6


def test_a_wrong_index_is_repaired_once_and_reported(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path) as dex:
        for price in (3_000, 3_001):
            dex.spot.send("placeOrder", dex.tokens["WETH"], WETH, price * USDC, False)
        dex.spot.send("cancelOrder", 2)
        root = dex.head.state_root
    with closing(RocksStore(tmp_path)) as store:
        store.set_active({(1).to_bytes(8, "big"): False, (2).to_bytes(8, "big"): True})
    with evm_dex.open(tmp_path) as dex:
        assert len(dex.repairs) == 2
        assert "order 1 is active" in dex.repairs[0]
        assert "order 2 has ended" in dex.repairs[1]
        assert dex.head.state_root == root
        assert dex.self_check() == []
        assert dex.spot.call("getBestPrices", dex.tokens["WETH"]).ask == 3_000 * USDC
    with evm_dex.open(tmp_path) as dex:
        assert dex.repairs == ()
